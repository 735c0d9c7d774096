"""The asynchronous client."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any

from typing_extensions import Self

from .base import BaseClient, EventMethods, collect, full
from .delivery import AckFuture, AckStream, Delivery, Undelivered
from .delivery.future import overdue
from .delivery.queue import Place
from .envelope import Ack
from .errors import QueueFull
from .signals import TERM, SignalCloser

__all__ = ["AsyncClient", "EventMethods"]


class AsyncClient(BaseClient[Coroutine[Any, Any, Ack]]):
    """Sends events from asyncio. It belongs to the loop that first uses it.

    Made by `connect(url)`, or from a transport that was made by hand. `async with` closes it at the
    end.
    """

    async def __aenter__(self) -> Self:
        self._bound()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def send(self, events: Iterable[object], /, *, timeout: float | None = None) -> list[Ack]:
        """Send many events in as few requests as fit, and return the acks: one a request.

        Takes generated events, and `Event(type, data)`. SerializationError when one of them cannot
        be encoded, and nothing is sent; BatchError when some were not acknowledged;
        SendTimeoutError when `timeout` seconds (30 unless said otherwise) ended the wait, though
        not the events.
        """
        wait = self._wait_of(timeout)
        given, encoded = self._encode_all(events)
        end = _now() + wait
        delivery = self._bound()
        futures: list[AckFuture] = []
        for event_type, data in encoded:
            place = delivery.accept(event_type, data)
            if place is None:
                place = await self._when_room(delivery, event_type, data, end)
            if place is None:
                raise full(wait, futures, len(encoded))
            futures.append(AckFuture(delivery.handle, place))
        for future in futures:
            if not future.done() and not await future.wait(end - _now()):
                raise overdue([future for future in futures if not future.done()], wait)
        return collect(given, futures)

    async def submit(self, event: object, /) -> AckFuture:
        """Hand over an event, waiting for room if need be, and return the future of its ack.

        With a spool the event is on the disk then.
        """
        future = await self._accepted(*self._encode(event), math.inf)
        await self._delivery.kept(future.place)
        return future

    def submit_nowait(self, event: object, /) -> AckFuture:
        """Hand over an event and return the future of its ack.

        QueueFull when there is no room for it now.
        """
        delivery = self._living()
        place = delivery.accept(*self._encode(event))
        if place is None:
            raise QueueFull("too much is pending; await submit() waits for room")
        return AckFuture(delivery.handle, place)

    def acks(self) -> AckStream:
        """Return an iterator over the answers from now on, one a request.

        A failed request's ack says `ok` is False.
        """
        return self._living().stream(AckStream)

    async def flush(self, timeout: float | None = None) -> None:
        """Wait until what was accepted so far has its outcome.

        SendTimeoutError when `timeout` seconds pass first.
        """
        await self._bound().flush(timeout)

    async def close(self, timeout: float = 10.0) -> list[Undelivered]:
        """Accept nothing more, wait for what is pending, and close the connection.

        Gives back what was not acknowledged within `timeout` seconds.
        """
        delivery = self._bound()
        self._closed = True
        return await delivery.close(timeout)

    def close_on_signals(self, *signals: int) -> None:
        """Close the client when one of these signals comes (SIGTERM if none is given), then go on.

        What was there to handle the signal does so afterwards; a second signal does not wait. To be
        called in the main thread, while the loop runs.
        """
        delivery = self._bound()
        loop = delivery.handle.loop
        closing: set[asyncio.Task[list[Undelivered]]] = set()

        def close() -> None:
            task = loop.create_task(self.close())
            closing.add(task)
            task.add_done_callback(lambda _: closer.finish())

        closer = SignalCloser(lambda: loop.call_soon_threadsafe(close))
        closer.install(*(signals or TERM))

    def _send(
        self, event_type: str, event: Any, fields: dict[str, Any]
    ) -> Coroutine[Any, Any, Ack]:
        # Encoded in the call, not when awaited, so that errors and warnings point at the caller.
        data, timeout = self._encode_method(event_type, event, fields)
        return self._deliver(event_type, data, self._wait_of(timeout))

    async def _deliver(self, event_type: str, data: bytes, wait: float) -> Ack:
        end = _now() + wait
        future = await self._accepted(event_type, data, wait)
        if not await future.wait(end - _now()):
            raise overdue([future], wait)
        return future.result()

    async def _accepted(self, event_type: str, data: bytes, wait: float) -> AckFuture:
        delivery = self._bound()
        place = delivery.accept(event_type, data)
        if place is None:
            place = await self._when_room(delivery, event_type, data, _now() + wait)
        if place is None:
            raise full(wait)
        return AckFuture(delivery.handle, place)

    async def _when_room(
        self, delivery: Delivery, event_type: str, data: bytes, end: float
    ) -> Place | None:
        while await delivery.room(len(data), end - _now()):
            place = delivery.accept(event_type, data)
            if place is not None:
                return place
        return None

    def _bound(self) -> Delivery:
        delivery = self._living()
        delivery.bind()
        return delivery


def _now() -> float:
    return asyncio.get_running_loop().time()
