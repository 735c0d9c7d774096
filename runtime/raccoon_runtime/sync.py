"""The synchronous client: the same delivery, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import atexit
import math
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, TypeVar

from typing_extensions import Self, Unpack

from . import process
from .client import BaseClient, collect, full
from .delivery import Delivery, SyncAckFuture, SyncAckStream, Undelivered
from .delivery.future import overdue
from .envelope import Ack
from .errors import QueueFull, UsageError
from .options import ClientKeywords
from .transports import Transport

T = TypeVar("T")

CLOSE_TIMEOUT = 10.0


class LoopThread:
    """An event loop that runs in a daemon thread until it is stopped; `first` is called in it
    first.
    """

    def __init__(self, first: Callable[[], object]) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.call_soon(first)
        self._last: list[asyncio.Task[None]] = []
        self._thread = threading.Thread(target=self._run, name="raccoon-client", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it there and return what it gives."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def stop(self) -> None:
        """End the loop and wait for its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    def stop_after(self, delivery: Delivery) -> None:
        """End the loop once the delivery is closed; nobody waits for it."""

        async def close() -> None:
            try:
                await delivery.close(CLOSE_TIMEOUT)
            finally:
                self.loop.stop()

        self.loop.call_soon_threadsafe(lambda: self._last.append(self.loop.create_task(close())))

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            if left:
                self.loop.run_until_complete(asyncio.wait(left))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()


class SyncClient(BaseClient[Ack]):
    """Sends events without asyncio, from any number of threads; also where an event loop is
    running.

    Made by `connect(url)`, or from a transport that was made by hand. `with` closes it at the end,
    and so does the end of the interpreter. In the child of a fork it starts anew: nothing pending,
    another identity, a thread of its own.
    """

    def __init__(self, transport: Transport, /, **options: Unpack[ClientKeywords]) -> None:
        super().__init__(transport, **options)
        self._thread = LoopThread(self._delivery.bind)
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
        not the events; QueueFull when there was no room within 5 s.
        """
        wait = self._wait_of(timeout)
        given, encoded = self._encode_all(events)
        end = time.monotonic() + wait
        futures: list[SyncAckFuture] = []
        for type, data in encoded:
            future = self._accepted(type, data, end - time.monotonic())
            if future is None:
                raise full(min(wait, self._options.room_timeout), futures, len(encoded))
            futures.append(future)
        for future in futures:
            if not future.wait(end - time.monotonic()):
                raise overdue([future for future in futures if not future.done()], wait)
        return collect(given, futures)

    def submit(self, event: object, /) -> SyncAckFuture:
        """Hand over an event, waiting up to 5 s for room, and return the future of its ack;
        QueueFull after that.
        """
        future = self._accepted(*self._encode(event), math.inf)
        if future is None:
            raise full(self._options.room_timeout)
        return future

    def submit_nowait(self, event: object, /) -> SyncAckFuture:
        """Hand over an event and return the future of its ack; QueueFull when there is no room for
        it now.
        """
        future = self._living().accept(*self._encode(event), SyncAckFuture)
        if future is None:
            raise QueueFull("too much is pending; submit() waits for room")
        return future

    def acks(self) -> SyncAckStream:
        """Return an iterator over the answers from now on, one a request; a failed request's ack
        says `ok` is False.
        """
        return self._living().stream(SyncAckStream)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until what was accepted so far has its outcome; SendTimeoutError when `timeout`
        seconds pass first.
        """
        delivery = self._elsewhere()
        if not self._closed:
            self._thread.run(delivery.flush(timeout))

    def close(self, timeout: float = CLOSE_TIMEOUT) -> list[Undelivered]:
        """Accept nothing more, wait for what is pending, close the connection, and give back what
        was not acknowledged.
        """
        delivery = self._elsewhere()
        with self._closing:
            if self._closed:
                return []
            self._closed = True
            _open.discard(self)
            try:
                return self._thread.run(delivery.close(timeout))
            finally:
                self._thread.stop()

    def _send(self, type: str, event: Any, fields: dict[str, Any]) -> Ack:
        data, timeout = self._encode_method(type, event, fields)
        wait = self._wait_of(timeout)
        end = time.monotonic() + wait
        future = self._accepted(type, data, wait)
        if future is None:
            raise full(min(wait, self._options.room_timeout))
        if not future.wait(end - time.monotonic()):
            raise overdue([future], wait)
        return future.result()

    def _accepted(self, type: str, data: bytes, wait: float) -> SyncAckFuture | None:
        delivery = self._elsewhere()
        future = delivery.accept(type, data, SyncAckFuture)
        if future is not None:
            return future
        end = time.monotonic() + min(wait, self._options.room_timeout)
        while delivery.room_for_thread(len(data), end - time.monotonic()):
            future = delivery.accept(type, data, SyncAckFuture)
            if future is not None:
                return future
        return None

    def _close_at_exit(self) -> None:
        if self._generation != process.generation():
            return  # a fork's child closes what it has used itself
        left = self.close()
        if left:
            told = "%d event%s not delivered when the interpreter ended"
            self._options.logger.error(told, len(left), "s" * (len(left) > 1))

    def _elsewhere(self) -> Delivery:
        """Return the delivery, for a call that waits for it: so not from its own thread."""
        delivery = self._living()
        if delivery.handle.here():
            raise UsageError(
                "the client's own thread (a callback, or headers=) cannot wait for the client"
            )
        return delivery

    def _after_fork(self) -> None:
        process.leave_alone(self._thread)
        self._closing = threading.Lock()
        if not self._closed:
            self._thread = LoopThread(self._delivery.bind)
            _open.add(self)

    def __del__(self) -> None:
        super().__del__()
        thread: LoopThread | None = getattr(self, "_thread", None)
        if thread is None or self._closed or self._generation != process.generation():
            return
        thread.stop_after(self._delivery)


_open: weakref.WeakSet[SyncClient] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """What is still open when the interpreter ends gets the time of a close; `close()` says what
    was lost.
    """
    for client in list(_open):
        client._close_at_exit()  # pyright: ignore[reportPrivateUsage]
