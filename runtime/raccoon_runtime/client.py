"""The asynchronous client."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any

from typing_extensions import Self

from .base import CLOSE_TIMEOUT, BaseClient, EventMethods, collect, full
from .delivery import AckFuture, AckStream, Delivery, Undelivered
from .delivery.future import overdue
from .delivery.queue import Place
from .envelope import Ack
from .errors import ClosedError, QueueFull
from .seconds import seconds

__all__ = ["AsyncClient", "EventMethods"]


class AsyncClient(BaseClient[Coroutine[Any, Any, Ack]]):
    """Sends events from asyncio. It belongs to the loop that first uses it.

    Made by `connect(url)`, or from a transport that was made by hand. `async with` closes it at the
    end.
    """

    async def __aenter__(self) -> Self:
        if self._closed:
            raise ClosedError("the client is closed")
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
        given, frames = self._frame_all(events)
        end = _now() + wait
        delivery = self._bound()
        places = delivery.door.accept_all(frames)
        while len(places) < len(frames):
            more = await delivery.door.accept_when_room(frames, len(places), end - _now())
            if not more:
                raise full(wait, delivery.futures(AckFuture, places), len(frames))
            places += more
        for place in places:
            # Most lie in a batch whose outcome has just come.
            if place[0].outcome is not None:
                continue
            if not await AckFuture(delivery.handle, place).wait(end - _now()):
                raise overdue(delivery.pending(AckFuture, places), wait)
        return collect(given, places)

    async def submit(self, event: object, /) -> AckFuture:
        """Hand over an event, waiting for room if need be, and return the future of its ack.

        With a spool the event is on the disk then.
        """
        delivery = self._bound()
        frame = self._frame(event)
        place = delivery.door.accept(frame) or await self._accepted(delivery, frame, math.inf)
        await delivery.door.kept(place)
        return AckFuture(delivery.handle, place)

    def submit_nowait(self, event: object, /) -> AckFuture:
        """Hand over an event and return the future of its ack.

        QueueFull when there is no room for it now. To be called from any thread; before an event
        loop has used the client the event waits for that.
        """
        delivery = self._living()
        if not delivery.handle.bound and asyncio._get_running_loop() is not None:
            delivery.bind()
        place = delivery.door.accept(self._frame(event))
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

        SendTimeoutError when `timeout` seconds pass first; None waits as long as it takes.
        """
        wait = seconds(timeout)
        await self._bound().flush(wait)

    async def close(self, timeout: float | None = CLOSE_TIMEOUT) -> list[Undelivered]:
        """Accept nothing more, wait for what is pending, and close the connection.

        Gives back what was not acknowledged within `timeout` seconds; None waits as long as it
        takes.
        """
        wait = seconds(timeout)
        delivery = self._living()
        if delivery.handle.is_over:
            self._closed_now()
            delivery.loop_ended()
            return delivery.kept_back()
        delivery.bind()
        self._closed_now()
        return await delivery.close(wait)

    def close_on_signals(self, *signals: int) -> None:
        """Close the client when one of these signals comes (SIGTERM if none is given), then go on.

        What was there to handle the signal does so afterwards; a second signal does not wait. To be
        called in the main thread. UsageError where the event loop handles the signal itself: close
        the client there.
        """
        self._close_on(signals)

    def _send(
        self, event_type: str, event: Any, fields: dict[str, Any]
    ) -> Coroutine[Any, Any, Ack]:
        # Encoded in the call, not when awaited, so that errors and warnings point at the caller.
        frame, timeout = self._frame_method(event_type, event, fields)
        return self._deliver(frame, self._wait_of(timeout))

    async def _deliver(self, frame: bytes, wait: float) -> Ack:
        delivery = self._bound()
        place, left = delivery.door.accept(frame), wait
        if place is None:
            end = _now() + wait
            place = await self._accepted(delivery, frame, wait)
            left = end - _now()
        future = AckFuture(delivery.handle, place)
        if not await future.wait(left):
            raise overdue([future], wait)
        return future.result()

    async def _accepted(self, delivery: Delivery, frame: bytes, wait: float) -> Place:
        places = await delivery.door.accept_when_room([frame], 0, wait)
        if not places:
            raise full(wait)
        return places[0]

    def _bound(self) -> Delivery:
        delivery = self._living()
        delivery.bind()
        return delivery


def _now() -> float:
    return asyncio.get_running_loop().time()
