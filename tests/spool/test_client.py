"""What a client with a spool promises, as its user sees it."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import sqlite3
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from raccoon_runtime import (
    AuthError,
    BatchError,
    DroppedError,
    QueueFull,
    SendTimeoutError,
    Undelivered,
    UndeliveredError,
)
from raccoon_runtime.collector import Collector, HttpStatus, NoAnswer
from raccoon_runtime.spool.reader import Reader

from generated import AsyncEventClient, EventClient
from tests.spool.events import OPTIONS, event, events, nobody, spool_files, stored
from tests.waiting import until


def make(url: str, directory: Path, **options: object) -> AsyncEventClient:
    return AsyncEventClient.connect(url, spool=directory, **{**OPTIONS, **options})  # type: ignore[arg-type] # ty: a mix


def kept(directory: Path) -> int:
    """How many events are on the disk, for whoever looks."""
    return sum(_kept(path) for path in directory.glob("*.spool"))


def _kept(path: Path) -> int:
    reader = Reader.open(path)
    try:
        return reader.totals().events if reader.version() else 0
    finally:
        reader.close()


async def test_submit_returns_when_the_event_is_on_the_disk(directory: Path) -> None:
    client = make(nobody(), directory)
    for number in range(20):
        await client.submit(event(number))
        assert kept(directory) == number + 1
        assert client.stats().spooled == number + 1
    assert await client.close(0) == []
    assert kept(directory) == 20


async def test_what_one_client_left_the_next_delivers_flagged(
    collector: Collector, directory: Path
) -> None:
    client = make(nobody(), directory)
    futures = [await client.submit(event(number)) for number in range(250)]
    assert await client.close(0) == []
    assert all(isinstance(future.exception(), UndeliveredError) for future in futures)

    async with make(collector.ws_url, directory) as client:
        acks = client.acks()
        await collector.wait_for(250)
        await client.flush(10)
        stats = client.stats()
        assert (stats.accepted, stats.delivered, stats.pending) == (250, 250, 0)
        assert stats.possible_duplicates == 250
    assert all([ack.possible_duplicate async for ack in acks])
    assert stored(collector) == Counter(range(250))
    assert spool_files(directory) == []


@pytest.mark.parametrize("way", ["with", "async with", "flush"])
async def test_what_was_left_goes_out_without_an_event(
    collector: Collector, directory: Path, way: str
) -> None:
    client = make(nobody(), directory)
    for number in range(5):
        await client.submit(event(number))
    await client.close(0)
    options = {**OPTIONS, "spool": directory}
    if way == "async with":
        async with make(collector.ws_url, directory):
            await collector.wait_for(5)
        return

    def use() -> None:
        other = EventClient.connect(collector.ws_url, **options)
        if way == "flush":
            other.flush(20)
            other.close()
        else:
            with other:
                asyncio.run_coroutine_threadsafe(collector.wait_for(5), loop).result(20)

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(use)
    assert set(stored(collector)) == set(range(5))


async def test_a_closed_client_says_that_the_spool_has_the_event(directory: Path) -> None:
    """Whoever reads that does not send it again."""
    client = make(nobody(), directory, queue_events=5)
    futures = [await client.submit(event(number)) for number in range(20)]
    assert await client.close(0) == []
    for future in futures:
        assert "stays in the spool, and the next client" in str(future.exception())


async def test_a_wrong_set_up_leaves_what_was_left(
    collector: Collector, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is the matter with those events: they wait for a client that is set up well."""
    client = make(nobody(), directory)
    for number in range(5):
        await client.submit(event(number))
    await client.close(0)
    collector.faults.add(HttpStatus(401))
    client = make(collector.http_url, directory)
    client.stats()
    with pytest.raises(SendTimeoutError, match="5 events are pending") as told:
        await client.flush(0.5)
    assert isinstance(told.value.__cause__, AuthError)
    assert client.stats().failed == 0
    # One of this process is an error, at once if it is tried at all.
    with pytest.raises((SendTimeoutError, BatchError), match=r"AuthError|refuses the credentials"):
        await client.send([event(6)], timeout=0.3)
    assert await client.close(0) == []
    assert "is held up, trying again: AuthError" in caplog.text
    assert kept(directory) >= 5
    collector.faults.clear()
    async with make(collector.http_url, directory) as client:
        await client.flush(20)
    assert set(stored(collector)) >= set(range(5))


