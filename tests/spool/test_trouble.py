"""Disks that are full, and disks that fail: events wait, and none is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import settings
from raccoon_runtime.collector import Collector
from raccoon_runtime.spool import spool

from generated import AsyncEventClient
from tests.spool.events import OPTIONS, event, stored
from tests.spool.processes import ROOT
from tests.waiting import until

SCENARIOS = ("waits", "starts", "closes", "threads")
STRIDE = max(5_000 // settings.default.max_examples, 1)


async def trouble(
    way: str, directory: Path, *scenarios: str, before: Sequence[str] = (), **environment: str
) -> None:
    """Run these scenarios in a process of their own."""
    await run("trouble", way, directory, *scenarios, before=before, **environment)


async def run(
    module: str, *arguments: object, before: Sequence[str] = (), **environment: str
) -> None:
    """Run one of the modules here as a process, which must end well."""
    process = await asyncio.create_subprocess_exec(
        *before,
        *(sys.executable, "-m", f"tests.spool.{module}", *map(str, arguments)),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def test_files_that_must_not_grow(directory: Path) -> None:
    await trouble("limit", directory, *SCENARIOS, "restarts")


def test_a_disk_of_a_megabyte(directory: Path) -> None:
    apart = ["unshare", "--mount", *(["--map-root-user"] * (os.geteuid() != 0))]
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare here to mount a small file system with")
    mount = "mount -t tmpfs -o size=1m tmpfs"
    probe = subprocess.run([*apart, "sh", "-c", f"{mount} /mnt"], capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"file systems cannot be mounted here: {probe.stderr.strip()}")
    directory.mkdir()
    before = [*apart, "sh", "-c", f'{mount} "$1" && shift && exec "$@"', "sh", str(directory)]
    asyncio.run(trouble("tmpfs", directory, *SCENARIOS, "restarts", before=before))


@pytest.fixture(scope="session")
def badio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that lets writing fail."""
    if shutil.which("cc") is None or not sys.platform.startswith("linux"):
        pytest.skip("there is no C compiler here to make a library of badio.c with")
    built = tmp_path_factory.mktemp("badio") / "badio.so"
    source = Path(__file__).with_name("badio.c")
    command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(built), str(source), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return built


@pytest.mark.parametrize(
    ("way", "scenarios"),
    [
        *(("ENOSPC", SCENARIOS), ("EIO", SCENARIOS), ("EIO sync", SCENARIOS)),
        *(("EIO read", ["reads"]), ("EACCES path", ["waits", "closes", "threads"])),
    ],
)
async def test_errors_of_the_system(
    directory: Path, badio: Path, tmp_path: Path, way: str, scenarios: Sequence[str]
) -> None:
    await trouble(
        way,
        directory,
        *scenarios,
        LD_PRELOAD=str(badio),
        BADIO_UNDER=str(directory),
        BADIO_WHEN=str(tmp_path / "when"),
    )


async def test_any_call_may_fail(directory: Path, badio: Path) -> None:
    """The thread goes on, and what one client cannot take over or remove, the next one does."""
    first = random.randrange(STRIDE)
    environment = {"LD_PRELOAD": str(badio), "BADIO_UNDER": str(directory)}
    await run("sweep", directory, first, STRIDE, **environment)


async def test_a_file_where_the_directory_was(
    directory: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said once, and all goes on when the file is gone."""
    monkeypatch.setattr(spool, "_PATIENCE", 0.05)
    options = {**OPTIONS, "queue_events": 10, "batch_events": 2}
    async with Collector(event_ack=1) as collector:
        await collector.stop()
        client = AsyncEventClient.connect(collector.ws_url, spool=directory, **options)
        for number in range(30):
            await client.submit(event(number))
        replace(directory, directory.with_name("elsewhere"))
        tasks = [asyncio.create_task(client.submit(event(number))) for number in range(30, 36)]
        await until(lambda: "events wait" in caplog.text)
        await collector.start()
        await until(lambda: client.stats().delivered)  # what was in memory goes on
        await asyncio.to_thread(directory.unlink)
        await asyncio.wait_for(asyncio.gather(*tasks), 20)
        await client.flush(20)
        assert stored(collector).keys() == set(range(36))
        assert caplog.text.count("events wait") == caplog.text.count("is no good") == 1
        assert await client.close() == []


def replace(directory: Path, elsewhere: Path) -> None:
    """Put a file in the place of a directory, which a client may make again meanwhile."""
    while not directory.is_file():
        directory.rename(elsewhere)
        with contextlib.suppress(OSError):
            directory.touch()
        shutil.rmtree(elsewhere)
