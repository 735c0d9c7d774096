"""Processes that are killed: what they were told is safe is delivered by the next."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest
from raccoon_runtime.collector import Collector, Delay, Unpublishable
from raccoon_runtime.spool.directory import Directory

from tests.spool.events import nobody, spool_files, stored
from tests.spool.processes import judge, recover, sender, until_said
from tests.waiting import until

STEPS = ("begin", "insert", "delete", "commit", "written")


@pytest.mark.parametrize("step", STEPS)
async def test_a_process_that_dies_while_it_writes(
    collector: Collector, directory: Path, step: str
) -> None:
    for first, nth, how in ((0, 1, "--sync"), (1000, 4, "--close"), (2000, 20, "--sync")):
        async with sender(
            collector.ws_url, directory, first, 500, how, "--die", f"{step}:{nth}"
        ) as one:
            accepted = await one.ended()
        assert one.process.returncode == -9
        await recover(collector.ws_url, directory)
        judge(collector, accepted)
    assert spool_files(directory) == []


@pytest.mark.parametrize("step", STEPS)
async def test_a_process_that_dies_before_it_could_send(directory: Path, step: str) -> None:
    async with sender(nobody(), directory, 0, 200, "--die", f"{step}:8") as one:
        accepted = await one.ended()
    async with Collector(event_ack=1) as collector:
        await recover(collector.ws_url, directory)
        judge(collector, accepted)
        # Nothing was on its way, so nothing came twice.
        assert set(stored(collector).values()) <= {1}


async def test_processes_that_are_killed_under_load(collector: Collector, directory: Path) -> None:
    collector.faults.add(Delay(0.01))
    accepted: set[int] = set()
    guess = random.Random(7)
    for round in range(6):
        async with sender(
            collector.ws_url,
            directory,
            round * 100_000,
            100_000,
            *(["--sync"] * (round % 2)),
            queue_events=guess.choice([20, 10_000]),
            batch_events=guess.choice([1, 10, 100]),
        ) as one:
            await until(until_said(one, guess.randint(1, 1500)))
            accepted |= await one.kill()
    await recover(collector.ws_url, directory)
    judge(collector, accepted)
    assert spool_files(directory) == []


async def test_a_process_that_is_killed_while_it_splits(
    collector: Collector, directory: Path
) -> None:
    # Batches are cut around what cannot be published; the halves take the place of the whole.
    poison = b'{"n":13}'
    collector.faults.add(Unpublishable(containing=poison))
    async with sender(
        collector.ws_url, directory, 0, 300, "--callers", "100", batch_events=50
    ) as one:
        await until(lambda: stored(collector).total() > 250)
        accepted = await one.kill()
    collector.faults.clear()
    await recover(collector.ws_url, directory)
    assert accepted <= stored(collector).keys()


async def test_a_backlog_outlives_many_processes(directory: Path) -> None:
    accepted: set[int] = set()
    for round in range(4):
        async with sender(nobody(), directory, round * 1000, 150, queue_events=30) as one:
            await until(until_said(one, 150))
            accepted |= await one.kill()
    async with Collector(event_ack=1) as collector:
        await recover(collector.ws_url, directory)
        judge(collector, accepted)
        assert stored(collector) == Counter(accepted)
    assert len(accepted) == 600
    assert spool_files(directory) == []


async def test_two_processes_and_a_crash(collector: Collector, directory: Path) -> None:
    async with (
        sender(nobody(), directory, 0, 50) as first,
        sender(nobody(), directory, 1000, 50) as second,
    ):
        await until(until_said(first, 50))
        await until(until_said(second, 50))
        accepted = await first.kill()
        await recover(collector.ws_url, directory)
        # What the one left was delivered; what the other still has was not.
        assert stored(collector) == Counter(accepted) == Counter(range(50))
        assert len(Directory(directory).files()) == 1
        await second.kill()
    await recover(collector.ws_url, directory)
    assert stored(collector) == Counter(accepted | second.said)


async def test_processes_that_start_together_share_what_is_left(
    collector: Collector, directory: Path
) -> None:
    accepted: set[int] = set()
    for first in range(0, 500, 100):
        async with sender(nobody(), directory, first, 100) as one:
            await until(until_said(one, 100))
            accepted |= await one.kill()
    await asyncio.gather(*(recover(collector.ws_url, directory) for _ in range(3)))
    judge(collector, accepted)
    assert stored(collector) == Counter(accepted)
    assert spool_files(directory) == []


async def test_a_process_that_ends_well_leaves_nothing(
    collector: Collector, directory: Path
) -> None:
    for how in ("--sync", "--close"):
        async with sender(collector.ws_url, directory, 0, 100, how, "--close") as one:
            await one.ended()
        assert one.process.returncode == 0
    assert stored(collector) == Counter([*range(100), *range(100)])
    assert spool_files(directory) == []
