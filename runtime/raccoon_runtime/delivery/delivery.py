"""The way of an event from its acceptance to its outcome, in one object.

accept ─▶ Queue ─▶ Window ─▶ Dispatcher ─▶ transport ─▶ Dispatcher ─▶ Batch.settle ─▶ future, acks()
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from weakref import WeakSet

from ..deadline import deadline
from ..envelope import Ack
from ..errors import SendError, SendTimeoutError, UndeliveredError
from ..options import ClientOptions
from ..transports.base import Transport
from .acks import AckStream, SyncAckStream, failure_ack
from .batch import Batch
from .dispatcher import Dispatcher
from .future import BaseAckFuture, resolve, wake
from .handle import LoopHandle
from .queue import Bounds, Queue
from .stats import Counters, Stats
from .window import Window

F = TypeVar("F", bound=BaseAckFuture)
S = TypeVar("S", AckStream, SyncAckStream)

_CLOSING = 5.0  # what a transport gets to say goodbye, in seconds


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An event that `close()` gives back: its type, its bytes, and the error that its future has."""

    type: str
    data: bytes
    error: SendError


class Delivery:
    """Everything between a client and its transport. Made in any thread; lives on the loop that
    `handle` is bound to.
    """

    def __init__(self, transport: Transport, options: ClientOptions) -> None:
        self.transport = transport
        self.handle = LoopHandle()
        self._wire = transport.wire
        self._log: logging.Logger = options.logger
        self._counters = Counters()
        self._streams: WeakSet[AckStream | SyncAckStream] = WeakSet()
        self._flushes: list[tuple[int, asyncio.Future[None]]] = []
        self._closing: asyncio.Future[list[Undelivered]] | None = None
        self.queue = Queue(_bounds(transport, options), self._wire, self.handle, self._signal)
        self._dispatcher = Dispatcher(
            transport, self.queue, self.handle, options.retry, self._log, self._counters, self._tell
        )
        self._window = Window(transport.in_flight, self._dispatcher, self.handle)
        self._dispatcher.wake_all = self._window.wake_all
        self._dispatcher.killed = self._killed

    def bind(self) -> None:
        """Live on the running loop; what was accepted before goes out."""
        if self.handle.bind() and self.queue:
            self._window.wake()

    def accept(self, type: str, data: bytes, kind: type[F]) -> F | None:
        """Accept an event and return its future; None when there is no room for it now."""
        return self.queue.put(self._wire.frame(type, data), kind)

    async def room(self, size: int, seconds: float) -> bool:
        """Wait until there may be room for an event of that size; whether there was before the time
        was up.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        waker = partial(wake, loop, waiter)
        self.queue.when_room(size, waker)
        timer = None if seconds == math.inf else loop.call_later(seconds, resolve, waiter, False)
        try:
            came = await waiter
        except asyncio.CancelledError:
            self.queue.no_room_needed(waker)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if not came:
            self.queue.no_room_needed(waker)
        return came

    def room_for_thread(self, size: int, seconds: float) -> bool:
        """The same, for a thread to wait."""
        came = threading.Event()
        waker = came.set
        self.queue.when_room(size, waker)
        if came.wait(max(seconds, 0.0)):
            return True
        self.queue.no_room_needed(waker)
        return False

    def stream(self, kind: type[S]) -> S:
        """Return an iterator over the acks from now on."""
        stream = kind(self._counters)
        if self._closing is None:
            self._streams.add(stream)
        else:
            stream.end()
        return stream

    async def flush(self, timeout: float | None) -> None:
        """Wait until what was accepted so far has its outcome; SendTimeoutError when that takes
        longer.
        """
        mark = self.queue.mark()
        while self.queue.pending_before(mark):
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._flushes.append((mark, done))
            try:
                if timeout is None:
                    await done
                else:
                    async with deadline(timeout):
                        await done
            except asyncio.TimeoutError:
                futures = [future for batch in self.queue.live() for future in batch.futures]
                error = SendTimeoutError(f"{timeout:g} s, {len(futures)} events are pending")
                error.futures = tuple(futures)
                raise error from None

    async def close(self, timeout: float) -> list[Undelivered]:
        """Accept nothing more, wait for what is pending, end, and return the events that got no
        ack.
        """
        if self._closing is not None:
            await asyncio.wait([self._closing])
            return []
        self._closing = asyncio.get_running_loop().create_future()
        self.queue.close()
        left: list[Undelivered] = []
        try:
            self._dispatcher.hurry()
            await self.flush(timeout)
        except SendTimeoutError:
            self._log.warning("closing with events that were not acknowledged within %g s", timeout)
        finally:
            try:
                await self._window.close()
            finally:
                left = self._give_back(self._dispatcher.abandon(UndeliveredError()))
                await self._part()
                self._closing.set_result(left)
        return left

    def stats(self) -> Stats:
        """Return the counts as they are."""
        counted = self._counters
        return Stats(
            **self.queue.counts()._asdict(),
            in_flight=self._window.busy,
            requests=counted.requests,
            retries=counted.retries,
            connections=self.transport.connections,
            possible_duplicates=counted.possible_duplicates,
            acks_dropped=counted.acks_dropped,
            failures=dict(counted.failures),
        )

    async def _part(self) -> None:
        for stream in list(self._streams):
            stream.end()
        try:
            async with deadline(_CLOSING):
                await self.transport.close()
        except asyncio.TimeoutError:
            self._log.warning("%s did not close in time", self.transport.address)

    def _give_back(self, batches: list[Batch]) -> list[Undelivered]:
        left: list[Undelivered] = []
        for batch in batches:
            for frame, future in zip(batch.frames, batch.futures, strict=True):
                error = future.exception()
                assert error is not None
                left.append(Undelivered(*self._wire.unframe(frame), error))
        return left

    def _signal(self) -> None:
        self.handle.call(self._window.wake)

    def _tell(self, outcome: Ack | SendError) -> None:
        if self._streams:
            ack = outcome if isinstance(outcome, Ack) else failure_ack(outcome)
            for stream in list(self._streams):
                stream.put(ack)
        if self._flushes:
            waiting = [(mark, done) for mark, done in self._flushes if not done.done()]
            self._flushes = [
                (mark, done) for mark, done in waiting if self.queue.pending_before(mark)
            ]
            for mark, done in waiting:
                if not self.queue.pending_before(mark):
                    done.set_result(None)

    def _killed(self) -> None:
        """The loop ends without a close: say what is lost with it, rather than leave it in limbo."""
        self.queue.close()
        self._dispatcher.abandon(UndeliveredError("its event loop ended"))
        for stream in list(self._streams):
            stream.end()


def _bounds(transport: Transport, options: ClientOptions) -> Bounds:
    return Bounds(
        events=options.queue_events,
        bytes=options.queue_bytes,
        batch_events=options.batch_events,
        batch_bytes=transport.batch_bytes if options.batch_bytes is None else options.batch_bytes,
    )
