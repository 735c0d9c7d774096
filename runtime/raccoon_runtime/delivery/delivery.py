"""The way of an event from its acceptance to its outcome, in one object.

Door ─▶ Queue ─▶ Window ─▶ Dispatcher ─▶ transport ─▶ Dispatcher ─▶ Queue.done ─▶ future, acks()
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from .. import process, tasks, telemetry
from ..deadline import deadline
from ..envelope import Ack
from ..errors import DroppedError, SendError, SendTimeoutError, UndeliveredError
from ..options import ClientOptions
from ..plural import were
from ..transports.base import Transport
from .acks import AckStream, Streams, SyncAckStream
from .batch import Batch
from .callbacks import Callbacks
from .dispatcher import Dispatcher
from .door import Door
from .flush import Flush, Flushes
from .future import AckFuture, SyncAckFuture, came, resolve, wake
from .handle import LoopHandle
from .letters import DeadLetters
from .notices import Notices
from .queue import Bounds, Place, Queue
from .stats import Counters, Stats
from .unclosed import held, hold, let_go
from .undelivered import Read, Undelivered
from .window import Window

if TYPE_CHECKING:
    from ..spool import Spool

F = TypeVar("F", AckFuture, SyncAckFuture)
S = TypeVar("S", AckStream, SyncAckStream)

_CLOSING = 5.0  # what a transport gets to say goodbye, a disk and callbacks to end, in seconds


class Delivery:
    """Everything between a client and its transport.

    Made in any thread; lives on the loop that `handle` is bound to. `read` gives an event back as
    what was sent, for those that failed.
    """

    def __init__(self, transport: Transport, options: ClientOptions, read: Read) -> None:
        self.transport = transport
        self.logger = options.logger
        self._options = options
        self._read = read
        self._wire = transport.wire
        self.handle = LoopHandle(Callbacks(options.logger))
        self._notices = Notices(options.logger, transport.address)
        self._counters = Counters()
        self._streams = Streams(self._counters)
        self._flushes = Flushes(self.handle)
        self._closing: asyncio.Task[None] | None = None
        self._end_of_loop: AsyncGenerator[None] | None = None
        self._was_killed = self._has_begun_to_close = False
        self._awaits_callbacks = True
        self._last_callback: asyncio.Future[bool] | None = None
        self._left: list[Undelivered] = []
        self._letters: DeadLetters | None = None
        self._watch: telemetry.Watch | None = None
        self._spool: Spool | None = None
        self._queue = self._make_queue()
        self.door = Door(
            self._queue,
            self._wire,
            options.overflow,
            self._dropped,
            self._refused,
            spools=self._spool is not None,
        )
        self._dispatcher = Dispatcher(
            transport,
            self._queue,
            self.handle,
            options.retry,
            self._notices,
            self._counters,
            self._settled,
            self._flushes.divided,
        )
        self._window = Window(transport.in_flight, self._dispatcher, self.handle)
        self._dispatcher.wake_all = self._window.wake_all
        self._dispatcher.killed = self._killed

    def _make_queue(self) -> Queue:
        options = self._options
        bounds = _bounds(self.transport, options)
        if options.on_failure is not None:
            self._letters = DeadLetters(
                options.on_failure, self.handle.callbacks, bounds, self._counters, self.logger
            )
        if options.spool is None:
            return Queue(bounds, self._wire, self.handle, self._signal)
        # Here, for most clients have none, and SQLite takes its time to be imported.
        from ..spool import Directory, Spool, SpooledQueue

        queue = SpooledQueue(bounds, self._wire, self.handle, self._signal, options.spool_bytes)
        queue.loaded_some, queue.sought = self._flushes.loaded, self._flushes.sought
        self._spool = Spool(Directory(options.spool), queue, options.logger)
        return queue

    def bind(self) -> None:
        """Live on the running loop; what was accepted before goes out."""
        if self.handle.bind():
            try:
                with process.undivided():  # some of what it needs is imported only now
                    self._observe()
                    if self._spool is not None:
                        self._spool.start()
            except BaseException:
                self.handle.unbind()
                raise
            hold(self)
            self._end_of_loop = tasks.at_loop_end(self.loop_ended)
            if self._queue:
                self._window.wake()

    def _observe(self) -> None:
        if self._options.telemetry:
            address = self.transport.address
            self._watch = telemetry.watch(self.stats, address)
            tracing = self._dispatcher.tracing = telemetry.tracing(address)
            if tracing is not None:
                self.door.context = tracing.current

    # --- in ---------------------------------------------------------------------------

    def _dropped(self, whole: Batch, parts: tuple[Batch, ...]) -> None:
        if whole is not parts[0]:
            self._flushes.divided(whole, parts)
        self._settled(parts[0], DroppedError(req_guid=parts[0].req_guid))

    def _refused(self, batch: Batch, error: DroppedError) -> None:
        self._bury(batch, error)
        self._queue.refuse(batch, error)
        self._streams.put(error)

    # --- out --------------------------------------------------------------------------

    def futures(self, kind: type[F], places: Sequence[Place]) -> list[F]:
        """Return the futures of events."""
        return [kind(self.handle, place) for place in places]

    def pending(self, kind: type[F], places: Sequence[Place]) -> list[F]:
        """Return the futures of those that have no outcome yet."""
        return [future for future in self.futures(kind, places) if not future.done()]

    def stream(self, kind: type[S]) -> S:
        """Return an iterator over the acks from now on."""
        return self._streams.new(kind)

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
            letters_dropped=counted.letters_dropped,
            latency=counted.latency.latency(),
        )

    async def flush(
        self, timeout: float, kind: type[AckFuture] | type[SyncAckFuture] = AckFuture
    ) -> None:
        """Wait until what was accepted so far, and what was in the spool, has its outcome.

        SendTimeoutError when that takes longer.
        """
        began = time.monotonic()
        if not await self._adopted(timeout):
            raise SendTimeoutError(f"{timeout:g} s, and the spool's disk is still at work")
        left = timeout - (time.monotonic() - began)
        with self._flushes.another() as flush:
            flush.wait_for(self._queue.mark())
            self._window.wake_all()
            if not await came(flush.done, left):
                raise self._overdue(flush, timeout, kind)

    async def _adopted(self, timeout: float) -> bool:
        """Wait until the spool has taken over what earlier processes left; whether it has."""
        if self._spool is None or self._spool.has_adopted:
            return True
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._spool.when_adopted(partial(wake, loop, waiter))
        return await came(waiter, timeout)

    def _overdue(
        self, flush: Flush, timeout: float, kind: type[AckFuture] | type[SyncAckFuture]
    ) -> SendTimeoutError:
        count, last = sum(batch.count for batch in flush.left), self.handle.trouble
        told = f"{timeout:g} s, {count} event{' is' if count == 1 else 's are'} pending"
        error = SendTimeoutError(told if last is None else f"{told}; last, {last.brief()}")
        error.__cause__ = last
        error.futures = tuple(
            kind(self.handle, (batch, index))
            for batch in flush.left
            for index in range(batch.count)
        )
        return error

    async def close(self, timeout: float, *, in_callback: bool = False) -> list[Undelivered]:
        """Accept nothing more, wait for what is pending, end, and return what got no ack.

        What lies in a spool stays there, and is not returned. A cancellation ends the wait, not the
        closing; the next who calls is given what is left. A callback that closes is not waited for.
        """
        if in_callback:
            self._awaits_callbacks = False
            if self._last_callback is not None:
                resolve(self._last_callback)
        closing = self._begin_close(timeout)
        await asyncio.wait([closing])
        if not closing.cancelled():
            closing.result()
        return self.kept_back()

    def kept_back(self) -> list[Undelivered]:
        """Return what a close gave up and nobody has been given yet."""
        given, self._left = self._left, []
        return given

    def keep(self, left: list[Undelivered]) -> None:
        """Keep this for the next who closes: who did was interrupted."""
        self._left += left

    def close_later(self, timeout: float, then: Callable[[], object] = lambda: None) -> bool:
        """Have it closed while nobody waits, and `then` called; False when no loop will do it."""

        def begin() -> None:
            self._begin_close(timeout).add_done_callback(lambda _: then())

        return self.handle.wake_and_call(begin)

    def _begin_close(self, timeout: float) -> asyncio.Task[None]:
        if self._closing is None:
            loop = self.handle.loop
            self._closing = tasks.start(self._close(timeout), loop, "raccoon-close", lambda _: None)
        return self._closing

    @property
    def unclosed(self) -> bool:
        """Whether it was used, and was not closed."""
        return held(self)

    async def _close(self, timeout: float) -> None:
        self._has_begun_to_close = True
        end = time.monotonic() + timeout
        self._queue.close()
        async with AsyncExitStack() as ending:
            # Each of these comes to pass, the last one first, whatever is cancelled meanwhile. The
            # spool ends before anything is given up, so that what has gathered gets onto the disk.
            if self._end_of_loop is not None:
                ending.push_async_callback(self._end_of_loop.aclose)
            ending.callback(self._end)
            ending.push_async_callback(self._part, end)
            ending.callback(self._give_back)
            ending.push_async_callback(self._end_spool)
            ending.push_async_callback(self._window.close)
            self._dispatcher.hurry()
            with suppress(SendTimeoutError):
                await self.flush(max(timeout, 0.0))

    def _give_back(self) -> None:
        given_up = self._abandon(UndeliveredError())
        self._left += given_up
        if count := len(given_up):
            told = "delivery to %s closed before %d event%s acknowledged"
            self.logger.warning(told, self.transport.address, count, were(count))

    async def _end_spool(self) -> None:
        if self._spool is not None:
            loop = asyncio.get_running_loop()
            ended: asyncio.Future[bool] = loop.create_future()
            self._spool.end(partial(wake, loop, ended))
            if not await came(ended, _CLOSING):
                self.logger.warning("closed while the spool's disk was still at work")

    def _end(self) -> None:
        let_go(self)
        if self._watch is not None:
            self._watch.close()
        self._streams.end()
        self._flushes.end()

    def close_unused(self) -> None:
        """Accept nothing more; it was never bound to a loop, so nothing is pending."""
        self._queue.close()
        if self._spool is not None:
            self._spool.end(lambda: None)
        self._end()

    async def _part(self, end: float) -> None:
        self._notices.rest()
        try:
            async with deadline(_CLOSING):
                await self.transport.close()
        except asyncio.TimeoutError:
            told = "%s did not close in time"
            self.logger.warning(told, self.transport.address)
        # What was just given up is given to on_failure now.
        await self._callbacks_done(max(end - time.monotonic(), _CLOSING))

    async def _callbacks_done(self, patience: float) -> None:
        if self._awaits_callbacks and self.handle.callbacks.busy:
            loop = asyncio.get_running_loop()
            last = self._last_callback = loop.create_future()
            self.handle.callbacks.run(partial(wake, loop, last))
            if not await came(last, patience):
                self.logger.warning("closed while callbacks were still running")

    def _abandon(self, error: SendError) -> list[Undelivered]:
        left: list[Undelivered] = []
        for batch, told in self._dispatcher.abandon(error):
            if batch.kept:
                self._queue.release(batch, _in_spool(told))
                continue
            left += self._undelivered(batch, told)
            self._settled(batch, told)
        self._queue.release_rest(_in_spool(error))
        return left

    def _undelivered(self, batch: Batch, error: SendError) -> list[Undelivered]:
        unframed = (self._wire.unframe(frame) for frame in batch.frames)
        return [Undelivered(type, data, error, self._read) for type, data in unframed]

    # --- what the rooms tell each other -----------------------------------------------

    def _signal(self) -> None:
        if self.handle.call(self._window.wake):
            return
        if self.handle.bound:  # to a loop that was closed without a word
            self.loop_ended()
        else:
            hold(self)

    def _settled(self, batch: Batch, outcome: Ack | SendError) -> None:
        if batch.outcome is not None:  # the loop has ended before, and it was given up
            return
        if isinstance(outcome, SendError):
            self._bury(batch, outcome)
        self._queue.done(batch, outcome)
        self._streams.put(outcome)
        self._flushes.settled(batch)
        if isinstance(outcome, Ack):
            taken = time.monotonic() - batch.opened
            self._counters.latency.add(taken, batch.count)
            if self._watch is not None:
                self._watch.acknowledged(taken)

    def _bury(self, batch: Batch, error: SendError) -> None:
        if self._letters is not None:
            last = isinstance(error, UndeliveredError)
            self._letters.put(self._undelivered(batch, error), last=last)

    def loop_ended(self) -> None:
        """Say what is lost when the loop ends without a close, rather than leave it in limbo."""
        if self.handle.bound and not self._has_begun_to_close:
            self._killed()

    def _killed(self) -> None:
        if self._was_killed:
            return
        self._was_killed = True
        self._queue.close()
        if self.handle.here():
            self._window.cancel()
        self._window.end()
        if self._spool is not None:
            ended = threading.Event()
            self._spool.end(ended.set)
            ended.wait(_CLOSING)
        if self.handle.here():
            self.transport.abandon()
        left = self._abandon(UndeliveredError("its event loop ended"))
        if left:
            self._left += left
            told = "an event loop ended before %d event%s acknowledged; close the client first"
            self.logger.error(told, len(left), were(len(left)))
        self._end()


def _in_spool(error: SendError) -> SendError:
    told = UndeliveredError(
        "it stays in the spool, and the next client with that delivers it",
        req_guid=error.req_guid,
        persisted=error.persisted,
    )
    told.__cause__ = error.__cause__
    return told


def _bounds(transport: Transport, options: ClientOptions) -> Bounds:
    return Bounds(
        events=options.queue_events,
        bytes=options.queue_bytes,
        batch_events=options.batch_events,
        batch_bytes=transport.batch_bytes if options.batch_bytes is None else options.batch_bytes,
        linger=options.linger,
        yields=options.overflow == "drop_oldest",
    )
