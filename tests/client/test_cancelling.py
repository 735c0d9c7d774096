"""Cancellation at each await of the asynchronous client: nothing in limbo, no leak, exact books."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from raccoon_runtime import Ack, ClosedError, UndeliveredError
from raccoon_runtime.collector import Collector, Delay

from generated import AsyncEventClient, PageEvent
from tests.ports import SILENT_PORT
from tests.waiting import until

from .conftest import QUICK

Call = Callable[[AsyncEventClient], Awaitable[object]]


def page(name: str) -> PageEvent:
    return PageEvent(event_name=name)


async def submitted(client: AsyncEventClient) -> Ack:
    future = await client.submit(page("mine"))
    return await future


async def streamed(client: AsyncEventClient) -> Ack:
    stream = client.acks()
    await client.submit(page("mine"))
    return await anext(stream)


CALLS: dict[str, Call] = {
    "send_page_event": lambda client: client.send_page_event(event_name="mine"),
    "send": lambda client: client.send([page("mine"), page("too"), page("also")]),
    "submit": submitted,
    "acks": streamed,
    "flush": lambda client: client.flush(),
    "close": lambda client: client.close(),
}


async def cancelled_after(steps: int, call: Awaitable[object]) -> bool:
    """Run a call, cancel it after so many turns of the loop; whether it was cancelled."""
    task = asyncio.ensure_future(call)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


@pytest.mark.parametrize("crowded", [False, True], ids=["", "no room"])
@pytest.mark.parametrize("name", CALLS)
async def test_after_any_number_of_steps(
    collector: Collector, url: str, name: str, crowded: bool
) -> None:
    """The call ends at once; what it had accepted goes on, and the client with it."""
    steps, done = 0, 0
    while done < 3:  # until it is through before it is cancelled
        collector.clear()
        client = AsyncEventClient.connect(url, queue_events=2 if crowded else 100, **QUICK)
        others = [client.submit_nowait(page("other")) for _ in range(2)]
        done += not await cancelled_after(steps, CALLS[name](client))
        if name == "close":
            assert await client.close() == []
        else:
            assert (await client.send_page_event(event_name="after")).ok
            assert not client._delivery._queue._rooms
            assert await client.close() == []
        assert all(future.result().ok for future in others)
        stats = client.stats()
        assert (stats.pending, stats.in_flight, stats.failed) == (0, 0, 0)
        assert stats.accepted == stats.delivered == len(collector.stored)
        assert max(Counter(event.event_bytes for event in collector.stored).values()) == 1
        assert names_of_tasks() == set()
        steps += 1 if steps < 40 else 7
        assert steps < 5000
    await until(lambda: not collector.connections)


def names_of_tasks() -> set[str]:
    """The client's tasks that are left: none after a close."""
    names = {task.get_name() for task in asyncio.all_tasks()}
    return {name for name in names if name.startswith("raccoon")}


async def test_the_wait_for_a_future_may_be_cancelled(collector: Collector) -> None:
    collector.faults.add(Delay(0.2))
    async with AsyncEventClient.connect(collector.ws_url) as client:
        future = await client.submit(page("x"))
        waiting = [asyncio.ensure_future(future.within(20)) for _ in range(3)]
        waiting += [asyncio.ensure_future(anyway(future)) for _ in range(3)]
        await asyncio.sleep(0)
        for task in waiting[::2]:
            task.cancel()
        assert (await future).ok
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [isinstance(result, Ack) for result in results] == [False, True] * 3


async def anyway(future: Awaitable[Ack]) -> Ack:
    return await future


async def test_a_close_that_is_cancelled_goes_on(collector: Collector) -> None:
    """And the next one is given what is left."""
    await collector.stop()
    client = AsyncEventClient.connect(collector.ws_url)
    for number in range(5):
        client.submit_nowait(page(str(number)))
    closing = asyncio.ensure_future(client.close(timeout=0.3))
    await asyncio.sleep(0)  # a turn, in which it begins
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert client.stats().pending == 5
    assert len(await client.close()) == 5
    assert client.stats().pending == 0
    await collector.start()


async def test_the_end_of_the_loop_cuts_a_close_short(collector: Collector) -> None:
    """`asyncio.run` cancels every task: what is pending then is given up, not left in limbo."""
    url = collector.ws_url
    await collector.stop()
    seen: list[AsyncEventClient] = []

    async def main() -> None:
        client = AsyncEventClient.connect(url)
        seen.append(client)
        futures = [client.submit_nowait(page(str(n))) for n in range(5)]
        closing = asyncio.ensure_future(client.close(timeout=60))
        for _ in range(5):  # turns, in which it begins and what it does too
            await asyncio.sleep(0)
        assert not closing.done() and not futures[0].done()

    await asyncio.to_thread(lambda: asyncio.run(main()))
    stats = seen[0].stats()
    assert (stats.accepted, stats.pending, stats.failures) == (5, 0, {"UndeliveredError": 5})
    await collector.start()


async def test_wait_for_and_timeouts_around_a_call(collector: Collector) -> None:
    collector.faults.add(Delay(0.3, times=1))
    async with AsyncEventClient.connect(collector.ws_url) as client:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.send_page_event(event_name="x"), 0.05)
        assert client.stats().pending == 1
        await client.flush()
        assert client.stats().delivered == 1


@pytest.mark.parametrize("scheme", ["ws", "http", "grpc"])
async def test_whoever_cancels_all_tasks_may_close_the_client_afterwards(
    collector: Collector, scheme: str
) -> None:
    """The client's own tasks among them: what was under way is sent again, and flagged."""
    urls = {"ws": collector.ws_url, "http": collector.http_url, "grpc": collector.grpc_url}
    client = AsyncEventClient.connect(urls[scheme], batch_events=5, **QUICK)
    await client.send_page_event(event_name="first")
    collector.faults.add(Delay(0.2))
    futures = [client.submit_nowait(page(str(number))) for number in range(50)]
    await until(lambda: client.stats().in_flight)
    mine = asyncio.current_task()
    for task in asyncio.all_tasks():
        if task is not mine and task.get_name().startswith("raccoon-"):
            task.cancel()
    collector.faults.clear()
    await asyncio.sleep(0)
    later = client.submit_nowait(page("later"))
    for future in [*futures, later]:
        assert await future.wait(20)
        assert future.result().ok
    assert await client.close() == []
    stats = client.stats()
    assert (stats.accepted, stats.delivered, stats.pending) == (52, 52, 0)
    flagged = sum(future.result().possible_duplicate for future in futures)
    assert 52 <= len(collector.stored) <= 52 + flagged


def test_a_loop_that_was_closed_without_a_word_takes_nothing_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`loop.close()` alone, with no end of its tasks and generators."""

    async def use() -> AsyncEventClient:
        client = AsyncEventClient.connect(f"ws://127.0.0.1:{SILENT_PORT}", **QUICK)
        client.submit_nowait(page("before"))
        await asyncio.sleep(0)
        return client

    loop = asyncio.new_event_loop()
    client = loop.run_until_complete(use())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    failed = client.submit_nowait(page("after"))
    assert failed.done()
    with pytest.raises(UndeliveredError, match="its event loop ended"):
        failed.result()
    with pytest.raises(ClosedError):
        client.submit_nowait(page("later"))
    left = asyncio.run(client.close())
    assert [one.event.event_name for one in left if isinstance(one.event, PageEvent)] == [
        "before",
        "after",
    ]
    stats = client.stats()
    assert (stats.accepted, stats.failed, stats.pending) == (2, 2, 0)
    assert "an event loop ended before 2 events were acknowledged" in caplog.text
