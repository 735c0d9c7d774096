"""Disks that are full, and disks that fail: events wait, and none is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.spool.processes import ROOT

SCENARIOS = ("waits", "starts", "closes", "threads")


async def trouble(
    way: str, directory: Path, *scenarios: str, before: Sequence[str] = (), **environment: str
) -> None:
    """Run these scenarios in a process of their own."""
    process = await asyncio.create_subprocess_exec(
        *before,
        *(sys.executable, "-m", "tests.spool.trouble", way, str(directory), *scenarios),
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
    [("ENOSPC", SCENARIOS), ("EIO", SCENARIOS), ("EIO sync", SCENARIOS), ("EIO read", ["reads"])],
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
