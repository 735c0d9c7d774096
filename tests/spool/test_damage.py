"""Files that are torn, overwritten or not ours: the rest is delivered, the bad set aside and
counted, and nothing hangs.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from raccoon_runtime import SpoolError
from raccoon_runtime.collector import Collector
from raccoon_runtime.spool.directory import Claim, Directory
from raccoon_runtime.spool.reader import Reader
from raccoon_runtime.spool.store import VERSION

from generated import AsyncEventClient
from tests.spool.drain import drain
from tests.spool.events import OPTIONS, event, spool_files, stored
from tests.spool.rows import crashed, fill

PAGE = 4096
HEAD, FRAME = 32, 24 + PAGE  # of a log
BATCHES, EVENTS, SIZE = 40, 10, 300
ALL = range(BATCHES * EVENTS)
DAMAGED_FILES = [".spool.damaged", ".spool.damaged-wal"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of about as many pages of rows as of what does not fit into them."""
    path = tmp_path_factory.mktemp("sound") / "a.spool"
    fill(path, BATCHES, EVENTS, SIZE)
    return path.read_bytes()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A file and its log, as a crash leaves them."""
    folder = tmp_path_factory.mktemp("log")
    crashed(folder / "a.spool", BATCHES, EVENTS, SIZE)
    return (folder / "a.spool").read_bytes(), (folder / "a.spool-wal").read_bytes()


def put(directory: Path, data: bytes, wal: bytes = b"") -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    (directory / "a.spool").write_bytes(data)
    if wal:
        (directory / "a.spool-wal").write_bytes(wal)


def changed(sound: bytes) -> Iterator[tuple[int, bytes]]:
    """The file with a bit flipped, or some bytes overwritten, here and there in each page."""
    guess = random.Random(11)
    for page in range(len(sound) // PAGE):
        # What a page begins with says what it is and where its cells are.
        for at in (guess.choice((0, 3, 5)), guess.randrange(8, 30), guess.randrange(PAGE)):
            where = page * PAGE + at
            yield where, _with(sound, where, bytes([sound[where] ^ 1 << guess.randrange(8)]))
        yield page * PAGE, _with(sound, page * PAGE, bytes(PAGE))


def _with(data: bytes, at: int, other: bytes) -> bytes:
    return data[:at] + other + data[at + len(other) :]


def test_bytes_that_changed(directory: Path, sound: bytes) -> None:
    costs: Counter[int] = Counter()
    for where, data in changed(sound):
        put(directory, data)
        found, _ = drain(directory)
        assert found.keys() <= set(ALL), where
        assert set(found.values()) <= {1}, where
        lost = BATCHES - len(found) // EVENTS
        costs[lost] += 1
        # What a page holds: the heads of a few rows, or a piece of one.
        assert lost <= 8, (where, lost)
        left = spool_files(directory)
        assert left in ([[".spool.damaged"]] if lost else [[], [".spool.damaged"]]), where
    assert costs[0] > 30 and costs[1] > 30, costs


def test_a_file_that_is_cut_off(directory: Path, sound: bytes) -> None:
    for cut in range(0, len(sound), len(sound) // 30 + 37):
        put(directory, sound[:cut])
        found, _ = drain(directory)
        assert found.keys() <= set(ALL) and set(found.values()) <= {1}
        # What was written first is at the front.
        assert len(found) >= len(ALL) * (cut - 10 * PAGE) // len(sound), cut
        assert spool_files(directory) == ([".spool.damaged"] if cut else [])


def test_a_log_that_is_cut_off(directory: Path, log: tuple[bytes, bytes]) -> None:
    data, wal = log
    before = -1
    for cut in range(0, len(wal), len(wal) // 60 + 1):
        put(directory, data, wal[:cut])
        found, counts = drain(directory)
        # Each transaction that is there whole, and nothing else.
        assert found == Counter(range(len(found))) and len(found) % EVENTS == 0
        assert counts.failed == 0
        assert len(found) >= before
        before = len(found)
        assert spool_files(directory) == []
    assert before >= len(ALL) - 2 * EVENTS


def frames(wal: bytes) -> tuple[list[int], list[int]]:
    """Where a log's frames begin, and those of an earlier use of it."""
    all = range(HEAD, len(wal), FRAME)
    own = [at for at in all if wal[at + 8 : at + 16] == wal[16:24]]
    return own, [at for at in all if at not in own]


