"""A timeout ends the wait and not the event: the error carries its future."""

from __future__ import annotations

import asyncio

import pytest
from raccoon_runtime import ConnectError, PublishError, SendTimeoutError
from raccoon_runtime.collector import Collector, Delay, NoAnswer, Unpublishable

from generated import PageEvent
from tests.ports import SILENT_PORT
from tests.waiting import until

from .conftest import Connect

EVENTS = [PageEvent(event_name=str(number)) for number in range(3)]


async def test_one_event(connect: Connect, collector: Collector, url: str) -> None:
    collector.faults.add(Delay(0.4, times=1))
    async with connect(url) as client:
        with pytest.raises(SendTimeoutError, match=r"0\.05 s") as told:
            await client.send_page_event(event_name="x", timeout=0.05)
        error = told.value
        assert isinstance(error, TimeoutError)
        assert not error.retryable
        assert error.persisted == "possibly"  # it is on its way
        assert error.future is not None
        assert error.req_guid == error.future.req_guid
        assert not error.future.done()
        ack = await client.outcome(error.future)
        assert (ack.ok, ack.req_guid) == (True, error.req_guid)
        assert client.stats().delivered == 1
    assert len(collector.stored) == 1


async def test_it_says_what_ails_the_last_attempt_and_what_holds_also_after_the_close(
    connect: Connect,
) -> None:
    client = connect(f"ws://127.0.0.1:{SILENT_PORT}", batch_events=1)
    earlier = client.submit_nowait(EVENTS[0])
    await until(lambda: client.stats().retries)
    with pytest.raises(SendTimeoutError) as told:
        await client.send_page_event(event_name="x", timeout=0.05)
    await client.close(0)
    assert earlier.done()
    said = str(told.value)
    assert "last, ConnectError: no connection to the server" in said
    assert "may be delivered yet" in said
    assert "its retries are spent or the client is closed" in said
    assert said.endswith(ConnectError.remedy)


async def test_a_list_carries_the_futures_that_are_pending(
    connect: Connect, collector: Collector
) -> None:
    collector.faults.add(Delay(0.4, containing=b"1"))
    async with connect(batch_events=1) as client:
        with pytest.raises(SendTimeoutError) as told:
            await client.send(EVENTS, timeout=0.2)
        assert told.value.future is told.value.futures[0]
        for future in told.value.futures:
            assert (await client.outcome(future)).ok
        assert client.stats().delivered == 3


async def test_without_one_it_is_the_clients_own(connect: Connect, collector: Collector) -> None:
    collector.faults.add(NoAnswer())
    client = connect(timeout=0.05)
    for call in (
        lambda: client.send_page_event(event_name="x"),
        lambda: client.send_page_event(event_name="x", timeout=None),
        lambda: client.send(EVENTS),
    ):
        with pytest.raises(SendTimeoutError, match=r"0\.05 s"):
            await call()
    assert len(await client.close(timeout=0)) == 5


async def test_a_wait_that_is_over_leaves_nothing_behind(
    connect: Connect, collector: Collector
) -> None:
    """Who asks again and again costs no more than who asks once."""
    collector.faults.add(NoAnswer())
    client = connect()
    futures = [client.submit_nowait(EVENTS[number]) for number in range(2)]
    for _ in range(20):
        for future in futures:
            if client.is_sync:
                assert not future.wait(0)
            else:
                assert not await future.wait(0)
                waiting = asyncio.ensure_future(future)
                await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.wait([waiting])
    assert [future.place[0].wakers for future in futures] == [[], []]
    await client.close(timeout=0)


async def test_a_timeout_of_0_is_not_none(connect: Connect, collector: Collector) -> None:
    collector.faults.add(Delay(0.4))
    async with connect() as client:
        with pytest.raises(SendTimeoutError) as told:
            await client.send([EVENTS[0]], timeout=0)
        assert (await client.outcome(told.value.future)).ok
        with pytest.raises(SendTimeoutError):
            await client.send_page_event(event_name="x", timeout=0)
        await client.flush()
    assert len(collector.stored) == 2


async def test_it_says_what_happened_last(connect: Connect, collector: Collector) -> None:
    collector.faults.add(Unpublishable())
    client = connect()
    with pytest.raises(SendTimeoutError, match="last, PublishError CODE_INTERNAL_ERROR") as told:
        await client.send_page_event(event_name="x", timeout=0.3)
    assert isinstance(told.value.__cause__, PublishError)
    collector.faults.clear()
    assert (await client.outcome(told.value.future)).possible_duplicate
    await client.close()


async def test_the_wait_for_a_future(connect: Connect, collector: Collector) -> None:
    collector.faults.add(Delay(0.4, times=1))
    async with connect() as client:
        future = await client.submit(EVENTS[0])
        with pytest.raises(SendTimeoutError, match=r"0\.05 s") as told:
            if client.is_sync:
                future.result(timeout=0.05)
            else:
                await future.within(0.05)
        assert told.value.future is future
        assert (await client.outcome(future)).ok


async def test_flush_names_what_is_pending(connect: Connect, collector: Collector) -> None:
    collector.faults.add(Delay(0.4))
    async with connect() as client:
        for event in EVENTS:
            client.submit_nowait(event)
        with pytest.raises(SendTimeoutError, match=r"0\.05 s, 3 events are pending") as told:
            await client.flush(timeout=0.05)
        assert len(told.value.futures) == 3
        for future in told.value.futures:
            assert (await client.outcome(future)).ok
