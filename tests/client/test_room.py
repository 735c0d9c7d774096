"""The bound on what is pending: callers wait, or are told; drops are asked for and counted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from raccoon_runtime import Ack, BatchError, QueueFull, SendTimeoutError
from raccoon_runtime.collector import Collector, Delay, Fault, NoAnswer
from raccoon_runtime.errors import DroppedError

from generated import PageEvent
from tests.waiting import until

from .conftest import Connect, Face


def page(name: object) -> PageEvent:
    return PageEvent(event_name=str(name))


def blocked(collector: Collector) -> Fault:
    fault = NoAnswer()
    collector.faults.add(fault)
    return fault


async def test_at_once_or_not_at_all(connect: Connect, collector: Collector) -> None:
    blocked(collector)
    client = connect(queue_events=5)
    for number in range(5):
        client.submit_nowait(page(number))
    with pytest.raises(QueueFull, match="waits for room") as told:
        client.submit_nowait(page(5))
    assert told.value.futures == ()
    stats = client.stats()
    assert (stats.accepted, stats.pending, stats.failed) == (5, 5, 0)
    assert len(await client.close(timeout=0)) == 5


async def test_the_bound_on_bytes(connect: Connect, collector: Collector) -> None:
    blocked(collector)
    client = connect(queue_bytes=5_000)
    for _ in range(4):
        client.submit_nowait(page("x" * 1000))
    with pytest.raises(QueueFull):
        client.submit_nowait(page("x" * 1000))
    client.submit_nowait(page("small"))
    assert 4_000 < client.stats().pending_bytes <= 5_000
    await client.close(timeout=0)


async def test_a_lone_event_is_never_too_large_for_the_queue(
    connect: Connect, collector: Collector
) -> None:
    async with connect(queue_bytes=10) as client:
        for _ in range(3):
            assert (await client.send_page_event(event_name="x" * 1000)).ok


async def test_whoever_waits_gets_in(connect: Connect, collector: Collector) -> None:
    async with connect(queue_events=3) as client:
        futures = await asyncio.gather(*(client.submit(page(n)) for n in range(100)))
        acks = [await client.outcome(future) for future in futures]
        assert all(isinstance(ack, Ack) for ack in acks)
        acks = await asyncio.gather(*(client.send_page_event(event_name="x") for _ in range(100)))
        assert all(ack.ok for ack in acks)
    assert len(collector.stored) == 200


async def test_a_list_larger_than_the_queue(connect: Connect, collector: Collector) -> None:
    async with connect(queue_events=7) as client:
        acks = await client.send([page(n) for n in range(100)])
        assert sum(ack.ok for ack in acks) == len(acks)
        assert client.stats().delivered == 100
    assert len({event.event_bytes for event in collector.stored}) == 100


async def test_the_wait_for_room_has_an_end(connect: Connect, collector: Collector) -> None:
    blocked(collector)
    client = connect(queue_events=2, room_timeout=0.1)
    first = client.submit_nowait(page(0))
    wait = r"no room within 0\.1 s"
    with pytest.raises(QueueFull, match=rf"{wait}; 1 of 4 events were accepted before") as told:
        await client.send([page(n) for n in range(4)], timeout=0.1)
    (accepted,) = told.value.futures
    with pytest.raises(QueueFull, match=wait):
        await client.send_page_event(event_name="x", timeout=0.1)
    if client.is_sync:
        with pytest.raises(QueueFull, match=wait):
            await client.submit(page("x"))
    assert client.stats().accepted == 2
    collector.faults.clear()
    collector.sever()
    for future in (first, accepted):
        assert (await client.outcome(future)).ok
    await client.close()


async def test_the_rest_of_the_timeout_is_for_the_ack(
    connect: Connect, collector: Collector
) -> None:
    """The wait for room and the wait for the ack are one."""
    collector.faults.add(Delay(0.3, containing=b"first"))
    collector.faults.add(Delay(1.0, containing=b"second"))
    async with connect(queue_events=1) as client:
        client.submit_nowait(page("first"))
        with pytest.raises(SendTimeoutError) as told:
            await client.send_page_event(event_name="second", timeout=0.8)
        assert (await client.outcome(told.value.future)).ok


async def test_nobody_starves_while_others_push(connect: Connect, collector: Collector) -> None:
    """When the first of twenty is through with its 50 events, all others are well under way; how
    far is the machine's affair, which may have other things to do.
    """
    through = [0] * 20
    least: list[int] = []

    async def push(client: Face, me: int) -> None:
        for number in range(50):
            await client.submit(page(f"{me}-{number}"))
            through[me] += 1
        if not least:
            least.append(min(through))

    async with connect(queue_events=5) as client:
        await asyncio.gather(*(push(client, me) for me in range(20)))
    assert least[0] > 50 // 10, through
    assert len(collector.stored) == 1000


async def test_a_waiter_that_gives_up_lets_the_next_one_in(
    connect: Connect, collector: Collector
) -> None:
    if connect().is_sync:
        pytest.skip("a thread's wait cannot be cancelled")
    blocked(collector)
    client = connect(queue_events=1)
    await client.submit(page(0))
    waiting = [asyncio.ensure_future(client.submit(page(n))) for n in range(1, 4)]
    await asyncio.sleep(0)
    collector.faults.clear()
    collector.sever()
    for task in waiting[:2]:
        task.cancel()
    assert (await client.outcome(await waiting[2])).ok
    assert [task.cancelled() for task in waiting] == [True, True, False]
    assert client.stats().accepted == 2
    await client.close()


# --- overflow ---------------------------------------------------------------------------


async def overflown(connect: Connect, collector: Collector, policy: str) -> tuple[Face, list[Any]]:
    """A client with room for four whose first event is on its way, and the futures of ten."""
    blocked(collector)
    client = connect(queue_events=4, overflow=policy, in_flight=1, batch_events=1)
    first = client.submit_nowait(page(0))
    await until(lambda: client.stats().in_flight)
    return client, [first, *(client.submit_nowait(page(n)) for n in range(1, 10))]


async def test_drop_newest(connect: Connect, collector: Collector) -> None:
    client, futures = await overflown(connect, collector, "drop_newest")
    assert [future.done() for future in futures] == [False] * 4 + [True] * 6
    assert isinstance(futures[4].exception(), DroppedError)
    stats = client.stats()
    assert (stats.accepted, stats.pending, stats.failures) == (10, 4, {"DroppedError": 6})
    assert len(await client.close(timeout=0)) == 4


async def test_drop_oldest(connect: Connect, collector: Collector) -> None:
    """What is on its way already is not dropped."""
    client, futures = await overflown(connect, collector, "drop_oldest")
    assert [future.done() for future in futures] == [False] + [True] * 6 + [False] * 3
    assert isinstance(futures[1].exception(), DroppedError)
    stats = client.stats()
    assert (stats.accepted, stats.pending, stats.failures) == (10, 4, {"DroppedError": 6})
    assert len(await client.close(timeout=0)) == 4


async def test_drop_oldest_drops_no_more_than_it_must(
    connect: Connect, collector: Collector
) -> None:
    """Of a batch that waits, one event for each that comes."""
    blocked(collector)
    client = connect(queue_events=101, overflow="drop_oldest", in_flight=1, batch_events=100)
    first = client.submit_nowait(page(0))
    await until(lambda: client.stats().in_flight)
    futures = [client.submit_nowait(page(n)) for n in range(1, 251)]
    assert client.stats().failures == {"DroppedError": 150}
    assert [future.done() for future in futures] == [True] * 150 + [False] * 100
    flushing = asyncio.ensure_future(client.flush())
    await asyncio.sleep(0.05)
    futures += [client.submit_nowait(page(n)) for n in range(251, 261)]
    assert [future.done() for future in futures] == [True] * 160 + [False] * 100
    collector.faults.clear()
    collector.sever()
    await flushing
    assert first.done()
    await client.flush()
    assert all([(await client.outcome(future)).ok for future in futures[160:]])
    names = [PageEvent.parse(event.event_bytes).event_name for event in collector.stored]
    assert len(names) == 101
    # What waited longest has been divided for it, yet went out in few requests.
    assert client.stats().requests < 15
    await client.close()


async def test_what_lingers_gathers_while_the_oldest_are_dropped(
    connect: Connect, collector: Collector
) -> None:
    """A queue that stays full fills its batches all the same."""
    blocked(collector)
    client = connect(
        queue_events=101, overflow="drop_oldest", in_flight=1, batch_events=20, linger=0.05
    )
    first = client.submit_nowait(page(0))
    await until(lambda: client.stats().in_flight)
    for number in range(1, 1001):
        client.submit_nowait(page(number))
    assert client.stats().pending == 101
    collector.faults.clear()
    collector.sever()
    await client.flush()
    assert first.done()
    assert client.stats().requests < 20
    await client.close()


async def test_an_event_that_cannot_fit_drops_nothing_but_itself(
    connect: Connect, collector: Collector
) -> None:
    blocked(collector)
    client = connect(
        queue_bytes=10_000, overflow="drop_oldest", in_flight=1, batch_events=1, batch_bytes=20_000
    )
    client.submit_nowait(PageEvent(event_name="x" * 500))
    await until(lambda: client.stats().in_flight)
    for number in range(20):
        client.submit_nowait(page(number))
    large = client.submit_nowait(PageEvent(event_name="x" * 9_800))
    assert isinstance(large.outcome(), DroppedError)
    stats = client.stats()
    assert (stats.pending, stats.failed) == (21, 1)
    # One that fits when others go makes them go.
    fitting = client.submit_nowait(PageEvent(event_name="x" * 9_000))
    assert not fitting.done()
    assert client.stats().failed > 10
    await client.close(timeout=0)


async def test_dropped_events_of_a_list(connect: Connect, collector: Collector) -> None:
    blocked(collector)
    client = connect(queue_events=2, overflow="drop_newest", batch_events=1)
    sending = asyncio.ensure_future(client.send([page(n) for n in range(5)]))
    await until(lambda: client.stats().accepted == 5)
    collector.faults.clear()
    collector.sever()
    with pytest.raises(BatchError) as told:
        await sending
    assert [failure.index for failure in told.value.failures] == [2, 3, 4]
    assert all(isinstance(failure.error, DroppedError) for failure in told.value.failures)
    assert len(told.value.acks) == 2
    await client.close()


async def test_what_is_dropped_is_a_dead_letter(connect: Connect, collector: Collector) -> None:
    dead: list[Any] = []
    blocked(collector)
    client = connect(queue_events=1, overflow="drop_newest", on_failure=dead.append)
    client.submit_nowait(page("kept"))
    future = client.submit_nowait(page("dropped"))
    assert future.done()
    await until(lambda: dead)
    assert [letter.event.event_name for letter in dead] == ["dropped"]
    await client.close(timeout=0)


# --- linger -----------------------------------------------------------------------------


async def test_a_batch_waits_for_company(connect: Connect, collector: Collector) -> None:
    async with connect(linger=0.2) as client:
        acks = await asyncio.gather(*(client.send_page_event(event_name="x") for _ in range(10)))
        assert len({ack.req_guid for ack in acks}) == 1
    assert len(collector.received) == 1


@pytest.mark.parametrize("bounds", [{"queue_events": 5}, {"queue_bytes": 100}])
async def test_a_full_queue_does_not_wait(connect: Connect, bounds: dict[str, int]) -> None:
    async with connect(linger=60, **bounds) as client:
        for number in range(20):
            await client.submit(page(number))
        await client.flush()


async def test_a_full_batch_does_not_wait(connect: Connect, collector: Collector) -> None:
    async with connect(linger=60, batch_events=5) as client:
        acks = await client.send([page(n) for n in range(10)])
        assert len(acks) == 2
        client.submit_nowait(page("left"))
        await client.flush()  # nor does one that somebody waits for
        assert client.stats().delivered == 11