def flipped(data: bytes, at: int) -> bytes:
    return _with(data, at, bytes([data[at] ^ 0x10]))


def test_a_log_in_which_bytes_changed(directory: Path, log: tuple[bytes, bytes]) -> None:
    """What SQLite would take for the log's end costs the rows that it hits, and no other."""
    data, wal = log
    guess = random.Random(5)
    costs: Counter[int] = Counter()
    for frame in guess.sample(frames(wal)[0][:-1], 50):
        at = frame + guess.randrange(FRAME)
        put(directory, data, flipped(wal, at))
        found, counts = drain(directory)
        lost = BATCHES - len(found) // EVENTS
        costs[lost] += 1
        assert found.keys() <= set(ALL) and set(found.values()) == {1}, at
        assert counts.failed == lost * EVENTS, at
        assert spool_files(directory) == DAMAGED_FILES, at
    assert costs[0] > 30 and costs[1] and len(costs) == 2, costs


def test_a_log_whose_head_changed(directory: Path, log: tuple[bytes, bytes]) -> None:
    data, wal = log
    changed = [flipped(wal, at) for at in range(0, HEAD, 3)]
    changed += [bytes(HEAD) + wal[HEAD:], os.urandom(3000) + wal[3000:]]
    for other in changed:
        put(directory, data, other)
        found, counts = drain(directory)
        assert found == Counter(ALL) and counts.failed == 0
        assert spool_files(directory) == DAMAGED_FILES


def test_heads_that_are_overwritten(directory: Path, log: tuple[bytes, bytes]) -> None:
    put(directory, *(os.urandom(3000) + part[3000:] for part in log))
    found, counts = drain(directory)
    assert found == Counter(ALL) and counts.failed == 0
    assert spool_files(directory) == DAMAGED_FILES


def test_pages_of_a_log_that_are_lost(directory: Path, log: tuple[bytes, bytes]) -> None:
    data, wal = log
    for at in range(HEAD, frames(wal)[0][-3], 8 * FRAME):
        put(directory, data, _with(wal, at, bytes(2 * FRAME)))
        found, _ = drain(directory)
        assert found.keys() <= set(ALL) and set(found.values()) == {1}
        assert len(found) >= len(ALL) - 2 * EVENTS
        assert spool_files(directory) == DAMAGED_FILES


def test_the_last_frame_of_a_log_and_what_is_behind_it(
    directory: Path, log: tuple[bytes, bytes]
) -> None:
    data, wal = log
    own, others = frames(wal)
    for at in range(own[-1], own[-1] + FRAME, 400):
        put(directory, data, flipped(wal, at))
        found, counts = drain(directory)
        # As of a crash while it was written.
        assert found == Counter(ALL[:-EVENTS]) and counts.failed == 0
        assert spool_files(directory) == []
    for at in others:
        put(directory, data, flipped(wal, at + 7))
        assert drain(directory)[0] == Counter(ALL)
        assert spool_files(directory) == []


def test_the_last_frame_of_a_log_whose_index_is_there(directory: Path) -> None:
    """The index tells that it was whole once."""
    crashed(directory / "a.spool", 10)
    path = directory / "a.spool-wal"
    wal = path.read_bytes()
    path.write_bytes(flipped(wal, frames(wal)[0][-1] + FRAME - 1))
    assert drain(directory)[0] == Counter(range(100))
    assert ".spool.damaged" in spool_files(directory)


@pytest.mark.parametrize("left", [0, 16, HEAD, HEAD + 100])
def test_a_log_of_which_nothing_is_left(directory: Path, left: int) -> None:
    """The index tells that there was something."""
    crashed(directory / "a.spool", 10)
    os.truncate(directory / "a.spool-wal", left)
    drain(directory)
    assert ".spool.damaged" in spool_files(directory)


