"""Events that failed: dead letters with the event typed; and warnings of deprecated ones."""

from __future__ import annotations

import asyncio
import importlib
import logging
import shutil
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from raccoon_runtime import (
    JSON,
    PROTO,
    Event,
    RejectedError,
    SendError,
    SendTimeoutError,
    Serializer,
    Undelivered,
)
from raccoon_runtime.collector import Answered, Collector, Delay, NoAnswer

from generated import AsyncEventClient, ClickEvent, PageEvent
from tests.waiting import until

from .conftest import Connect

CASES = Path(__file__).parent.parent / "cases"


class Dead:
    """Keeps dead letters and the thread that they came in."""

    def __init__(self) -> None:
        self.letters: list[Undelivered] = []
        self.threads: set[str] = set()

    def __call__(self, letter: Undelivered) -> None:
        self.letters.append(letter)
        self.threads.add(threading.current_thread().name)


@pytest.mark.parametrize("serializer", [PROTO, JSON])
async def test_a_dead_letter_holds_the_event_as_it_was_sent(
    connect: Connect, collector: Collector, serializer: Serializer
) -> None:
    collector.faults.add(Answered(type="page", times=1))
    dead = Dead()
    async with connect(on_failure=dead, serializer=serializer) as client:
        with pytest.raises(RejectedError) as told:
            await client.send_page_event(event_name="x", tags=["a"])
        await until(lambda: dead.letters)
        (letter,) = dead.letters
        event: Any = letter.event
        assert isinstance(event, PageEvent)
        assert (event.event_name, event.tags) == ("x", ["a"])
        assert event.event_guid and event.sent_time is not None  # what auto filled in
        assert letter.type == "page"
        assert isinstance(letter.error, RejectedError)
        assert letter.error.req_guid == told.value.req_guid
        # Sent again it is the same event: consumers can drop one of the two.
        await client.send([event])
    collector_saw = [stored.event_bytes for stored in collector.stored]
    assert collector_saw == [letter.data, letter.data]  # a refusal in words only: it was published


async def test_an_untyped_event_stays_one(connect: Connect, collector: Collector) -> None:
    collector.faults.add(Answered())
    dead = Dead()
    async with connect(on_failure=dead, serializer=JSON) as client:
        future = client.submit_nowait(Event("anything", {"a": 1}))
        assert isinstance(await client.outcome(future), RejectedError)
        await until(lambda: dead.letters)
    assert [letter.event for letter in dead.letters] == [Event("anything", {"a": 1})]


async def test_callbacks_run_in_a_thread_of_their_own_and_in_order(
    connect: Connect, collector: Collector
) -> None:
    collector.faults.add(Answered())
    dead = Dead()
    async with connect(on_failure=dead, batch_events=3, in_flight=1) as client:
        for number in range(30):
            client.submit_nowait(PageEvent(event_name=str(number)))
        await client.flush()
        await until(lambda: len(dead.letters) == 30)
    assert [int(letter.event.event_name) for letter in dead.letters] == list(range(30))
    assert dead.threads == {"raccoon-callbacks"}


