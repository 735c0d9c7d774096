"""`close()`: nothing accepted after it, nothing left in limbo, nothing longer than it was told."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from raccoon_runtime import AckFuture, ClosedError, ConnectError, Event, UndeliveredError
from raccoon_runtime.collector import Close, Collector, Delay, NoAnswer, Unpublishable

from generated import AsyncEventClient, EventClient, PageEvent
from tests.waiting import until

from .conftest import Connect, Face

EVENT = PageEvent(event_name="x")


async def test_it_waits_for_what_is_pending(
    connect: Connect, collector: Collector, url: str
) -> None:
    collector.faults.add(Delay(0.2))
    client = connect(url)
    futures = [client.submit_nowait(PageEvent(event_name=str(n))) for n in range(300)]
    assert await client.close() == []
    assert all(future.done() and future.result().ok for future in futures)
    assert len(collector.stored) == 300
    await until(lambda: not collector.connections)


async def test_nothing_is_accepted_after_it(connect: Connect, collector: Collector) -> None:
    client = connect()
    await client.send_page_event(event_name="x")
    await client.close()
    for call in calls(client):
        with pytest.raises(ClosedError, match="closed"):
            await call()
    assert client.stats().accepted == 1
    await client.flush()
    await client.flush(timeout=1)


async def test_a_client_that_was_never_used(connect: Connect) -> None:
    client = connect()
    assert await client.close() == []
    for call in calls(client):
        with pytest.raises(ClosedError, match="closed"):
            await call()


def calls(client: Face) -> list[Callable[[], object]]:
    async def nowait() -> None:
        client.submit_nowait(EVENT)

    return [
        nowait,
        lambda: client.submit(EVENT),
        lambda: client.send([EVENT]),
        lambda: client.send_page_event(EVENT),
    ]


async def test_again_and_again(connect: Connect, collector: Collector) -> None:
    client = connect()
    await client.send_page_event(event_name="x")
    assert [await client.close() for _ in range(3)] == [[], [], []]


async def test_by_several_at_once(connect: Connect, collector: Collector) -> None:
    """One of them gets what is undelivered; all return when it is over."""
    collector.faults.add(NoAnswer())
    client = connect()
    for number in range(5):
        client.submit_nowait(PageEvent(event_name=str(number)))
    given = await asyncio.gather(*(client.close(timeout=0.1) for _ in range(8)))
    assert sorted(map(len, given)) == [0] * 7 + [5]
    assert client.stats().pending == 0


async def test_what_the_server_does_not_acknowledge_is_given_back(
    connect: Connect, collector: Collector, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    collector.faults.add(NoAnswer())
    client = connect(url)
    future = client.submit_nowait(PageEvent(event_name="on its way"))
    await until(lambda: len(collector.received) == 1)
    begun = time.monotonic()
    (left,) = await client.close(timeout=0.2)
    assert 0.2 <= time.monotonic() - begun < 5
    assert left.event.event_name == "on its way"
    assert isinstance(left.error, UndeliveredError)
    assert left.error.persisted == "possibly"
    assert left.error.req_guid == future.req_guid == collector.received[0].req_guid
    assert isinstance(future.exception(), UndeliveredError)
    assert client.stats().failures == {"UndeliveredError": 1}
    assert f"delivery to {url} closed before 1 event was acknowledged" in caplog.text


async def test_with_a_server_that_is_down(connect: Connect, collector: Collector, url: str) -> None:
    """The back-off is interrupted: one more try at once, and the time that was given is kept."""
    await collector.stop()
    client = connect(url, retry_wait=60, retry_max_wait=60)
    futures = [client.submit_nowait(PageEvent(event_name=str(n))) for n in range(150)]
    await until(lambda: client.stats().requests and not client.stats().in_flight)
    tried = client.stats().requests
    left = await client.close(timeout=0.3)
    assert len(left) == 150
    assert {undelivered.error.persisted for undelivered in left} == {"no"}
    assert client.stats().requests > tried
    errors = [future.exception() for future in futures]
    assert all(isinstance(error, UndeliveredError) for error in errors)
    assert isinstance(errors[0].__cause__, ConnectError)
    assert client.stats().failures == {"UndeliveredError": 150}
    await collector.start()


async def test_a_server_that_is_back_gets_all(connect: Connect, collector: Collector) -> None:
    """A back-off of a minute does not keep close() from delivering."""
    await collector.stop()
    client = connect(retry_wait=60, retry_max_wait=60)
    for number in range(150):
        client.submit_nowait(PageEvent(event_name=str(number)))
    await until(lambda: client.stats().requests and not client.stats().in_flight)
    await collector.start()
    assert await client.close() == []
    assert len(collector.stored) == 150


async def test_a_refusal_does_not_outlast_it(connect: Connect, collector: Collector) -> None:
    collector.faults.add(Unpublishable())
    client = connect(retry_wait=60, retry_max_wait=60)
    client.submit_nowait(EVENT)
    await until(lambda: client.stats().requests == 1)
    (left,) = await client.close(timeout=0.2)
    assert left.error.persisted == "possibly"


@pytest.mark.parametrize("timeout", [0, 0.0, -1])
async def test_a_timeout_of_0_gives_back_at_once(
    connect: Connect, collector: Collector, timeout: float
) -> None:
    await collector.stop()
    client = connect()
    client.submit_nowait(EVENT)
    assert len(await client.close(timeout=timeout)) == 1
    await collector.start()


async def test_a_timeout_that_never_comes(connect: Connect, collector: Collector) -> None:
    collector.faults.add(Delay(0.2))
    client = connect()
    client.submit_nowait(EVENT)
    await client.flush(timeout=math.inf)
    assert (await client.send_page_event(EVENT, timeout=math.inf)).ok
    assert await client.close(timeout=math.inf) == []


async def test_untyped_events_are_given_back_untyped(
    connect: Connect, collector: Collector
) -> None:
    await collector.stop()
    client = connect(serializer="json")
    client.submit_nowait(Event("anything", {"a": 1}))
    assert [left.event for left in await client.close(timeout=0)] == [Event("anything", {"a": 1})]
    await collector.start()


async def test_who_waits_is_told(connect: Connect, collector: Collector) -> None:
    """For an ack, for room, for a flush: each returns when the client is closed."""
    collector.faults.add(NoAnswer())
    client = connect(queue_events=1)
    sending = asyncio.ensure_future(client.send_page_event(event_name="x"))
    await until(lambda: client.stats().pending == 1)
    waiting = asyncio.ensure_future(client.submit(EVENT))
    flushing = asyncio.ensure_future(client.flush())
    await asyncio.sleep(0)  # a turn, in which both begin to wait
    assert len(await client.close(timeout=0.1)) == 1
    results = await asyncio.gather(sending, waiting, flushing, return_exceptions=True)
    assert [type(result) for result in results] == [UndeliveredError, ClosedError, type(None)]


async def test_the_end_of_a_with_block_closes(collector: Collector) -> None:
    async with AsyncEventClient.connect(collector.ws_url) as client:
        client.submit_nowait(EVENT)

    def use() -> None:
        with EventClient.connect(collector.ws_url) as client:
            client.submit_nowait(EVENT)

    await asyncio.to_thread(use)
    assert len(collector.stored) == 2


async def test_an_exception_in_a_with_block_stays(connect: Connect, collector: Collector) -> None:
    with pytest.raises(LookupError, match="mine"):
        async with AsyncEventClient.connect(collector.ws_url) as client:
            client.submit_nowait(EVENT)
            raise LookupError("mine")
    assert len(collector.stored) == 1


async def test_a_transport_that_does_not_close_in_time(
    connect: Connect, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """What the server does to the goodbye has an end."""
    client = connect()
    await client.send_page_event(event_name="x")
    collector.faults.add(Close())
    collector.sever()
    await client.close()
    assert client.stats().pending == 0


async def test_the_log_says_how_many_are_given_back(
    connect: Connect, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "raccoon_runtime")
    await collector.stop()
    client = connect()
    for number in range(7):
        client.submit_nowait(PageEvent(event_name=str(number)))
    await client.close(timeout=0)
    assert "closed before 7 events were acknowledged" in caplog.text
    await collector.start()


# --- clients that nobody closes -----------------------------------------------------------


async def test_a_client_that_is_let_go_unclosed_says_so(
    connect: Connect, collector: Collector
) -> None:
    client = connect()
    await client.send_page_event(event_name="x")
    name = type(client.client).__name__
    with pytest.warns(ResourceWarning, match=f"unclosed <{name} ws://"):
        del client
        gc.collect()
    await until(lambda: not collector.connections)


async def test_what_it_had_accepted_is_delivered_all_the_same(
    connect: Connect, collector: Collector
) -> None:
    client = connect()
    for number in range(200):
        client.submit_nowait(PageEvent(event_name=str(number)))
    with pytest.warns(ResourceWarning):
        del client
        gc.collect()
    await collector.wait_for(200)
    await until(lambda: not collector.connections)


async def test_one_that_was_never_used_says_nothing(connect: Connect) -> None:
    client = connect()
    client.stats()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del client
        gc.collect()


@pytest.mark.parametrize("spool", [False, True])
def test_a_loop_that_ends_at_once_leaves_nothing_in_limbo(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spool: bool
) -> None:
    """It ends before anything of the client's has begun to run there."""
    options: dict[str, Any] = {"spool": tmp_path} if spool else {}

    async def submit() -> tuple[AsyncEventClient, list[AckFuture]]:
        client = AsyncEventClient.connect("ws://127.0.0.1:1", **options)
        return client, [client.submit_nowait(EVENT) for _ in range(5)]

    client, futures = asyncio.run(submit())
    assert {type(future.exception()) for future in futures} == {UndeliveredError}
    assert "raccoon-spool" not in {thread.name for thread in threading.enumerate()}
    stats = client.stats()
    assert (stats.pending, stats.spooled) == ((5, 5) if spool else (0, 0))
    if not spool:
        assert "an event loop ended before 5 events were acknowledged" in caplog.text


