"""The books: exact in every snapshot, whatever happens meanwhile and whoever asks."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from raccoon_runtime import SendError, Stats
from raccoon_runtime.collector import Answered, Close, Collector, Unpublishable

from generated import ClickEvent, PageEvent, SearchEvent

from .conftest import Connect, Face


def check(stats: Stats) -> None:
    assert stats.accepted == stats.delivered + stats.failed + stats.pending, stats
    assert stats.failed == sum(stats.failures.values()), stats
    assert min(stats.accepted, stats.delivered, stats.failed, stats.pending) >= 0, stats
    assert (stats.pending == 0) == (stats.pending_bytes == 0), stats
    assert stats.oldest >= 0


@contextmanager
def watched(client: Face) -> Iterator[list[Stats]]:
    """Take snapshots from another thread as fast as it gets."""
    over = threading.Event()
    wrong: list[BaseException] = []
    snapshots: list[Stats] = []

    def watch() -> None:
        try:
            while not over.is_set():
                stats = client.stats()
                check(stats)
                if not snapshots or snapshots[-1] != stats:
                    snapshots.append(stats)
        except BaseException as error:
            wrong.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield snapshots
    finally:
        over.set()
        thread.join()
    assert not wrong, wrong


async def test_they_are_exact_in_every_snapshot(connect: Connect, collector: Collector) -> None:
    collector.faults.add(Answered(type="click"), Unpublishable(times=20), Close(times=5))
    client = connect(batch_events=7, queue_events=50)
    with watched(client) as snapshots:
        for number in range(200):
            await client.submit(PageEvent(event_name=str(number)))
            await client.submit(ClickEvent(element=str(number)))
        await client.flush()
        await client.close()
    last = client.stats()
    assert (last.accepted, last.pending, last.in_flight) == (400, 0, 0)
    assert last.failures["RejectedError"] >= 200
    assert len(snapshots) > 10
    for before, after in itertools.pairwise(snapshots):
        assert after.accepted >= before.accepted
        assert after.delivered >= before.delivered
        assert after.requests >= before.requests


async def test_what_is_counted(connect: Connect, collector: Collector) -> None:
    client = connect()
    check(client.stats())
    assert client.stats().latency.max == 0
    await client.send([PageEvent(event_name="x"), SearchEvent(query="y")])
    collector.faults.add(Unpublishable(times=2))
    await client.send_page_event(event_name="again")
    stats = client.stats()
    assert (stats.accepted, stats.delivered, stats.failed) == (3, 3, 0)
    assert (stats.requests, stats.retries) == (4, 2)
    assert stats.possible_duplicates == 1
    assert stats.connections == 1
    assert 0 < stats.latency.p50 <= stats.latency.p90 <= stats.latency.p99 <= stats.latency.max
    collector.faults.add(Answered())
    with pytest.raises(SendError):
        await client.send_page_event(event_name="refused")
    assert client.stats().failures == {"RejectedError": 1}
    await client.close()


async def test_a_snapshot_does_not_change(connect: Connect, collector: Collector) -> None:
    async with connect() as client:
        before = client.stats()
        await client.send_page_event(event_name="x")
        assert (before.accepted, before.failures) == (0, {})


async def test_they_outlive_the_client(connect: Connect, collector: Collector) -> None:
    client = connect()
    await client.send_page_event(event_name="x")
    await client.close()
    stats = client.stats()
    check(stats)
    assert stats.delivered == 1


async def test_the_age_of_the_oldest(connect: Connect, collector: Collector) -> None:
    await collector.stop()
    client = connect()
    client.submit_nowait(PageEvent(event_name="x"))
    await asyncio.sleep(0.05)
    client.submit_nowait(PageEvent(event_name="y"))
    assert client.stats().oldest >= 0.05
    await client.close(timeout=0)
    assert client.stats().oldest == 0
    await collector.start()
