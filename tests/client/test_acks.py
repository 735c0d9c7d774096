"""`acks()`: the answers as they come, to all requests, bounded."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import Any

import pytest
from raccoon_runtime import Ack, Code, RejectedError, Status
from raccoon_runtime.collector import Answered, Collector, Delay
from raccoon_runtime.delivery import acks as acks_module
from raccoon_runtime.delivery.stats import Counters

from generated import ClickEvent, PageEvent
from tests.waiting import until

from .conftest import Connect, Face


async def taken(client: Face, stream: Any, count: int | None = None) -> list[Ack]:
    """The next acks of a stream of either kind; without a count, until it ends."""
    if client.is_sync:
        return await asyncio.to_thread(lambda: list(itertools.islice(stream, count)))
    found: list[Ack] = []
    async for ack in stream:
        found.append(ack)
        if len(found) == count:
            break
    return found


async def test_one_for_each_request_from_the_call_on(
    connect: Connect, collector: Collector
) -> None:
    async with connect() as client:
        await client.send_page_event(event_name="before")
        stream = client.acks()
        sent = [await client.send_page_event(event_name=str(number)) for number in range(5)]
        sent += await client.send([PageEvent(event_name="x"), ClickEvent(element="y")])
        assert await taken(client, stream, 6) == sent


async def test_a_failure_is_an_ack_that_says_no(connect: Connect, collector: Collector) -> None:
    collector.faults.add(Answered(reason="the reason", times=1))
    async with connect() as client:
        stream = client.acks()
        with pytest.raises(RejectedError) as told:
            await client.send_page_event(event_name="x")
        (ack,) = await taken(client, stream, 1)
    assert not ack.ok
    assert (ack.code, ack.reason) == (Code.CODE_BAD_REQUEST, "the reason")
    assert ack.req_guid == told.value.req_guid


async def test_it_ends_when_the_client_is_closed(connect: Connect, collector: Collector) -> None:
    client = connect()
    stream = client.acks()
    reading = asyncio.ensure_future(taken(client, stream))
    for number in range(3):
        await client.send_page_event(event_name=str(number))
    await client.close()
    assert len(await reading) == 3
    assert await taken(client, stream) == []
    assert await taken(client, client.acks()) == []  # one that comes too late


async def test_it_ends_when_a_client_that_was_never_used_is_closed(connect: Connect) -> None:
    client = connect()
    reading = asyncio.ensure_future(taken(client, client.acks()))
    await asyncio.sleep(0)
    await client.close()
    assert await reading == []


async def test_several_get_all(connect: Connect, collector: Collector) -> None:
    async with connect() as client:
        streams = [client.acks() for _ in range(3)]
        reading = [asyncio.ensure_future(taken(client, stream, 10)) for stream in streams]
        for number in range(10):
            await client.send_page_event(event_name=str(number))
        first, *others = [await read for read in reading]
        assert all(other == first for other in others)


async def test_of_several_who_share_one_each_gets_some(
    connect: Connect, collector: Collector
) -> None:
    """None of them is forgotten: not when an ack comes, and not at the end."""
    client = connect()
    stream = client.acks()
    reading = [asyncio.ensure_future(taken(client, stream)) for _ in range(3)]
    sent = [await client.send_page_event(event_name=str(number)) for number in range(10)]
    await client.close()
    got = [ack for read in reading for ack in await asyncio.wait_for(read, 20)]
    assert sorted(ack.req_guid for ack in got) == sorted(ack.req_guid for ack in sent)


async def test_a_poll_that_is_over_leaves_nothing_behind(
    connect: Connect, collector: Collector
) -> None:
    client = connect()
    stream = client.acks()
    if client.is_sync:
        await client.close()
        pytest.skip("a thread's wait cannot be cancelled")
    for _ in range(20):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(anext(stream), 0.001)
    assert stream._wakers == []
    ack = await client.send_page_event(event_name="x")
    assert await anext(stream) == ack
    await client.close()


async def test_nobody_who_iterates_costs_memory_without_bound(
    connect: Connect, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest go, and how many is told."""
    monkeypatch.setattr(acks_module, "KEPT", 10)
    async with connect() as client:
        stream = client.acks()
        sent = [await client.send_page_event(event_name=str(number)) for number in range(25)]
        assert stream.dropped == client.stats().acks_dropped == 15
        assert await taken(client, stream, 10) == sent[15:]


async def test_one_that_was_let_go_costs_nothing(connect: Connect, collector: Collector) -> None:
    async with connect() as client:
        stream = client.acks()
        delivery = client.client._delivery
        assert len(delivery._streams) == 1
        del stream
        await client.send_page_event(event_name="x")
        await until(lambda: len(delivery._streams) == 0)


async def test_whoever_waits_may_be_cancelled(connect: Connect, collector: Collector) -> None:
    client = connect()
    if client.is_sync:
        await client.close()
        pytest.skip("a thread's wait cannot be cancelled")
    collector.faults.add(Delay(0.1))
    stream = client.acks()
    first = asyncio.ensure_future(taken(client, stream, 1))
    await asyncio.sleep(0)
    first.cancel()
    ack = await client.send_page_event(event_name="x")
    assert await taken(client, stream, 1) == [ack]
    await client.close()


@pytest.mark.parametrize("kind", [acks_module.AckStream, acks_module.SyncAckStream])
async def test_the_last_ack_and_the_end_in_the_middle_of_a_look(kind: Any) -> None:
    """Another thread gives both just after a look found nothing."""
    stream = kind(Counters())
    last = Ack("last", Status.STATUS_SUCCESS, Code.CODE_OK)

    class Lock:
        """Lets the other thread in when it is first left."""

        def __enter__(self) -> None:
            pass

        def __exit__(self, *error: object) -> None:
            stream._lock = threading.Lock()
            stream.put(last)
            stream.end()

    stream._lock = Lock()
    if kind is acks_module.AckStream:
        assert [ack async for ack in stream] == [last]
    else:
        assert list(stream) == [last]