def test_a_close_that_has_no_time_to_begin_leaves_nothing_in_limbo(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client is let go in the loop's last round, which begins a close."""

    async def submit() -> list[AckFuture]:
        client = AsyncEventClient.connect("ws://127.0.0.1:1")
        return [client.submit_nowait(EVENT) for _ in range(5)]

    with pytest.warns(ResourceWarning, match="unclosed"):
        futures = asyncio.run(submit())
        gc.collect()
    assert all(isinstance(future.exception(), UndeliveredError) for future in futures)


async def test_what_was_under_way_when_all_tasks_were_cancelled_is_handed_back(
    collector: Collector,
) -> None:
    """As some frameworks do before they let an application clean up."""
    collector.faults.add(NoAnswer())
    client = AsyncEventClient.connect(collector.ws_url)
    future = client.submit_nowait(EVENT)
    await until(lambda: client.stats().in_flight)
    for task in asyncio.all_tasks():
        if task.get_name() == "raccoon-delivery":
            task.cancel()
    (left,) = await client.close(0.1)
    assert isinstance(left.event, PageEvent) and left.event.event_name == "x"
    assert type(left.error) is type(future.exception())


async def test_a_closed_client_cannot_be_entered(connect: Connect) -> None:
    client = connect("null://")
    await client.close()
    with pytest.raises(ClosedError):
        if client.is_sync:
            client.client.__enter__()  # type: ignore[union-attr]
        else:
            await client.client.__aenter__()  # type: ignore[union-attr]


def test_two_closes_without_a_limit_one_of_them_in_a_callback() -> None:
    """Each would wait for the other."""

    def on_failure(letter: object) -> None:
        begun.set()
        closing.wait(20)
        client.close(None)

    begun, closing = threading.Event(), threading.Event()
    client = EventClient.connect(
        "ws://127.0.0.1:1", on_failure=on_failure, overflow="drop_oldest", queue_events=1
    )
    for _ in range(3):
        client.submit_nowait(EVENT)
    assert begun.wait(20)
    closer = threading.Thread(target=client.close, args=(0.1,))
    closer.start()
    closing.set()
    closer.join(20)
    assert not closer.is_alive()
