"""Forks: the child has a spool of its own, and touches nothing of its parent's."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from raccoon_runtime.collector import Collector
from raccoon_runtime.spool.directory import Directory

from tests.spool.events import nobody, spool_files, stored
from tests.spool.forks import CHILDREN, EACH
from tests.spool.processes import ROOT, recover

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")


def program(scenario: str, url: str, directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.spool.forks", scenario, url, str(directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_children_that_are_forked_while_the_spool_is_at_work(
    collector: Collector, directory: Path
) -> None:
    process = program("children", collector.ws_url, directory)
    output, _ = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    users = [n for n in range(CHILDREN) if n % 4 != 3]
    theirs = {1_000_000 + n * EACH + i for n in users for i in range(EACH)}
    assert stored(collector) == Counter([*range(int(output)), *theirs])
    assert spool_files(directory) == []


@pytest.mark.parametrize("scenario", ["waiting", "handles"])
async def test_a_fork_and_what_the_parent_has_open(directory: Path, scenario: str) -> None:
    process = program(scenario, nobody(), directory)
    await asyncio.to_thread(process.communicate)
    assert process.returncode == 0


async def test_what_a_killed_parent_left_is_not_its_childs(
    collector: Collector, directory: Path
) -> None:
    process = program("orphaned", nobody(), directory)
    assert process.stdin is not None and process.stdout is not None
    said, pid = (await asyncio.to_thread(process.stdout.readline)).split()
    assert said == "forked"
    process.kill()
    await asyncio.to_thread(process.wait)

    process.stdin.write("go on\n")
    process.stdin.flush()
    assert await asyncio.to_thread(process.stdout.readline) == "submitted\n"
    theirs = [Directory(directory).owner(path) for path in Directory(directory).files()]
    # The child's lock is not its parent's, and what the parent left is free for others.
    assert sorted(theirs, key=str) == [pid, None]

    await recover(collector.ws_url, directory)
    assert stored(collector) == Counter(range(5))

    process.stdin.close()
    assert await asyncio.to_thread(process.stdout.read) == "closed\n"
    process.stdout.close()
    await recover(collector.ws_url, directory)
    assert stored(collector) == Counter([*range(5), 100])