def test_a_log_that_the_file_has_already(directory: Path) -> None:
    """A checkpoint may have come between its last commit and the damage."""
    path = directory / "a.spool"
    crashed(path, 10)
    wal = Path(f"{path}-wal").read_bytes()
    db = sqlite3.connect(path)
    db.execute("PRAGMA wal_checkpoint").fetchall()
    data = path.read_bytes()
    db.close()
    for at in (HEAD, HEAD + FRAME, HEAD + 5 * FRAME):
        put(directory, data, wal[:at] + os.urandom(2 * FRAME) + wal[at + 2 * FRAME :])
        assert drain(directory)[0] == Counter(range(100))


def test_a_file_that_has_lost_all_but_its_log(directory: Path) -> None:
    crashed(directory / "a.spool", 10)
    os.truncate(directory / "a.spool", 0)
    assert drain(directory)[0] == Counter(range(100))
    assert ".spool.damaged" in spool_files(directory)


async def test_a_log_that_is_damaged_is_told_of(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    crashed(directory / "a.spool", 10, size=100)
    path = directory / "a.spool-wal"
    wal = path.read_bytes()
    path.write_bytes(wal.replace(b'"n": 34', b'"n": 3x'))
    async with Collector(event_ack=1) as collector:
        client = AsyncEventClient.connect(collector.ws_url, spool=directory, **OPTIONS)
        await client.flush(20)
        stats = client.stats()
        await client.close()
        assert stored(collector) == Counter(set(range(100)) - set(range(30, 40)))
    assert (stats.delivered, stats.failures) == (90, {"SpoolError": 10})
    assert "9 batches of it go on, 1 cannot be read; kept as a.spool.damaged" in caplog.text


@pytest.mark.parametrize("content", [b"", b"not a database\n" * 1000, os.urandom(50_000)])
def test_a_file_that_is_no_database(directory: Path, content: bytes) -> None:
    fill(directory / "good.spool", 3)
    (directory / "bad.spool").write_bytes(content)
    found, counts = drain(directory)
    assert found == Counter(range(30))
    assert counts.failed == 0
    assert spool_files(directory) == ([".spool.damaged"] if content else [])
    if content:
        assert (directory / "bad.spool.damaged").read_bytes() == content


def test_another_database(directory: Path) -> None:
    fill(directory / "good.spool", 3)
    db = sqlite3.connect(directory / "bad.spool")
    db.execute(f"PRAGMA user_version={VERSION}")
    db.execute("CREATE TABLE something (else_ TEXT)")
    db.close()
    found, _ = drain(directory)
    assert found == Counter(range(30))
    assert spool_files(directory) == [".spool.damaged"]


def test_a_file_of_another_version_is_left_for_those_who_can_read_it(directory: Path) -> None:
    fill(directory / "good.spool", 3)
    fill(directory / "new.spool", 3)
    db = sqlite3.connect(directory / "new.spool")
    db.execute(f"PRAGMA user_version={VERSION + 1}")
    db.close()
    before = (directory / "new.spool").read_bytes()
    found, _ = drain(directory)
    assert found == Counter(range(30))
    assert spool_files(directory) == [".spool", ".spool.lock"]
    assert (directory / "new.spool").read_bytes() == before


def test_nor_is_its_log_touched_when_that_is_damaged(directory: Path) -> None:
    crashed(directory / "new.spool", 3, version=VERSION + 1)
    path = directory / "new.spool-wal"
    path.write_bytes(flipped(path.read_bytes(), HEAD + FRAME + 999))
    before = path.read_bytes()
    assert drain(directory)[0] == Counter()
    assert path.read_bytes() == before


def test_rows_that_two_files_have_come_out_flagged(directory: Path) -> None:
    # So a crash leaves it that comes when a row was moved and not removed yet.
    fill(directory / "a.spool", 5)
    shutil.copy(directory / "a.spool", directory / "b.spool")
    found, counts = drain(directory)
    assert found.keys() == set(range(50)) and set(found.values()) <= {1, 2}
    assert counts.delivered == found.total()
    assert spool_files(directory) == []


def test_columns_that_changed(directory: Path) -> None:
    """The checksum tells of all but a few columns; those must not spoil the books."""
    for column in ("events", "bytes", "failed_since", "possible_duplicate"):
        for value in ("NULL", "-5", "0", "1e300", str(2**63 - 1), "'text'", "x'00ff'"):
            fill(directory / "a.spool", 4)
            db = sqlite3.connect(directory / "a.spool")
            # As a bit that flips would do it: without asking whether it is allowed.
            db.execute("PRAGMA ignore_check_constraints=1")
            db.execute("PRAGMA writable_schema=1")
            db.execute("UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '')")
            db.commit()
            db.close()
            db = sqlite3.connect(directory / "a.spool")
            db.execute(f"UPDATE batches SET {column} = {value} WHERE id IN (2, 3)")
            db.commit()
            db.close()
            found, counts = drain(directory)
            assert found == Counter(range(40)), (column, value)
            assert counts.pending == counts.pending_bytes == 0
            shutil.rmtree(directory)


# --- while a client is at work ------------------------------------------------------------------


def change(directory: Path, statement: str) -> None:
    """Change a spool file that is in use, as another program might."""
    (path,) = directory.glob("*.spool")
    code = (
        "import sqlite3, sys;"
        "sqlite3.connect(sys.argv[1], isolation_level=None).execute(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(path), statement], check=True)


async def spoilt(
    directory: Path, spoil: Callable[[], object], size: int = 1000
) -> AsyncEventClient:
    """Spoil the backlog of a client, let it be delivered, and return the client, still open."""
    async with Collector(event_ack=1) as collector:
        await collector.stop()
        client = AsyncEventClient.connect(
            collector.ws_url, spool=directory, **{**OPTIONS, "queue_events": 20, "batch_events": 1}
        )
        futures = [await client.submit(event(number, size)) for number in range(400)]
        spoil()
        await collector.start()
        await client.flush(20)
        stats = client.stats()
        assert stats.pending == 0 and stats.accepted == 400 == stats.delivered + stats.failed
        failed = {n for n, future in enumerate(futures) if future.exception() is not None}
        assert all(isinstance(futures[n].exception(), SpoolError) for n in failed)
        assert stats.failures == ({"SpoolError": len(failed)} if failed else {})
        assert stored(collector).keys() == set(range(400)) - failed
        await client.send([event(1000)])
        await client.close()
        return client


async def test_rows_that_are_damaged_meanwhile(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "UPDATE batches SET frames = zeroblob(100) WHERE id % 50 = 0"
    client = await spoilt(directory, lambda: change(directory, wrong))
    assert client.stats().failed == 8
    assert "damaged, and were set aside" in caplog.text
    assert spool_files(directory) == [".spool.damaged"]
    (path,) = Directory(directory).damaged()
    reader = Reader.open(path)
    assert len(reader.aside()) == 8
    reader.close()


async def test_rows_that_are_missed(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    client = await spoilt(
        directory, lambda: change(directory, "DELETE FROM batches WHERE id >= 390")
    )
    assert client.stats().failed == 11
    assert "11 events are missing" in caplog.text
    assert spool_files(directory) == []


async def test_a_file_that_is_removed_while_it_is_in_use(directory: Path) -> None:
    client = await spoilt(directory, lambda: directory.rename(directory.with_name("elsewhere")))
    assert client.stats().failed == 0
    assert spool_files(directory) == []


async def test_a_lock_that_is_removed_while_it_is_in_use(directory: Path) -> None:
    def remove() -> None:
        (path,) = directory.glob("*.lock")
        path.unlink()

    client = await spoilt(directory, remove)
    assert client.stats().failed == 0
    assert spool_files(directory) == []


async def test_a_file_that_somebody_takes_from_us(directory: Path) -> None:
    def take() -> None:
        (path,) = Directory(directory).files()
        Path(f"{path}.lock").unlink()
        claims.append(Directory(directory).claim(path))

    claims: list[Claim | None] = []
    client = await spoilt(directory, take)
    assert client.stats().failed == 0
    (claim,) = claims
    assert claim is not None and claim.path.exists()
    claim.release()


async def test_pages_that_are_overwritten_while_they_are_in_use(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def overwrite() -> None:
        (path,) = directory.glob("*.spool")
        pages = path.stat().st_size // PAGE
        command = ["dd", "if=/dev/zero", f"of={path}", f"bs={PAGE}", "conv=notrunc", "status=none"]
        subprocess.run([*command, f"seek={pages // 2}", f"count={pages // 20}"], check=True)

    client = await spoilt(directory, overwrite, 12_000)
    assert 0 < client.stats().failed < 100
    assert "damaged" in caplog.text
    assert Directory(directory).files() == []
