"""The synchronous client: the same delivery, on an event loop in a thread of its own."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from functools import partial
from types import TracebackType
from typing import Any

from typing_extensions import Self, Unpack

from . import exits, process
from .base import CLOSE_TIMEOUT, BaseClient, collect, full
from .delivery import Delivery, SyncAckFuture, SyncAckStream, Undelivered
from .delivery.future import overdue
from .delivery.queue import Place
from .envelope import Ack
from .errors import ClosedError, QueueFull, UsageError
from .loop_thread import LoopThread, result_of
from .options import ClientKeywords
from .plural import were
from .seconds import seconds
from .transports import Transport

_GRACE = 17.0  # seconds beyond its own time that a close may take: goodbyes, a disk, callbacks
_STUCK = 1.0  # seconds for which no other thread holds a lock of ours


class SyncClient(BaseClient[Ack]):
    """Sends events without asyncio, from any number of threads; also where an event loop is
    running.

    Made by `connect(url)`, or from a transport that was made by hand. `with` closes it at the end,
    and so does the end of the interpreter. Its thread starts with the first event. In the child of
    a fork it starts anew: nothing pending, another identity, a thread of its own.
    """

    def __init__(self, transport: Transport, /, **options: Unpack[ClientKeywords]) -> None:
        super().__init__(transport, **options)
        self._thread: LoopThread | None = None
        self._lives = False
        """Whether the delivery is at work in that thread."""

    def __enter__(self) -> Self:
        if self._closed:
            raise ClosedError("the client is closed")
        if self._options.spool is not None:
            self._started()  # for what earlier processes left
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def send(self, events: Iterable[object], /, *, timeout: float | None = None) -> list[Ack]:
        """Send many events in as few requests as fit, and return the acks: one a request.

        Takes generated events, and `Event(type, data)`. SerializationError when one of them cannot
        be encoded, and nothing is sent; BatchError when some were not acknowledged;
        SendTimeoutError when `timeout` seconds (30 unless said otherwise) ended the wait, though
        not the events; QueueFull when there was no room within 5 s (`room_timeout=`).
        """
        wait = self._wait_of(timeout)
        given, frames = self._frame_all(events)
        end = time.monotonic() + wait
        delivery = self._waited_for()
        places = delivery.door.accept_all(frames)
        while len(places) < len(frames):
            room = min(end - time.monotonic(), self._options.room_timeout)
            more = delivery.door.accept_when_room_for_thread(frames, len(places), room)
            if not more:
                futures = delivery.futures(SyncAckFuture, places)
                raise full(min(wait, self._options.room_timeout), futures, len(frames))
            places += more
        for place in places:
            # Most lie in a batch whose outcome has just come.
            if place[0].outcome is not None:
                continue
            if not SyncAckFuture(delivery.handle, place).wait(end - time.monotonic()):
                raise overdue(delivery.pending(SyncAckFuture, places), wait)
        return collect(given, places)

    def submit(self, event: object, /) -> SyncAckFuture:
        """Hand over an event, waiting up to 5 s for room, and return the future of its ack.

        QueueFull after that; `room_timeout=` says otherwise. With a spool the event is on the disk
        when this returns; SendTimeoutError when the disk does not take it in the same time.
        """
        delivery = self._waited_for()
        frame = self._frame(event)
        place = delivery.door.accept(frame) or self._accepted(delivery, frame, math.inf)
        future = SyncAckFuture(delivery.handle, place)
        if not delivery.door.kept_for_thread(place, self._options.room_timeout):
            raise overdue([future], self._options.room_timeout)
        return future

    def submit_nowait(self, event: object, /) -> SyncAckFuture:
        """Hand over an event and return the future of its ack.

        QueueFull when there is no room for it now. To be called from any thread.
        """
        delivery = self._started()
        place = delivery.door.accept(self._frame(event))
        if place is None:
            raise QueueFull("too much is pending; submit() waits for room")
        return SyncAckFuture(delivery.handle, place)

    def acks(self) -> SyncAckStream:
        """Return an iterator over the answers from now on, one a request.

        A failed request's ack says `ok` is False.
        """
        return self._living().stream(SyncAckStream)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until what was accepted so far has its outcome.

        SendTimeoutError when `timeout` seconds pass first; None waits as long as it takes.
        """
        wait = seconds(timeout)
        delivery, thread = self._waited_for(), self._thread
        if thread is not None:
            thread.run(partial(delivery.flush, wait, SyncAckFuture))

    def close(self, timeout: float | None = CLOSE_TIMEOUT) -> list[Undelivered]:
        """Accept nothing more, wait for what is pending, and close the connection.

        Gives back what was not acknowledged within `timeout` seconds; None waits as long as it
        takes.
        """
        wait = seconds(timeout)
        delivery = self._living()
        _check_waiting(delivery)
        with process.lock():
            self._closed_now()
            thread = self._thread
        if thread is None:
            delivery.close_unused()
            return []
        if not self._lives:  # an interrupt cut its start short
            thread.begin()
        in_callback = delivery.handle.callbacks.here()
        close = partial(delivery.close, wait, in_callback=in_callback)
        if _is_interrupted(delivery):
            thread.begin_last(close)
            told = "close() came in the middle of another call, and goes on behind it"
            self._options.logger.warning(told)
            return []
        patience = max(wait, 0.0) + _GRACE
        closing = thread.begin_last(close)
        try:
            left = result_of(closing, patience)
            thread.join(patience)
        except BaseException:  # an interrupt of the wait, not of the closing
            closing.add_done_callback(lambda done: delivery.keep(done.result()))
            raise
        return left or delivery.kept_back()

    def close_on_signals(self, *signals: int) -> None:
        """Close the client when one of these signals comes (SIGTERM if none is given), then go on.

        What was there to handle the signal does so afterwards; a second signal does not wait. To be
        called in the main thread. UsageError where the event loop handles the signal itself: close
        the client there.
        """
        self._close_on(signals)

    def _send(self, event_type: str, event: Any, fields: dict[str, Any]) -> Ack:
        frame, timeout = self._frame_method(event_type, event, fields)
        wait = self._wait_of(timeout)
        end = time.monotonic() + wait
        delivery = self._waited_for()
        place = delivery.door.accept(frame) or self._accepted(delivery, frame, wait)
        future = SyncAckFuture(delivery.handle, place)
        if not future.wait(end - time.monotonic()):
            raise overdue([future], wait)
        return future.result()

    def _accepted(self, delivery: Delivery, frame: bytes, wait: float) -> Place:
        room = min(wait, self._options.room_timeout)
        places = delivery.door.accept_when_room_for_thread([frame], 0, room)
        if not places:
            raise full(room)
        return places[0]

    # --- life -------------------------------------------------------------------------

    def _started(self) -> Delivery:
        """Return the delivery, with a thread that it lives in."""
        delivery = self._living()
        if not self._lives and not self._closed:
            with process.lock():
                if not self._lives and not self._closed:
                    self._begin(delivery)
        return delivery

    def _begin(self, delivery: Delivery) -> None:
        # An interrupt leaves a thread that is known, to be waited for by the next call.
        thread = self._thread = self._thread or _thread_of(delivery)
        try:
            thread.begin()
        except BaseException:
            if thread.failed:
                self._thread = None
                _living.pop(delivery, None)
            raise
        self._lives = True
        if self._closed:  # by a signal's handler, in the middle of it
            self._let_go()

    def _waited_for(self) -> Delivery:
        """Return the delivery, for a call that waits for it: so not from its own thread."""
        delivery = self._started()
        _check_waiting(delivery)
        return delivery

    def _start_anew(self) -> None:
        self._thread, self._lives = None, False
        super()._start_anew()

    def _let_go(self) -> None:
        if self._thread is not None:
            self._thread.begin_last(partial(self._delivery.close, CLOSE_TIMEOUT))


