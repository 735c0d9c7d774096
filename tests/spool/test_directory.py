"""One file a process, under a lock of its own, and what becomes of it when the process is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from raccoon_runtime.errors import ConfigError
from raccoon_runtime.spool.directory import Directory

from tests.spool.rows import fill

HOLD = """
import sys
from raccoon_runtime.spool.directory import Directory
claim = Directory(sys.argv[1]).claim(Directory(sys.argv[1]).path / sys.argv[2])
print("held" if claim else "taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def spool(tmp_path: Path) -> Directory:
    return Directory(tmp_path / "a" / "spool")


def hold(spool: Directory, name: str) -> subprocess.Popen[str]:
    """Another process that claims a file until its input ends."""
    command = [sys.executable, "-c", HOLD, str(spool.path), name]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def let_go(holder: subprocess.Popen[str]) -> None:
    holder.communicate()


def test_the_directory_is_made_for_us_alone(spool: Directory) -> None:
    assert spool.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_a_directory_that_cannot_be_made_is_a_config_error(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError) as caught:
        Directory(tmp_path / path)
    assert caught.value.argument == "spool"


def test_a_file_that_is_claimed_is_nobody_elses(spool: Directory) -> None:
    claim = spool.new()
    assert spool.claim(claim.path) is None
    claim.release()
    again = spool.claim(claim.path)
    assert again is not None
    again.release()
    assert list(spool.path.iterdir()) == []


def test_another_processes_file_is_left_alone_until_it_is_gone(spool: Directory) -> None:
    path = spool.path / "a.spool"
    fill(path, 1)
    holder = hold(spool, "a.spool")
    assert spool.claim_orphan(path) is None
    assert spool.owner(path) == str(holder.pid)
    holder.kill()
    holder.communicate()
    assert spool.owner(path) is None
    claim = spool.claim_orphan(path)
    assert claim is not None
    assert spool.owner(path) == str(os.getpid())
    claim.remove()
    claim.release()
    assert list(spool.path.iterdir()) == []


def test_who_only_looks_keeps_nobody_from_a_file(spool: Directory) -> None:
    path = spool.path / "a.spool"
    fill(path, 1)
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            spool.owner(path)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    for _ in range(200):
        claim = spool.claim_orphan(path)
        assert claim is not None
        claim.release()
    ended.set()
    for looker in lookers:
        looker.join()


def test_of_many_who_want_a_file_one_gets_it(spool: Directory) -> None:
    path = spool.path / "a.spool"
    for _ in range(50):
        fill(path, 1)
        got: list[object] = []
        start = threading.Barrier(8)

        def want(got: list[object] = got, start: threading.Barrier = start) -> None:
            start.wait()
            claim = spool.claim(path)
            if claim is not None:
                got.append(claim)
                time.sleep(0.001)  # so that the others find it taken
                claim.remove()
                claim.release()

        threads = [threading.Thread(target=want) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got
        assert list(spool.path.iterdir()) == []


def test_a_damaged_file_is_kept_under_another_name(spool: Directory) -> None:
    path = spool.path / "a.spool"
    fill(path, 1)
    Path(f"{path}-wal").write_bytes(b"log")
    claim = spool.claim_orphan(path)
    assert claim is not None
    assert claim.set_aside() == spool.path / "a.spool.damaged"
    claim.release()
    assert sorted(one.name for one in spool.path.iterdir()) == [
        "a.spool.damaged",
        "a.spool.damaged-wal",
    ]
    assert spool.files() == []
    assert spool.damaged() == [spool.path / "a.spool.damaged"]


def test_what_is_left_of_files_that_are_gone_is_swept_away(spool: Directory) -> None:
    for name in ("a.spool.lock", "b.spool-wal", "c.spool-reserve", "d.spool-shm"):
        (spool.path / name).touch()
    for name in ("e.spool", "e.spool-reserve", "f.spool.damaged", "f.spool.damaged-wal", "mine"):
        (spool.path / name).touch()
    holder = hold(spool, "g.spool")
    spool.sweep()
    left = sorted(one.name for one in spool.path.iterdir())
    assert left == [
        "e.spool",
        "e.spool-reserve",
        "f.spool.damaged",
        "f.spool.damaged-wal",
        "g.spool.lock",
        "mine",
    ]
    let_go(holder)


def test_a_lock_that_was_removed_is_made_again_unless_another_has_it(spool: Directory) -> None:
    claim = spool.new()
    claim.path.touch()
    made = claim.path.stat()
    assert claim.is_ours(made)
    lock = Path(f"{claim.path}.lock")
    lock.unlink()
    assert claim.is_ours(made)
    assert lock.exists() and spool.claim(claim.path) is None
    lock.unlink()
    other = spool.claim(claim.path)
    assert other is not None and other.is_ours(made)
    assert not claim.is_ours(made)
    claim.path.rename(claim.path.with_suffix(".moved"))
    claim.path.touch()
    assert not other.is_ours(made)
    claim.path.unlink()
    assert not other.is_ours(made)
    other.release()
    claim.release()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_directory_that_cannot_be_written_to_is_a_config_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError):
        Directory(tmp_path)
    with pytest.raises(ConfigError):
        Directory(tmp_path / "below")
    tmp_path.chmod(0o700)
