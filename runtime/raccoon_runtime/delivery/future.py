"""The outcome of one accepted event: an Ack, or the error why there is none.

One of these is made for each event, so it is slim: a batch and an index in it.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from ..envelope import Ack
from ..errors import SendError, SendTimeoutError, UsageError
from ..seconds import LONGEST
from ..seconds import seconds as wait_of

if TYPE_CHECKING:
    from .batch import Batch, Waker
    from .handle import LoopHandle


class BaseAckFuture:
    """What both kinds share."""

    __slots__ = ("__weakref__", "_handle", "place")

    def __init__(self, handle: LoopHandle, place: tuple[Batch, int]) -> None:
        self._handle = handle
        self.place = place
        """Where the event is: delivery's own affair."""

    @property
    def req_guid(self) -> str:
        """The request in which the event travels; another one when that had to be split."""
        return self._batch().req_guid

    def done(self) -> bool:
        """Whether there is an outcome."""
        return self._batch().outcome is not None

    def exception(self) -> SendError | None:
        """Return why there is no ack, or None; InvalidStateError while it is pending."""
        outcome = self.outcome()
        return None if isinstance(outcome, Ack) else outcome

    def outcome(self) -> Ack | SendError:
        """Return the ack, or the error why there is none; InvalidStateError while it is pending."""
        batch = self._batch()
        outcome = batch.outcome
        if outcome is None:
            raise asyncio.InvalidStateError("the event is still pending")
        # A copy of an error: one outcome is raised to many, and each adds its own traceback.
        return outcome if isinstance(outcome, Ack) else outcome.about(batch.req_guid)

    def __repr__(self) -> str:
        outcome = self._batch().outcome
        state = "pending" if outcome is None else type(outcome).__name__
        return f"<{type(self).__name__} {self.req_guid} {state}>"

    def _batch(self) -> Batch:
        batch, index = self.place
        if batch.places is not None:
            self.place = batch.find(index)
            return self.place[0]
        return batch

    def _ack(self) -> Ack:
        outcome = self.outcome()
        if isinstance(outcome, SendError):
            raise outcome from outcome.__cause__
        return outcome

    def _when_done(self, waker: Waker) -> None:
        """Have this called, once, when there is an outcome; at once when there is one."""
        with self._handle.lock:
            batch, index = self.place[0].find(self.place[1])
            if batch.outcome is None:
                batch.watch(index, waker)
                return
        waker()

    def _wait_no_more(self, waker: Waker) -> None:
        """Take back what `_when_done` was told, when the wait is over before the outcome."""
        with self._handle.lock:
            batch, index = self.place[0].find(self.place[1])
            with suppress(ValueError):
                batch.wakers.remove((index, waker))


class AckFuture(BaseAckFuture):
    """The outcome of an event, to be awaited: `ack = await future`.

    `asyncio.wait` takes tasks only: give it `asyncio.ensure_future(future)`.
    """

    __slots__ = ()

    def result(self) -> Ack:
        """Return the ack or raise the error; InvalidStateError while it is pending."""
        return self._ack()

    def __await__(self) -> Generator[Any, None, Ack]:
        return self.within(math.inf).__await__()

    async def within(self, seconds: float) -> Ack:
        """Return the ack; SendTimeoutError when it has not come by then. The event goes on."""
        if not await self.wait(wait_of(seconds)):
            raise overdue([self], seconds)
        return self._ack()

    async def wait(self, seconds: float) -> bool:
        """Wait for the outcome; whether it came in time."""
        if not self.done():
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[bool] = loop.create_future()
            waker = partial(wake, loop, waiter)
            tick: set[asyncio.Future[bool]] = set()
            self._when_done(waker)
            try:
                if seconds > LONGEST:
                    await waiter
                elif self._handle.is_on(loop):
                    tick = self._handle.wheel.put(waiter, seconds, loop)
                    await waiter
                else:
                    await came(waiter, seconds)
            finally:
                tick.discard(waiter)
                if not self.done():
                    self._wait_no_more(waker)
        return self.done()

    def add_done_callback(self, callback: Callable[[Self], object]) -> None:
        """Have the client's event loop call this with the future when there is an outcome.

        Like those of asyncio it has to be quick: while it runs, nothing else in the loop does. An
        exception in it goes to the loop's exception handler. Where there is no loop, a thread calls
        it.
        """
        context = contextvars.copy_context()

        def call() -> object:
            return context.run(callback, self)

        def tell() -> None:
            if not self._handle.call(call):
                self._handle.callbacks.run(call)

        self._when_done(tell)


class SyncAckFuture(BaseAckFuture):
    """The outcome of an event, for a thread to wait for: `ack = future.result()`."""

    __slots__ = ()

    def result(self, timeout: float | None = None) -> Ack:
        """Return the ack or raise the error.

        SendTimeoutError when neither came within `timeout` seconds; None waits as long as it takes.
        """
        self._wait_at_most(timeout)
        return self._ack()

    def exception(self, timeout: float | None = None) -> SendError | None:
        """Return why there is no ack, or None when there is one; waits like `result`."""
        self._wait_at_most(timeout)
        return super().exception()

    def _wait_at_most(self, timeout: float | None) -> None:
        seconds = wait_of(timeout)
        if not self.wait(seconds):
            raise overdue([self], seconds)

    def wait(self, seconds: float) -> bool:
        """Wait for the outcome; whether it came in time."""
        if not self.done():
            if self._handle.here():
                told = "the client's own thread cannot wait for an outcome that it has to bring"
                raise UsageError(told)
            # A lock that another releases: an Event is a condition, two locks and a queue.
            came = threading.Lock()
            came.acquire()
            self._when_done(came.release)
            try:
                came.acquire(timeout=-1 if seconds > LONGEST else max(seconds, 0.0))
            finally:
                if not self.done():
                    self._wait_no_more(came.release)
        return self.done()

    def add_done_callback(self, callback: Callable[[Self], object]) -> None:
        """Have a thread of the client's own call this with the future when there is an outcome.

        It may take its time; an exception in it is logged and harms nothing.
        """
        self._when_done(partial(self._handle.callbacks.run, partial(callback, self)))


def overdue(
    pending: Sequence[AckFuture] | Sequence[SyncAckFuture], seconds: float
) -> SendTimeoutError:
    """Return the error that ends a wait for these."""
    # What is inside of both kinds is this module's.
    batch = pending[0]._batch()  # pyright: ignore[reportPrivateUsage]
    last = batch.last_error or pending[0]._handle.trouble  # pyright: ignore[reportPrivateUsage]
    told = f"{seconds:g} s" if last is None else f"{seconds:g} s; last, {last.brief()}"
    error = SendTimeoutError(told, req_guid=batch.req_guid)
    error.futures = tuple(pending)
    error.__cause__ = last
    return error


def wake(loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[bool]) -> None:
    """Let who waits go on, from any thread."""
    if asyncio._get_running_loop() is loop:
        resolve(waiter)
        return
    with suppress(RuntimeError):  # it is closed, and nobody waits there any more
        loop.call_soon_threadsafe(resolve, waiter)


def resolve(waiter: asyncio.Future[bool], came: bool = True) -> None:
    """Let who waits go on, in the loop's own thread."""
    if not waiter.done():
        waiter.set_result(came)


async def came(future: asyncio.Future[bool], seconds: float) -> bool:
    """Wait for a future that stays as it is; whether it was done before the time was up."""
    await asyncio.wait([future], timeout=None if seconds > LONGEST else seconds)
    return future.done()
