"""The synchronous client: the same delivery, on an event loop in a thread of its own."""

from __future__ import annotations

import atexit
import math
import threading
import time
import weakref
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from typing_extensions import Self, Unpack

from . import process
from .base import BaseClient, collect, full
from .delivery import Delivery, SyncAckFuture, SyncAckStream, Undelivered
from .delivery.future import overdue
from .delivery.queue import Place
from .envelope import Ack
from .errors import QueueFull, UsageError
from .loop_thread import LoopThread
from .options import ClientKeywords
from .signals import TERM, SignalCloser
from .transports import Transport

CLOSE_TIMEOUT = 10.0


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
        self._closing = threading.Lock()
        _open.add(self)

    def __enter__(self) -> Self:
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
        places = delivery.accept_all(frames)
        while len(places) < len(frames):
            place = self._when_room(delivery, frames[len(places)], end - time.monotonic())
            if place is None:
                futures = delivery.futures(SyncAckFuture, places)
                raise full(min(wait, self._options.room_timeout), futures, len(frames))
            places += [place, *delivery.accept_all(frames[len(places) + 1 :])]
        for place in places:
            # Most lie in a batch whose outcome has just come.
            if place[0].outcome is None:
                if not SyncAckFuture(delivery.handle, place).wait(end - time.monotonic()):
                    raise overdue(delivery.pending(SyncAckFuture, places), wait)
        return collect(given, places)

    def submit(self, event: object, /) -> SyncAckFuture:
        """Hand over an event, waiting up to 5 s for room, and return the future of its ack.

        QueueFull after that; `room_timeout=` says otherwise. With a spool the event is on the disk
        when this returns; SendTimeoutError when the disk does not take it in the same time.
        """
        delivery = self._waited_for()
        place = self._accepted(delivery, self._frame(event), math.inf)
        future = SyncAckFuture(delivery.handle, place)
        if not delivery.kept_for_thread(place, self._options.room_timeout):
            raise overdue([future], self._options.room_timeout)
        return future

    def submit_nowait(self, event: object, /) -> SyncAckFuture:
        """Hand over an event and return the future of its ack.

        QueueFull when there is no room for it now.
        """
        delivery = self._started()
        place = delivery.accept(self._frame(event))
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

        SendTimeoutError when `timeout` seconds pass first.
        """
        delivery = self._waited_for()
        if self._thread is not None and not self._closed:
            self._thread.run(delivery.flush(timeout))

    def close(self, timeout: float = CLOSE_TIMEOUT) -> list[Undelivered]:
        """Accept nothing more, wait for what is pending, and close the connection.

        Gives back what was not acknowledged within `timeout` seconds.
        """
        delivery = self._waited_for()
        with self._closing:
            if self._closed:
                return []
            self._closed = True
            _open.discard(self)
            thread, self._thread = self._thread, None
            if thread is None:
                delivery.close_unused()
                return []
            try:
                return thread.run(delivery.close(timeout))
            finally:
                thread.stop()

    def close_on_signals(self, *signals: int) -> None:
        """Close the client when one of these signals comes (SIGTERM if none is given), then go on.

        What was there to handle the signal does so afterwards; a second signal does not wait. To be
        called in the main thread.
        """

        def close() -> None:
            try:
                self.close()
            finally:
                closer.finish()

        def begin() -> None:
            threading.Thread(target=close, name="raccoon-closing", daemon=True).start()

        closer = SignalCloser(begin)
        closer.install(*(signals or TERM))

    def _send(self, event_type: str, event: Any, fields: dict[str, Any]) -> Ack:
        frame, timeout = self._frame_method(event_type, event, fields)
        wait = self._wait_of(timeout)
        end = time.monotonic() + wait
        delivery = self._waited_for()
        future = SyncAckFuture(delivery.handle, self._accepted(delivery, frame, wait))
        if not future.wait(end - time.monotonic()):
            raise overdue([future], wait)
        return future.result()

    def _accepted(self, delivery: Delivery, frame: bytes, wait: float) -> Place:
        place = delivery.accept(frame)
        if place is None:
            place = self._when_room(delivery, frame, wait)
        if place is None:
            raise full(min(wait, self._options.room_timeout))
        return place

    def _when_room(self, delivery: Delivery, frame: bytes, wait: float) -> Place | None:
        end = time.monotonic() + min(wait, self._options.room_timeout)
        while delivery.room_for_thread(len(frame), end - time.monotonic()):
            place = delivery.accept(frame)
            if place is not None:
                return place
        return None

    # --- life -------------------------------------------------------------------------

    def _started(self) -> Delivery:
        """Return the delivery, with a thread that it lives in."""
        delivery = self._living()
        if self._thread is None and not self._closed:
            with process.lock():
                if self._thread is None:
                    self._thread = LoopThread(delivery.bind)
        return delivery

    def _waited_for(self) -> Delivery:
        """Return the delivery, for a call that waits for it: so not from its own thread."""
        delivery = self._started()
        if delivery.handle.here():
            told = "the client's own thread (a callback, or headers=) cannot wait for the client"
            raise UsageError(told)
        return delivery

    def _start_anew(self) -> None:
        process.leave_alone(self._thread)
        self._thread = None
        self._closing = threading.Lock()
        super()._start_anew()
        if not self._closed:
            _open.add(self)

    def _close_at_exit(self) -> None:
        if self._generation != process.generation():
            return  # what a fork's child never used is its parent's to close
        left = self.close()
        if left:
            told = "%d event%s not delivered when the interpreter ended"
            self._options.logger.error(told, len(left), "s" * (len(left) > 1))

    def __del__(self) -> None:
        super().__del__()
        thread: LoopThread | None = getattr(self, "_thread", None)
        if thread is None or self._closed or self._generation != process.generation():
            return
        thread.stop_after(self._delivery.close(CLOSE_TIMEOUT))


_open: weakref.WeakSet[SyncClient] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """What is still open when the interpreter ends gets the time of a close."""
    for client in list(_open):
        client._close_at_exit()  # pyright: ignore[reportPrivateUsage]