async def test_guid_and_bytes_are_the_same_after_a_restart(
    collector: Collector, directory: Path
) -> None:
    client = make(nobody(), directory)
    futures = [await client.submit(event(number)) for number in range(5)]
    guids = [future.req_guid for future in futures]
    await client.close(0)
    async with make(collector.ws_url, directory):
        await collector.wait_for(5)
    assert Counter(one.req_guid for one in collector.received) == Counter(set(guids))


async def test_nothing_is_left_when_all_is_acknowledged(
    collector: Collector, directory: Path
) -> None:
    async with make(collector.ws_url, directory) as client:
        await client.send(events(range(1000)))
        assert client.stats().possible_duplicates == 0
    assert stored(collector) == Counter(range(1000))
    assert spool_files(directory) == []


async def test_an_event_that_fails_is_not_kept(directory: Path, collector: Collector) -> None:
    dead: list[Undelivered] = []
    client = make(nobody(), directory, retry_budget=0.05, on_failure=dead.append)
    await client.submit(event(1))
    await until(lambda: dead)
    await client.close(0)
    assert dead[0].event == event(1)
    assert spool_files(directory) == []


async def test_a_batch_that_lingers_goes_out_when_its_time_is_up(
    collector: Collector, directory: Path
) -> None:
    async with make(collector.ws_url, directory, linger=0.05) as client:
        futures = [client.submit_nowait(event(number)) for number in range(3)]
        acks = [await future.within(10) for future in futures]
    assert len({ack.req_guid for ack in acks}) == 1


@pytest.mark.parametrize("patience", [math.inf, 1e10])
async def test_options_longer_than_any_wait(
    collector: Collector, directory: Path, patience: float
) -> None:
    """What lingers for ever goes out when it is flushed, or when there is enough of it."""
    async with make(
        collector.ws_url, directory, linger=patience, room_timeout=patience, batch_events=3
    ) as client:
        first = client.submit_nowait(event(0))
        await asyncio.sleep(0.1)
        assert not first.done()
        await client.flush(10)
        assert first.done()
        for future in [client.submit_nowait(event(number)) for number in range(1, 4)]:
            assert (await future.within(10)).ok

    def submit() -> None:
        options = {**OPTIONS, "spool": directory / "sync", "room_timeout": patience}
        with EventClient.connect(collector.ws_url, **options) as client:
            assert client.submit(event(4)).result(10).ok

    await asyncio.to_thread(submit)


async def test_a_flush_does_not_wait_for_company(collector: Collector, directory: Path) -> None:
    async with make(collector.ws_url, directory, linger=3600) as client:
        client.submit_nowait(event(1))
        await client.flush(10)
    assert stored(collector) == Counter([1])


async def test_room_comes_from_the_disk_while_the_server_is_down(directory: Path) -> None:
    client = make(nobody(), directory, queue_events=10, batch_events=5)
    futures = await asyncio.wait_for(
        asyncio.gather(*(client.submit(event(number)) for number in range(200))), 20
    )
    assert len(futures) == client.stats().spooled == 200
    await client.close(0)


async def test_a_thread_finds_room_on_the_disk_while_the_server_is_down(directory: Path) -> None:
    client = EventClient.connect(nobody(), spool=directory, queue_events=4, **OPTIONS)
    numbers = iter(range(10_000))

    def submit() -> None:
        for _ in range(25):
            client.submit(event(next(numbers)))

    threads = [threading.Thread(target=submit) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join, 30)
        assert not thread.is_alive()
    assert client.stats().spooled == 400
    assert await asyncio.to_thread(client.close, 0) == []
    assert kept(directory) == 400


async def test_what_memory_has_no_room_for_comes_back_from_the_disk_in_order(
    directory: Path,
) -> None:
    async with Collector(event_ack=1) as collector:
        await collector.stop()
        client = make(collector.ws_url, directory, queue_events=50, batch_events=10, in_flight=1)
        futures = [await client.submit(event(number)) for number in range(1000)]
        await collector.start()
        await client.flush(30)
        assert all(future.done() and future.exception() is None for future in futures)
        order = list(stored(collector))
        assert sorted(order) == list(range(1000))
        # One probe may overtake what was taken with it.
        assert order[50:] == sorted(order[50:])
        await client.close()


async def test_a_flush_waits_for_what_lies_on_the_disk_alone(directory: Path) -> None:
    async with Collector(event_ack=1) as collector:
        await collector.stop()
        client = make(collector.ws_url, directory, queue_events=20, batch_events=2)
        for number in range(300):
            await client.submit(event(number))
        flush = asyncio.create_task(client.flush(30))
        with pytest.raises(SendTimeoutError):
            await client.flush(0.05)
        await collector.start()
        await flush
        assert stored(collector).keys() == set(range(300))
        assert client.stats().pending == 0
        await client.close()


