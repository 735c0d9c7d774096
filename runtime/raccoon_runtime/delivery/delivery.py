"""The way of an event from its acceptance to its outcome, in one object.

accept ─▶ Queue ─▶ Window ─▶ Dispatcher ─▶ transport ─▶ Dispatcher ─▶ Queue.done ─▶ future, acks()
"""

from __future__ import annotations

import asyncio
import atexit
import math
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet

from .. import process, telemetry
from ..deadline import deadline
from ..envelope import Ack
from ..errors import DroppedError, SendError, SendTimeoutError, UndeliveredError
from ..options import ClientOptions
from ..transports.base import Transport
from .acks import AckStream, SyncAckStream, failure_ack
from .batch import Batch
from .callbacks import Callbacks
from .dispatcher import Dispatcher
from .flush import Flush
from .future import AckFuture, SyncAckFuture, came, resolve, wake
from .handle import LoopHandle
from .notices import Notices
from .queue import Bounds, Place, Queue
from .stats import Counters, Stats
from .undelivered import Read, Undelivered
from .window import Window

if TYPE_CHECKING:
    from ..spool import Spool

F = TypeVar("F", AckFuture, SyncAckFuture)
S = TypeVar("S", AckStream, SyncAckStream)

_CLOSING = 5.0  # what a transport gets to say goodbye, in seconds