def _check_waiting(delivery: Delivery) -> None:
    if delivery.handle.here():
        told = "the client's own thread (a callback, or headers=) cannot wait for the client"
        raise UsageError(told)


def _is_interrupted(delivery: Delivery) -> bool:
    """Whether this thread holds the delivery's lock, and so is in a signal's handler that came in
    between: nothing gets on before it returns.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    lock = delivery.handle.lock
    if not lock.acquire(timeout=_STUCK):
        return True
    lock.release()
    return False


# --- the end of the process ---------------------------------------------------------------

_living: dict[Delivery, LoopThread] = {}


def _thread_of(delivery: Delivery) -> LoopThread:
    """Return the thread in which it is to live; the same one, after an interrupt."""

    def over() -> None:
        _living.pop(delivery, None)
        delivery.loop_ended()

    if delivery not in _living:
        _living[delivery] = LoopThread(delivery.bind, over, delivery.logger)
    return _living[delivery]


@exits.at_exit
def _close_all() -> None:
    """Give all that is open the time of one close."""
    end = time.monotonic() + CLOSE_TIMEOUT
    closing = [
        (thread, delivery, thread.begin_last(partial(delivery.close, CLOSE_TIMEOUT)))
        for delivery, thread in list(_living.items())
        if thread.generation == process.generation() and thread.runs
    ]
    for thread, delivery, closed in closing:
        left = result_of(closed, max(end + _GRACE - time.monotonic(), 0.0))
        thread.join(_STUCK)
        if left:
            told = "%d event%s not delivered when the interpreter ended"
            delivery.logger.error(told, len(left), were(len(left)))