@pytest.mark.parametrize("sync", [False, True])
async def test_who_is_to_be_called_is_not_forgotten(
    directory: Path, collector: Collector, sync: bool
) -> None:
    """Nobody holds the futures; and most of the events lie on the disk alone for a while."""
    called: list[int] = []
    collector.faults.add(NoAnswer())
    options = {**OPTIONS, "spool": directory, "queue_events": 10, "batch_events": 5}

    def submit() -> EventClient:
        client = EventClient.connect(collector.ws_url, **options)
        for number in range(200):
            future = client.submit(event(number))
            future.add_done_callback(lambda done, number=number: called.append(number))
        return client

    if sync:
        client: EventClient | AsyncEventClient = await asyncio.to_thread(submit)
    else:
        client = AsyncEventClient.connect(collector.ws_url, **options)
        later = []
        for number in range(200):
            future = await client.submit(event(number))
            if number % 2:
                later.append(future)
            else:
                future.add_done_callback(lambda done, number=number: called.append(number))
        for number, future in enumerate(later):
            future.add_done_callback(lambda done, number=number: called.append(2 * number + 1))
        del later, future
    assert client.stats().spooled > 150
    gc.collect()
    collector.faults.clear()
    collector.sever()
    await until(lambda: len(called) == 200)
    assert sorted(called) == list(range(200))
    closing = await asyncio.to_thread(client.close)
    if not isinstance(closing, list):
        assert await closing == []


async def test_a_flush_ends_when_the_client_is_closed_beside_it(directory: Path) -> None:
    client = make(nobody(), directory, queue_events=10)
    for number in range(30):
        await client.submit(event(number))
    flushing = asyncio.ensure_future(client.flush())
    await asyncio.sleep(0)
    assert await client.close(0) == []
    await asyncio.wait_for(flushing, 20)
    assert kept(directory) == 30


async def test_flushes_while_the_backlog_is_read_never_return_early(directory: Path) -> None:
    async with Collector(event_ack=1) as collector:
        await collector.stop()
        client = make(collector.ws_url, directory, queue_events=10, batch_events=1)
        for number in range(500):
            await client.submit(event(number))
        await collector.start()
        accepted = client.stats().accepted
        while (stats := client.stats()).pending:
            number = stats.accepted
            await client.submit(event(number))
            await client.flush(30)
            assert number in stored(collector)
            assert client.stats().delivered >= accepted
        await client.close()


async def test_events_accepted_before_there_is_a_loop(directory: Path) -> None:
    def before() -> AsyncEventClient:
        client = make(url, directory)
        for number in range(10):
            client.submit_nowait(event(number))
        return client

    async with Collector(event_ack=1) as collector:
        url = collector.ws_url
        client = await asyncio.to_thread(before)
        await until(lambda: kept(directory) == 10)
        async with client:
            await collector.wait_for(10)


async def test_close_writes_what_has_gathered_rather_than_hand_it_back(directory: Path) -> None:
    for _ in range(20):
        client = make(nobody(), directory)
        for number in range(500):
            client.submit_nowait(event(number))
        assert await client.close(0) == []
        assert client.stats().spooled == client.stats().pending
    assert kept(directory) == 20 * 500


async def test_the_books_hold_while_threads_look(collector: Collector, directory: Path) -> None:
    client = make(collector.ws_url, directory, queue_events=200)
    ended = threading.Event()
    wrong: list[object] = []

    def look() -> None:
        while not ended.is_set():
            stats = client.stats()
            if stats.accepted != stats.delivered + stats.failed + stats.pending:
                wrong.append(stats)
            if not 0 <= stats.spooled <= stats.pending:
                wrong.append(stats)

    thread = threading.Thread(target=look)
    thread.start()
    await client.send(events(range(5000)))
    ended.set()
    await asyncio.to_thread(thread.join)
    assert not wrong
    await client.close()
    assert client.stats().delivered == 5000


async def test_spool_bytes_bounds_what_is_pending(directory: Path) -> None:
    client = make(nobody(), directory, spool_bytes=2000)
    with pytest.raises(QueueFull):
        for number in range(100):
            client.submit_nowait(event(number, 100))
    await until(lambda: client.stats().spooled == client.stats().pending)
    with pytest.raises(QueueFull):
        client.submit_nowait(event(1000, 100))
    assert client.stats().pending_bytes <= 2000
    await client.close(0)


