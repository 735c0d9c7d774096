"""The outcome of one accepted event: an Ack, or the error why there is none.

One of these is made for each event, so it is slim: no loop, no lock, no waiter of its own until
somebody waits.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from ..envelope import Ack
from ..errors import SendError, SendTimeoutError, UsageError

if TYPE_CHECKING:
    from .batch import Batch

logger = logging.getLogger("raccoon_runtime")


class BaseAckFuture:
    """What both kinds share."""

    __slots__ = ("__weakref__", "_batch", "_outcome", "_wakers")

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._outcome: Ack | SendError | None = None
        self._wakers: list[Callable[[], object]] | None = None

    @property
    def req_guid(self) -> str:
        """The request in which the event travels; another one when that had to be split."""
        return self._batch.req_guid

    def done(self) -> bool:
        """Whether there is an outcome."""
        return self._outcome is not None

    def exception(self) -> SendError | None:
        """Return why there is no ack, or None; InvalidStateError while it is pending."""
        outcome = self.outcome()
        return None if isinstance(outcome, Ack) else outcome

    def outcome(self) -> Ack | SendError:
        """Return the ack, or the error why there is none; InvalidStateError while it is pending."""
        outcome = self._settled()
        return outcome if isinstance(outcome, Ack) else outcome.about(outcome.req_guid)

    def add_done_callback(self, callback: Callable[[Self], object]) -> None:
        """Have the client's event loop call this with the future when there is an outcome, or soon
        when there is one.

        An exception in it is logged and harms nothing.
        """
        self._when_done(partial(self._call_back, callback))

    def __repr__(self) -> str:
        state = "pending" if self._outcome is None else type(self._outcome).__name__
        return f"<{type(self).__name__} {self.req_guid} {state}>"

    def _settled(self) -> Ack | SendError:
        if self._outcome is None:
            raise asyncio.InvalidStateError("the event is still pending")
        return self._outcome

    def _ack(self) -> Ack:
        # A copy of the error: one outcome is raised to many callers, and each adds its own
        # traceback.
        outcome = self.outcome()
        if isinstance(outcome, SendError):
            raise outcome from outcome.__cause__
        return outcome

    def _when_done(self, waker: Callable[[], object]) -> None:
        with self._batch.handle.lock:
            if self._outcome is None:
                if self._wakers is None:
                    self._wakers = []
                self._wakers.append(waker)
                return
        waker()

    def _settle(self, outcome: Ack | SendError) -> list[Callable[[], object]]:
        """Take the outcome, under the lock; the wakers are the caller's to call without it."""
        self._outcome = outcome
        wakers, self._wakers = self._wakers, None
        return wakers or []

    def _call_back(self, callback: Callable[[Self], object]) -> None:
        guarded = partial(_guarded, callback, self)
        if not self._batch.handle.call(guarded):
            guarded()


class AckFuture(BaseAckFuture):
    """The outcome of an event, to be awaited: `ack = await future`."""

    __slots__ = ()

    def result(self) -> Ack:
        """Return the ack or raise the error; InvalidStateError while it is pending."""
        return self._ack()

    def __await__(self) -> Generator[Any, None, Ack]:
        return self.within(math.inf).__await__()

    async def within(self, seconds: float) -> Ack:
        """Return the ack; SendTimeoutError when it has not come by then. The event goes on."""
        if not await self.wait(seconds):
            raise overdue([self], seconds)
        return self._ack()

    async def wait(self, seconds: float) -> bool:
        """Wait for the outcome; whether it came in time."""
        if self._outcome is None:
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[bool] = loop.create_future()
            self._when_done(partial(wake, loop, waiter))
            timer = None if seconds == math.inf else loop.call_later(seconds, resolve, waiter)
            try:
                await waiter
            finally:
                if timer is not None:
                    timer.cancel()
        return self._outcome is not None


class SyncAckFuture(BaseAckFuture):
    """The outcome of an event, for a thread to wait for: `ack = future.result()`."""

    __slots__ = ()

    def result(self, timeout: float | None = None) -> Ack:
        """Return the ack or raise the error; SendTimeoutError when neither came within `timeout`
        seconds.
        """
        seconds = math.inf if timeout is None else timeout
        if not self.wait(seconds):
            raise overdue([self], seconds)
        return self._ack()

    def wait(self, seconds: float) -> bool:
        """Wait for the outcome; whether it came in time."""
        if self._outcome is None:
            if self._batch.handle.here():
                raise UsageError(
                    "the client's own thread cannot wait for an outcome that it has to bring"
                )
            came = threading.Event()
            self._when_done(came.set)
            came.wait(None if seconds == math.inf else max(seconds, 0.0))
        return self._outcome is not None


def overdue(pending: Sequence[BaseAckFuture], seconds: float) -> SendTimeoutError:
    """Return the error that ends a wait for these."""
    batch = pending[0]._batch  # pyright: ignore[reportPrivateUsage]
    last = batch.last_error
    told = f"{seconds:g} s" if last is None else f"{seconds:g} s; last, {last.brief()}"
    persisted = "possibly" if batch.possible_duplicate or batch.attempts else "no"
    error = SendTimeoutError(told, req_guid=batch.req_guid, persisted=persisted)
    error.futures = tuple(pending)
    error.__cause__ = last
    return error


def wake(loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[bool]) -> None:
    """Let who waits go on, from any thread."""
    try:
        here = asyncio.get_running_loop() is loop
    except RuntimeError:
        here = False
    if here:
        resolve(waiter)
    elif not loop.is_closed():
        loop.call_soon_threadsafe(resolve, waiter)


def resolve(waiter: asyncio.Future[bool], came: bool = True) -> None:
    """Let who waits go on, in the loop's own thread."""
    if not waiter.done():
        waiter.set_result(came)


def _guarded(callback: Callable[[Any], object], future: BaseAckFuture) -> None:
    try:
        callback(future)
    except Exception:
        logger.exception("a done callback failed")
