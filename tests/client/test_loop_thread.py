"""The thread of the synchronous client at its end: what is begun too late is not left behind."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import logging
import threading
from collections.abc import AsyncIterator

import pytest
from raccoon_runtime.loop_thread import LoopThread, result_of

from generated import EventClient, PageEvent


def begin_as_it_ends() -> concurrent.futures.Future[bool]:
    """Begin what takes a minute while the thread closes a generator that was left open."""
    thread = LoopThread(lambda: None, lambda: None, logging.getLogger(__name__))
    thread.begin()
    late: list[concurrent.futures.Future[bool]] = []

    async def never() -> bool:
        return await asyncio.sleep(60, True)

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            late.append(thread.begin_last(never))
            await asyncio.sleep(0.01)

    async def leave_open() -> AsyncIterator[int]:
        iterator = numbers()
        await anext(iterator)
        return iterator

    iterator = result_of(
        thread.begin_last(leave_open), 20
    )  # which would be closed if it were let go
    thread.join(20)
    assert iterator is not None
    return late[0]


def test_what_is_begun_as_it_ends_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    """It is not taken up, for nothing would run it to its end."""
    assert result_of(begin_as_it_ends(), 20) is None
    gc.collect()  # a task that was left behind would say so
    assert caplog.text == ""


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize("then", ["use", "close"])
def test_an_interrupt_of_the_start_spoils_nothing(
    monkeypatch: pytest.MonkeyPatch, started: bool, then: str
) -> None:
    """Whether the thread has come to life by then or not."""
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", start)
        if started:
            start(thread)
        raise KeyboardInterrupt

    client = EventClient.connect("null://")
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.submit_nowait(PageEvent(event_name="x"))
    if then == "use":
        assert client.send_page_event(event_name="x").ok
        assert client.stats().accepted == client.stats().delivered == 1
    assert client.close() == []
    assert not [one for one in threading.enumerate() if one.name == "raccoon-client"]