async def test_drop_oldest_drops_the_oldest_from_the_disk(directory: Path) -> None:
    client = make(nobody(), directory, spool_bytes=2000, batch_events=1, overflow="drop_oldest")
    futures = [await client.submit(event(number, 100)) for number in range(60)]
    stats = client.stats()
    assert stats.failures == {"DroppedError": stats.failed}
    assert stats.accepted == 60 and stats.pending_bytes <= 2000
    alive = [number for number, future in enumerate(futures) if not future.done()]
    assert len(alive) == stats.pending
    # The youngest, and those few of the first that had been on their way before.
    youngest = [number for number in alive if number >= 16]
    assert youngest == list(range(60 - len(youngest), 60))
    assert len(youngest) >= 10
    await client.close(0)
    assert kept(directory) == stats.pending


@pytest.mark.parametrize("sync", [False, True])
async def test_who_waits_for_the_disk_hears_of_a_drop(directory: Path, sync: bool) -> None:
    """Of a batch that still gathers, the oldest are dropped while their callers wait for it."""
    options = {**OPTIONS, "spool": directory, "queue_events": 5, "overflow": "drop_oldest"}
    kind = EventClient if sync else AsyncEventClient
    client = kind.connect("null://", **options)

    async def submit(number: int) -> object:
        if isinstance(client, EventClient):
            return await asyncio.to_thread(client.submit, event(number))
        return await client.submit(event(number))

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(40))
    submitting = [asyncio.ensure_future(submit(number)) for number in range(40)]
    futures: list[Any] = await asyncio.wait_for(asyncio.gather(*submitting), 20)
    closing = await asyncio.to_thread(client.close)
    assert (closing if isinstance(closing, list) else await closing) == []
    dropped = sum(isinstance(future.exception(), DroppedError) for future in futures)
    stats = client.stats()
    assert (stats.failed, stats.delivered) == (dropped, 40 - dropped)
    assert client._delivery._queue._keepers == {}  # type: ignore[attr-defined]  # what would leak


async def test_drop_oldest_leaves_what_is_on_the_disk_when_only_memory_is_full(
    directory: Path,
) -> None:
    client = make(nobody(), directory, queue_events=10, batch_events=1, overflow="drop_oldest")
    for number in range(10):
        await client.submit(event(number))
    for number in range(10, 1000):
        client.submit_nowait(event(number))
    await until(lambda: client.stats().spooled == client.stats().pending)
    await client.close(0)
    async with Collector(event_ack=1) as collector:
        async with make(collector.ws_url, directory) as client:
            await client.flush(30)
        assert set(range(10)) <= stored(collector).keys()


async def test_two_clients_of_one_process_share_a_directory(
    collector: Collector, directory: Path
) -> None:
    first = make(nobody(), directory)
    for number in range(10):
        await first.submit(event(number))
    async with make(collector.ws_url, directory) as second:
        await second.send([event(100)])
    assert stored(collector) == Counter([100])
    assert first.stats().pending == 10
    await first.close(0)
    async with make(collector.ws_url, directory) as third:
        await collector.wait_for(11)
        assert third.stats().accepted == 10


async def test_a_client_that_was_never_used_leaves_nothing(
    collector: Collector, directory: Path
) -> None:
    async with make(collector.ws_url, directory):
        pass
    EventClient.connect(collector.ws_url, spool=directory).close()
    assert spool_files(directory) == []


async def test_the_first_failure_is_remembered_over_a_restart(directory: Path) -> None:
    dead: list[Undelivered] = []
    client = make(nobody(), directory, retry_budget=0.5)
    await client.submit(event(1))
    await until(lambda: any(_failing(path) for path in directory.glob("*.spool")))
    await client.close(0)
    await asyncio.sleep(0.6)  # the budget goes on while no process runs
    client = make(nobody(), directory, retry_budget=0.5, on_failure=dead.append)
    async with client:
        await until(lambda: dead, 5)
        assert client.stats().requests == 1


def _failing(path: Path) -> bool:
    db = sqlite3.connect(path)
    try:
        return bool(db.execute("SELECT 1 FROM batches WHERE failed_since > 0").fetchone())
    finally:
        db.close()


async def test_the_log_says_what_was_taken_over(
    directory: Path, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    client = make(nobody(), directory)
    for number in range(3):
        await client.submit(event(number))
    await client.close(0)
    with caplog.at_level(logging.INFO, "raccoon_runtime"):
        async with make(collector.ws_url, directory) as client:
            await collector.wait_for(3)
    assert "3 events of earlier processes" in caplog.text