class Delivery:
    """Everything between a client and its transport.

    Made in any thread; lives on the loop that `handle` is bound to. `read` gives an event back as
    what was sent, for those that failed.
    """

    def __init__(self, transport: Transport, options: ClientOptions, read: Read) -> None:
        self.transport = transport
        self._options = options
        self._read = read
        self._wire = transport.wire
        self.handle = LoopHandle(Callbacks(options.logger))
        self._notices = Notices(options.logger, transport.address)
        self._counters = Counters()
        self._streams: WeakSet[AckStream | SyncAckStream] = WeakSet()
        self._flushes: list[Flush] = []
        self._closing: asyncio.Future[list[Undelivered]] | None = None
        self._watch: telemetry.Watch | None = None
        self._tracing: telemetry.Tracing | None = None
        self._spool: Spool | None = None
        self._queue = self._make_queue()
        self._dispatcher = Dispatcher(
            transport,
            self._queue,
            self.handle,
            options.retry,
            self._notices,
            self._counters,
            self._settled,
            self._divided,
        )
        self._window = Window(transport.in_flight, self._dispatcher, self.handle)
        self._dispatcher.wake_all = self._window.wake_all
        self._dispatcher.killed = self._killed

    def _make_queue(self) -> Queue:
        options = self._options
        bounds = _bounds(self.transport, options)
        if options.spool is None:
            return Queue(bounds, self._wire, self.handle, self._signal)
        # Here, for most clients have none, and SQLite takes its time to be imported.
        from ..spool import Directory, Spool, SpooledQueue

        queue = SpooledQueue(bounds, self._wire, self.handle, self._signal, options.spool_bytes)
        queue.loaded_some = self._loaded
        self._spool = Spool(Directory(options.spool), queue, options.logger)
        return queue

    def bind(self) -> None:
        """Live on the running loop; what was accepted before goes out."""
        if self.handle.bind():
            _unclosed[self] = process.generation()
            self._observe()
            if self._spool is not None:
                self._spool.start()
            if self._queue:
                self._window.wake()

    def _observe(self) -> None:
        if self._options.telemetry:
            address = self.transport.address
            self._watch = telemetry.watch(self.stats, address)
            self._tracing = self._dispatcher.tracing = telemetry.tracing(address)

    # --- in ---------------------------------------------------------------------------

    def accept(self, frame: bytes) -> Place | None:
        """Accept a framed event and return where it is; None when there is no room for it now."""
        place = self._queue.put(frame)
        if self._tracing is not None and place is not None:
            self._tracing.note(place[0])
        if place is None and self._options.overflow != "wait":
            return self._dropped(frame)
        return place

    def accept_all(self, frames: Sequence[bytes]) -> list[Place]:
        """Accept as many as there is room for, in order, and return where they are."""
        places = self._queue.put_all(frames)
        while len(places) < len(frames) and self._options.overflow != "wait":
            places.append(self._dropped(frames[len(places)]))
            places += self._queue.put_all(frames[len(places) :])
        if self._tracing is not None:
            for batch in dict.fromkeys(batch for batch, _ in places):
                self._tracing.note(batch)
        return places

    def _dropped(self, frame: bytes) -> Place:
        """Make room as the policy says, or drop the event itself."""
        if self._options.overflow == "drop_oldest":
            while (oldest := self._queue.drop_oldest()) is not None:
                self._settled(oldest, DroppedError(req_guid=oldest.req_guid))
                if (place := self._queue.put(frame)) is not None:
                    return place
        return self._queue.refuse(DroppedError())

    async def room(self, size: int, seconds: float) -> bool:
        """Wait until there may be room for an event of that size; whether that came in time."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        waker = partial(wake, loop, waiter)
        self._queue.when_room(size, waker)
        timer = None if seconds == math.inf else loop.call_later(seconds, resolve, waiter, False)
        found = False
        try:
            found = await waiter
        finally:
            if timer is not None:
                timer.cancel()
            if not found:
                self._queue.no_room_needed(waker)
        return found

    def room_for_thread(self, size: int, seconds: float) -> bool:
        """The same, for a thread to wait."""
        found = threading.Event()
        waker = found.set
        self._queue.when_room(size, waker)
        if found.wait(max(seconds, 0.0)):
            return True
        self._queue.no_room_needed(waker)
        return False

    async def kept(self, place: Place) -> None:
        """Wait until an event is on the disk, if there is a spool.

        UndeliveredError when the client was closed before the disk took it.
        """
        if self._spool is not None:
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[bool] = loop.create_future()
            self._queue.when_kept(place, partial(wake, loop, waiter))
            await waiter
            _check_kept(place)

    def kept_for_thread(self, place: Place, seconds: float) -> bool:
        """The same, for a thread to wait; whether that came in time."""
        if self._spool is not None:
            kept = threading.Event()
            self._queue.when_kept(place, kept.set)
            if not kept.wait(max(seconds, 0.0)):
                return False
            _check_kept(place)
        return True

    # --- out --------------------------------------------------------------------------

    def futures(self, kind: type[F], places: Sequence[Place]) -> list[F]:
        """Return the futures of events."""
        return [kind(self.handle, place) for place in places]

    def pending(self, kind: type[F], places: Sequence[Place]) -> list[F]:
        """Return the futures of those that have no outcome yet."""
        return [future for future in self.futures(kind, places) if not future.done()]

    def stream(self, kind: type[S]) -> S:
        """Return an iterator over the acks from now on."""
        stream = kind(self._counters)
        if self._closing is None:
            self._streams.add(stream)
        else:
            stream.end()
        return stream

    def stats(self) -> Stats:
        """Return the counts as they are."""
        counted = self._counters
        return Stats(
            **self._queue.counts()._asdict(),
            in_flight=self._window.busy,
            requests=counted.requests,
            retries=counted.retries,
            connections=self.transport.connections,
            possible_duplicates=counted.possible_duplicates,
            acks_dropped=counted.acks_dropped,
            latency=counted.latency.latency(),
        )

    async def flush(self, timeout: float | None) -> None:
        """Wait until what was accepted so far, and what was in the spool, has its outcome.

        SendTimeoutError when that takes longer.
        """
        began = time.monotonic()
        if not await self._adopted(timeout):
            raise SendTimeoutError(f"{timeout:g} s, and the spool's disk is still at work")
        left = None if timeout is None else timeout - (time.monotonic() - began)
        flush = Flush()
        self._flushes.append(flush)
        try:
            flush.wait_for(self._queue.mark())
            self._window.wake_all()
            if not await came(flush.done, left):
                raise self._overdue(flush, timeout or 0.0)
        finally:
            self._flushes.remove(flush)

    async def _adopted(self, timeout: float | None) -> bool:
        """Wait until the spool has taken over what earlier processes left; whether it has."""
        if self._spool is None or self._spool.has_adopted:
            return True
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._spool.when_adopted(partial(wake, loop, waiter))
        return await came(waiter, timeout)

    def _overdue(self, flush: Flush, timeout: float) -> SendTimeoutError:
        count = sum(batch.count for batch in flush.left)
        error = SendTimeoutError(f"{timeout:g} s, {count} events are pending")
        error.futures = tuple(
            AckFuture(self.handle, (batch, index))
            for batch in flush.left
            for index in range(batch.count)
        )
        return error

    async def close(self, timeout: float) -> list[Undelivered]:
        """Accept nothing more, wait for what is pending, end, and return what got no ack.

        What lies in a spool stays there, and is not returned.
        """
        if self._closing is not None:
            await asyncio.wait([self._closing])
            return []
        end = time.monotonic() + timeout
        self._closing = asyncio.get_running_loop().create_future()
        self._queue.close()
        left: list[Undelivered] = []
        try:
            self._dispatcher.hurry()
            await self.flush(timeout)
        except SendTimeoutError:
            told = "closing with events that were not acknowledged within %g s"
            self._options.logger.warning(told, timeout)
        finally:
            try:
                await self._window.close()
            finally:
                # First, so that what has gathered gets onto the disk, as far as it lets it.
                await self._end_spool()
                left = self._abandon(UndeliveredError())
                await self._part(end)
                self._end()
                self._closing.set_result(left)
        return left

    async def _end_spool(self) -> None:
        if self._spool is not None:
            loop = asyncio.get_running_loop()
            ended: asyncio.Future[bool] = loop.create_future()
            self._spool.end(partial(wake, loop, ended))
            if not await came(ended, _CLOSING):
                self._options.logger.warning("closed while the spool's disk was still at work")

    def _end(self) -> None:
        _unclosed.pop(self, None)
        if self._watch is not None:
            self._watch.close()

    def report_lost(self, pending: int) -> None:
        """Say that the interpreter ends before these were acknowledged."""
        told = "the interpreter ended before %d events were acknowledged; close the client first"
        self._options.logger.error(told, pending)

    def report_spooled(self, count: int) -> None:
        """Say that these are on the disk when the interpreter ends."""
        told = "the interpreter ended with %d events in the spool; the next process delivers them"
        self._options.logger.warning(told, count)

    def close_unused(self) -> None:
        """Accept nothing more; it was never bound to a loop, so nothing is pending."""
        self._queue.close()
        if self._spool is not None:
            self._spool.end(lambda: None)
        for stream in list(self._streams):
            stream.end()

    async def _part(self, end: float) -> None:
        for stream in list(self._streams):
            stream.end()
        self._notices.rest()
        try:
            async with deadline(_CLOSING):
                await self.transport.close()
        except asyncio.TimeoutError:
            told = "%s did not close in time"
            self._options.logger.warning(told, self.transport.address)
        await self._callbacks_done(max(end - time.monotonic(), 0.0))

    async def _callbacks_done(self, patience: float) -> None:
        if self.handle.callbacks.busy:
            loop = asyncio.get_running_loop()
            last: asyncio.Future[bool] = loop.create_future()
            self.handle.callbacks.run(partial(wake, loop, last))
            if not await came(last, patience):
                self._options.logger.warning("closed while callbacks were still running")

    def _abandon(self, error: SendError) -> list[Undelivered]:
        left: list[Undelivered] = []
        for batch, told in self._dispatcher.abandon(error):
            if batch.kept:
                self._queue.release(batch, told)
                continue
            left += self._undelivered(batch, told)
            self._settled(batch, told)
        self._queue.release_rest(error)
        return left

    def _undelivered(self, batch: Batch, error: SendError) -> list[Undelivered]:
        unframed = (self._wire.unframe(frame) for frame in batch.frames)
        return [Undelivered(type, data, error, self._read) for type, data in unframed]

    # --- what the rooms tell each other -----------------------------------------------

    def _signal(self) -> None:
        self.handle.call(self._window.wake)

    def _settled(self, batch: Batch, outcome: Ack | SendError) -> None:
        if isinstance(outcome, Ack):
            taken = time.monotonic() - batch.opened
            self._counters.latency.add(taken, batch.count)
            if self._watch is not None:
                self._watch.acknowledged(taken)
        elif self._options.on_failure is not None:
            for dead in self._undelivered(batch, outcome):
                self.handle.callbacks.run(partial(self._options.on_failure, dead))
        self._queue.done(batch, outcome)
        if self._streams:
            ack = outcome if isinstance(outcome, Ack) else failure_ack(outcome)
            for stream in list(self._streams):
                stream.put(ack)
        if self._flushes:
            self.handle.call(self._tell_flushes, batch)

    def _tell_flushes(self, batch: Batch) -> None:
        for flush in self._flushes:
            flush.settled(batch)

    def _loaded(self, batches: list[Batch], row: int) -> None:
        if self._flushes:
            self.handle.call(self._tell_loaded, batches, row)

    def _tell_loaded(self, batches: list[Batch], row: int) -> None:
        for flush in self._flushes:
            flush.loaded(batches, row)

    def _divided(self, batch: Batch, parts: tuple[Batch, ...]) -> None:
        for flush in self._flushes:
            flush.divided(batch, parts)

    def _killed(self) -> None:
        """The loop ends without a close: say what is lost, rather than leave it in limbo."""
        self._queue.close()
        self._end()
        if self._spool is not None:
            ended = threading.Event()
            self._spool.end(ended.set)
            ended.wait(_CLOSING)
        left = self._abandon(UndeliveredError("its event loop ended"))
        if left:
            told = "an event loop ended before %d events were acknowledged; close the client first"
            self._options.logger.error(told, len(left))
        for stream in list(self._streams):
            stream.end()


def _check_kept(place: Place) -> None:
    batch = place[0]
    if isinstance(batch.outcome, UndeliveredError) and not batch.kept:
        raise batch.outcome.about(batch.req_guid)


def _bounds(transport: Transport, options: ClientOptions) -> Bounds:
    return Bounds(
        events=options.queue_events,
        bytes=options.queue_bytes,
        batch_events=options.batch_events,
        batch_bytes=transport.batch_bytes if options.batch_bytes is None else options.batch_bytes,
        linger=options.linger,
    )


# Held on purpose: what nobody closed is not to vanish without a word.
_unclosed: dict[Delivery, int] = {}


@atexit.register
def _report() -> None:
    """Say what is pending still when the interpreter ends."""
    for delivery, generation in list(_unclosed.items()):
        if generation == process.generation():
            stats = delivery.stats()
            if stats.pending > stats.spooled:
                delivery.report_lost(stats.pending - stats.spooled)
            if stats.spooled:
                delivery.report_spooled(stats.spooled)
