"""The synchronous client where threads meet: exact counts, no thread of its own blocked."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from raccoon_runtime import ClosedError, QueueFull, SyncAckFuture, Undelivered, UsageError
from raccoon_runtime.collector import Answered, Close, Collector, Delay, NoAnswer
from raccoon_runtime.delivery import Delivery

from generated import EventClient, PageEvent

from .conftest import QUICK

THREADS = 32


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector.in_thread(event_ack=1) as made:
        yield made


def in_threads(run: Callable[[int], None], count: int = THREADS) -> None:
    """Run it in so many threads at once; the first error is raised."""
    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(run, me) for me in range(count)]:
            done.result()


def stored(collector: Collector) -> Counter[str]:
    events = (PageEvent.parse(event.event_bytes) for event in collector.stored)
    return Counter(event.event_name for event in events)


def test_every_call_from_32_threads_and_a_loop(collector: Collector) -> None:
    """Some reuse of connections goes wrong meanwhile; each event counts once in the books."""
    collector.faults.add(Close(times=3))
    client = EventClient.connect(collector.ws_url, queue_events=500, **QUICK)
    futures: list[SyncAckFuture] = []

    def work(me: int) -> None:
        for number in range(20):
            client.send_page_event(event_name=f"{me}-{number} one")
            client.send([PageEvent(event_name=f"{me}-{number} list {n}") for n in range(3)])
            futures.append(client.submit(PageEvent(event_name=f"{me}-{number} submitted")))
            while True:
                try:
                    event = PageEvent(event_name=f"{me}-{number} at once")
                    futures.append(client.submit_nowait(event))
                    break
                except QueueFull:
                    time.sleep(0.001)
            stats = client.stats()
            assert stats.accepted == stats.delivered + stats.failed + stats.pending
        client.flush()

    async def in_a_loop() -> None:
        """Its calls block the loop, as they would in a notebook; they work."""
        for number in range(20):
            assert client.send_page_event(event_name=f"loop-{number}").ok

    loop = threading.Thread(target=lambda: asyncio.run(in_a_loop()))
    loop.start()
    in_threads(work)
    loop.join()
    assert client.close() == []
    assert all(future.result(0).ok for future in futures)
    count = THREADS * 20 * 6 + 20
    stats = client.stats()
    assert (stats.accepted, stats.delivered, stats.failed, stats.pending) == (count, count, 0, 0)
    assert len(stored(collector)) == count


def test_first_use_by_many_at_once_starts_one_thread(collector: Collector) -> None:
    for _ in range(5):
        client = EventClient.connect(collector.ws_url)
        start = threading.Barrier(THREADS)

        def first(me: int, start: threading.Barrier = start, client: EventClient = client) -> None:
            start.wait()
            client.submit(PageEvent(event_name=str(me)))

        in_threads(first)
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("raccoon-client") == 1
        client.close()
        assert client.stats().connections == 1


def test_a_close_in_the_middle_of_everything(collector: Collector) -> None:
    """What was accepted is delivered, what was not is refused, and nobody waits for ever."""
    for _ in range(5):
        collector.clear()
        client = EventClient.connect(collector.ws_url, queue_events=50, **QUICK)
        accepted: list[SyncAckFuture] = []
        calls = [
            lambda event, client=client: client.submit(event),
            lambda event, client=client: client.submit_nowait(event),
            lambda event, client=client: client.send([event]) and None,
            lambda event, client=client: client.flush(),
        ]

        def work(
            me: int,
            calls: list[Callable[..., object]] = calls,
            accepted: list[SyncAckFuture] = accepted,
        ) -> None:
            chance = random.Random(me)
            for number in range(10_000):
                try:
                    future = chance.choice(calls)(PageEvent(event_name=f"{me}-{number}"))
                    if isinstance(future, SyncAckFuture):
                        accepted.append(future)
                except QueueFull:
                    continue
                except ClosedError:
                    return

        closing = threading.Timer(0.1, client.close)
        closing.start()
        in_threads(work, 12)
        closing.join()
        stats = client.stats()
        assert stats.pending == 0
        assert stats.delivered == stats.accepted == sum(stored(collector).values())
        assert all(future.result(0).ok for future in accepted)
    assert "raccoon-client" not in {thread.name for thread in threading.enumerate()}


def test_a_close_while_the_oldest_are_dropped(collector: Collector) -> None:
    """Each event fails once: either it was dropped, or the close gives it up."""
    collector.faults.add(NoAnswer())
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(15):
            letters: list[Undelivered] = []
            client = EventClient.connect(
                collector.ws_url,
                queue_events=50,
                batch_events=10,
                overflow="drop_oldest",
                on_failure=letters.append,
            )
            accepted: list[SyncAckFuture] = []

            def submit(
                me: int,
                client: EventClient = client,
                accepted: list[SyncAckFuture] = accepted,
            ) -> None:
                with contextlib.suppress(ClosedError):
                    for number in itertools.count():
                        event = PageEvent(event_name=f"{me}-{number}")
                        accepted.append(client.submit_nowait(event))

            closing = threading.Timer(0.02, client.close, kwargs={"timeout": 0.0})
            closing.start()
            in_threads(submit, 3)
            closing.join()
            stats = client.stats()
            assert (stats.pending, stats.failed) == (0, stats.accepted)
            assert len(accepted) == stats.accepted
            assert all(future.done() for future in accepted)
    finally:
        sys.setswitchinterval(interval)


def test_iterators_are_made_while_acks_come(collector: Collector) -> None:
    client = EventClient.connect(collector.ws_url, batch_events=1)
    over = threading.Event()

    def look(me: int) -> None:
        while not over.is_set():
            stream = client.acks()
            del stream

    with ThreadPoolExecutor(4) as pool:
        looking = [pool.submit(look, me) for me in range(4)]
        for number in range(2000):
            client.submit(PageEvent(event_name=str(number)))
        client.flush()
        over.set()
        for done in looking:
            done.result()
    client.close()
    assert client.stats().delivered == 2000


def test_a_future_is_waited_for_by_many(collector: Collector) -> None:
    collector.faults.add(Delay(0.3))
    with EventClient.connect(collector.ws_url) as client:
        future = client.submit(PageEvent(event_name="x"))
        acks: list[object] = []
        in_threads(lambda me: acks.append(future.result(20)), 8)
        assert len(acks) == 8
        assert len(set(map(id, acks))) == 1


def test_an_asynchronous_client_takes_events_from_threads(collector: Collector) -> None:
    from generated import AsyncEventClient

    async def main() -> None:
        async with AsyncEventClient.connect(collector.ws_url) as client:

            def work(me: int) -> None:
                for number in range(50):
                    client.submit_nowait(PageEvent(event_name=f"{me}-{number}"))

            await asyncio.to_thread(in_threads, work)
            await client.flush()
            assert client.stats().delivered == THREADS * 50

    asyncio.run(main())
    assert len(stored(collector)) == THREADS * 50


# --- the client's own threads ---------------------------------------------------------------


def test_its_own_thread_cannot_wait_for_it(collector: Collector) -> None:
    told: list[str] = []

    def headers() -> dict[str, str]:
        for name in ("flush", "close"):
            try:
                getattr(client, name)()
            except UsageError as error:
                told.append(str(error))
        for call in (client.submit, client.send_page_event, lambda event: client.send([event])):
            try:
                call(PageEvent(event_name="y"))
            except UsageError as error:
                told.append(str(error))
        assert client.stats().accepted == 1
        return {}

    client = EventClient.connect(collector.ws_url, headers=headers)
    assert client.send_page_event(event_name="x").ok
    client.close()
    assert len(told) == 5
    assert all("own thread" in text for text in told)


def test_its_own_thread_may_submit_without_waiting(collector: Collector) -> None:
    def headers() -> dict[str, str]:
        if not futures:
            futures.append(client.submit_nowait(PageEvent(event_name="y")))
            with pytest.raises(UsageError, match="own thread"):
                futures[0].result()
        return {}

    futures: list[SyncAckFuture] = []
    with EventClient.connect(collector.ws_url, headers=headers) as client:
        assert client.send_page_event(event_name="x").ok
    assert futures[0].result().ok


def test_callbacks_may_wait_for_the_client(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """They have a thread of their own; the close that they call does not wait for themselves."""
    collector.faults.add(Answered(times=1))
    done = threading.Event()

    def on_failure(letter: object) -> None:
        client.send_page_event(event_name="from the callback")
        client.flush()
        client.close()
        done.set()

    client = EventClient.connect(collector.ws_url, on_failure=on_failure)
    client.submit(PageEvent(event_name="x"))
    assert done.wait(20)
    assert stored(collector)["from the callback"] == 1
    assert "still running" not in caplog.text


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_ends_its_loop_settles_everything(
    collector: Collector, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    """The function that makes the headers raises what is no Exception: nothing is left in limbo."""

    accepted = threading.Event()

    def headers() -> dict[str, str]:
        accepted.wait(20)
        raise error

    client = EventClient.connect(collector.ws_url, headers=headers)
    futures = [client.submit_nowait(PageEvent(event_name=str(n))) for n in range(300)]
    accepted.set()
    for future in futures:
        assert future.wait(20)
        assert type(future.exception()).__name__ == "UndeliveredError"
    with pytest.raises(ClosedError):
        client.submit(PageEvent(event_name="later"))
    client.flush()
    assert len(client.close()) == 300
    stats = client.stats()
    assert (stats.accepted, stats.failed, stats.pending) == (300, 300, 0)
    assert f"the client's event loop ended: {type(error).__name__}" in caplog.text
    assert "raccoon-client" not in {thread.name for thread in threading.enumerate()}


def test_what_fails_at_the_start_is_told_to_the_caller(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(delivery: Delivery) -> None:
        raise OSError("no more files")

    client = EventClient.connect(collector.ws_url)
    monkeypatch.setattr(Delivery, "bind", fail)
    with pytest.raises(OSError, match="no more files"):
        client.submit(PageEvent(event_name="x"))
    assert client.stats().accepted == 0
    assert client.close() == []
    assert "raccoon-client" not in {thread.name for thread in threading.enumerate()}


def test_what_fails_at_the_start_may_work_later(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    observe, failures = Delivery._observe, [OSError("no more threads")]

    def fail_once(delivery: Delivery) -> None:
        if failures:
            raise failures.pop()
        observe(delivery)

    monkeypatch.setattr(Delivery, "_observe", fail_once)
    client = EventClient.connect(collector.ws_url)
    with pytest.raises(OSError, match="no more threads"):
        client.submit(PageEvent(event_name="x"))
    assert client.send_page_event(event_name="x").ok
    assert client.close() == []


def test_a_thread_that_is_held_up_does_not_hold_up_close(
    collector: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raccoon_runtime.sync._GRACE", 0.2)
    held = threading.Event()

    def headers() -> dict[str, str]:
        held.wait(60)
        return {}

    client = EventClient.connect(collector.ws_url, headers=headers)
    client.submit_nowait(PageEvent(event_name="x"))
    assert client.close(timeout=0.1) == []
    assert "the client's thread is held up" in caplog.text
    held.set()
    for thread in threading.enumerate():
        if thread.name == "raccoon-client":
            thread.join(20)


def test_a_loop_that_is_another_ones(collector: Collector) -> None:
    from generated import AsyncEventClient

    client = AsyncEventClient.connect(collector.ws_url)

    async def use() -> None:
        await client.send_page_event(event_name="x")

    async def misuse() -> None:
        for call in (client.flush, client.close, lambda: client.send([])):
            with pytest.raises(UsageError, match="another event loop"):
                await call()
        with pytest.raises(UsageError, match="another event loop"):
            await client.send_page_event(event_name="x")
        # What does not wait may come from anywhere.
        future = client.submit_nowait(PageEvent(event_name="y"))
        assert (await future).ok

    async def both() -> None:
        await use()
        await asyncio.to_thread(lambda: asyncio.run(misuse()))
        await client.close()

    asyncio.run(both())
    assert stored(collector) == {"x": 1, "y": 1}