async def test_an_exception_in_a_callback_harms_nothing(
    connect: Connect, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.faults.add(Answered(type="click"))

    def fail(letter: Undelivered) -> None:
        raise LookupError("in the callback")

    async with connect(on_failure=fail) as client:
        with pytest.raises(RejectedError):
            await client.send_click_event(element="x")
        assert (await client.send_page_event(event_name="x")).ok
    assert "a callback failed" in caplog.text
    assert "LookupError: in the callback" in caplog.text


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
async def test_what_ends_a_thread_ends_no_callbacks(
    connect: Connect,
    collector: Collector,
    caplog: pytest.LogCaptureFixture,
    error: type[BaseException],
) -> None:
    collector.faults.add(Answered())
    dead = Dead()

    def give_up(letter: Undelivered) -> None:
        dead(letter)
        raise error("in the callback")

    async with connect(on_failure=give_up, batch_events=1) as client:
        for number in range(5):
            client.submit_nowait(PageEvent(event_name=str(number)))
        await until(lambda: len(dead.letters) == 5)
    assert caplog.text.count(f"{error.__name__}: in the callback") == 5
    assert "still running" not in caplog.text


async def test_dead_letters_are_bounded_like_the_queue(
    connect: Connect, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """While on_failure holds one, as many wait as may be pending; what is more is counted."""
    collector.faults.add(NoAnswer())
    go_on, dead = threading.Event(), Dead()

    def hold(letter: Undelivered) -> None:
        dead(letter)
        go_on.wait(20)

    client = connect(queue_events=10, overflow="drop_newest", on_failure=hold)
    for number in range(11):
        client.submit_nowait(PageEvent(event_name=str(number)))
    await until(lambda: dead.letters)
    for number in range(11, 100):
        client.submit_nowait(PageEvent(event_name=str(number)))
    stats = client.stats()
    assert (stats.pending, stats.failed, stats.letters_dropped) == (10, 90, 90 - 11)
    assert caplog.text.count("on_failure is too slow") == 1
    go_on.set()
    await until(lambda: len(dead.letters) == 11)
    for number in range(5):
        client.submit_nowait(PageEvent(event_name=str(number)))
    await until(lambda: len(dead.letters) == 16)
    assert client.stats().letters_dropped == 90 - 11
    assert len(await client.close(0)) == 10


async def test_what_close_gives_back_is_a_dead_letter_before_it_returns(
    connect: Connect, collector: Collector, tmp_path: Path
) -> None:
    """However long its time has been over, and however many still wait for on_failure."""
    collector.faults.add(NoAnswer())
    kept = tmp_path / "letters"

    def keep(letter: Undelivered) -> None:
        with open(kept, "a", encoding="utf-8") as file:
            file.write(f"{letter.error.summary}\n")

    client = connect(queue_events=2000, on_failure=keep)
    for number in range(2000):
        client.submit_nowait(PageEvent(event_name=str(number)))
    assert len(await client.close(0)) == 2000
    assert len(kept.read_text().splitlines()) == 2000


async def test_a_log_that_raises_loses_nothing(connect: Connect, collector: Collector) -> None:
    """A filter of the application's, say."""
    logger = logging.Logger("broken")

    class Broken(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise LookupError("in the filter")

    logger.addFilter(Broken())
    await collector.stop()
    async with connect(logger=logger) as client:
        futures = [client.submit_nowait(PageEvent(event_name=str(n))) for n in range(20)]
        await until(lambda: client.stats().requests > 3)
        await collector.start()
        for future in futures:
            assert (await client.outcome(future)).ok


async def test_a_slow_callback_holds_up_nothing(connect: Connect, collector: Collector) -> None:
    collector.faults.add(Answered(type="click"))
    go_on = threading.Event()
    async with connect(on_failure=lambda letter: go_on.wait(20), batch_events=1) as client:
        client.submit_nowait(ClickEvent(element="x"))
        assert (await client.send_page_event(event_name="x")).ok
        await client.flush()
        go_on.set()


async def test_close_waits_for_callbacks(connect: Connect, collector: Collector) -> None:
    collector.faults.add(Answered())
    dead = Dead()
    client = connect(on_failure=dead)
    for number in range(10):
        client.submit_nowait(PageEvent(event_name=str(number)))
    await client.close()
    assert len(dead.letters) == 10


async def test_a_callback_may_use_the_client(connect: Connect, collector: Collector) -> None:
    """A dead letter that is told as another event."""
    collector.faults.add(Answered(type="click"))
    client = connect(on_failure=lambda letter: again())

    def again() -> None:
        client.submit_nowait(PageEvent(event_name="dead"))

    client.submit_nowait(ClickEvent(element="x"))
    await until(lambda: client.stats().delivered == 1)
    await client.close()


async def test_done_callbacks(connect: Connect, collector: Collector) -> None:
    collector.faults.add(Answered(type="click"))
    told: list[tuple[Any, str]] = []
    async with connect() as client:
        good = client.submit_nowait(PageEvent(event_name="x"))
        bad = client.submit_nowait(ClickEvent(element="x"))
        for future in (good, bad):
            future.add_done_callback(
                lambda done: told.append((done, threading.current_thread().name))
            )
        await client.flush()
        await until(lambda: len(told) == 2)
        good.add_done_callback(lambda done: told.append((done, "late")))
        await until(lambda: len(told) == 3)
    assert {future for future, _ in told} == {good, bad}
    own = "raccoon-callbacks" if client.is_sync else threading.current_thread().name
    assert {thread for _, thread in told[:2]} == {own}
    assert isinstance(bad.exception(), SendError)


async def test_done_callbacks_of_a_client_that_no_loop_has_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A thread calls them; what one raises is no affair of who submits the next event."""
    told: list[str] = []

    def fail(done: object) -> None:
        raise LookupError("in the callback")

    client = AsyncEventClient.connect("ws://127.0.0.1:1", queue_events=1, overflow="drop_oldest")

    def submit() -> None:
        first = client.submit_nowait(PageEvent(event_name="0"))
        first.add_done_callback(fail)
        first.add_done_callback(lambda done: told.append(threading.current_thread().name))
        client.submit_nowait(PageEvent(event_name="1"))

    await asyncio.to_thread(submit)
    await until(lambda: told)
    assert told == ["raccoon-callbacks"]
    assert "LookupError: in the callback" in caplog.text
    assert len(await client.close(0)) == 1


async def test_the_exception_of_a_future(connect: Connect, collector: Collector) -> None:
    """Whoever asks a synchronous one waits for it, as for its result."""
    collector.faults.add(Delay(0.3))
    collector.faults.add(Answered(type="click"))
    async with connect(batch_events=1) as client:
        bad = client.submit_nowait(ClickEvent(element="x"))
        good = client.submit_nowait(PageEvent(event_name="x"))
        if not client.is_sync:
            for future in (good, bad):
                with pytest.raises(asyncio.InvalidStateError):
                    future.exception()
            for future in (good, bad):
                await future.wait(20)
            assert isinstance(bad.exception(), RejectedError)
            assert good.exception() is None
            return
        with pytest.raises(SendTimeoutError) as told:
            await asyncio.to_thread(bad.exception, 0.01)
        assert told.value.future is bad
        assert isinstance(await asyncio.to_thread(bad.exception), RejectedError)
        assert await asyncio.to_thread(good.exception, 20) is None


# --- deprecated events ------------------------------------------------------------------


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A package whose schema calls an event deprecated."""
    shutil.copytree(CASES / "deprecated" / "expected", tmp_path / "old_events")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("old_events")
    for name in [name for name in sys.modules if name.split(".")[0] == "old_events"]:
        del sys.modules[name]


@pytest.mark.parametrize("kind", ["AsyncEventClient", "EventClient"])
async def test_a_deprecated_event_warns_at_the_callers_line(old: Any, kind: str) -> None:
    client = getattr(old, kind).connect("null://")
    line = sys._getframe().f_lineno
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        one = client.send_click_event(element="x")
        event = old.ClickEvent(element="x")  # warns here, and not when it is sent
        two = client.send_click_event(event)
    told = [warning for warning in caught if warning.category is DeprecationWarning]
    assert [(warning.filename, warning.lineno - line) for warning in told] == [
        (__file__, 3),
        (__file__, 4),
    ]
    assert str(told[0].message) == "acme.old.v1.ClickEvent is deprecated"
    for call in (one, two, client.close()):
        if asyncio.iscoroutine(call):
            await call
