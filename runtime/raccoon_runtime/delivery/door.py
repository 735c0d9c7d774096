"""How events come in: with room, after a wait for it, or at the cost of others."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from ..errors import DroppedError, UndeliveredError
from ..wires import Wire
from .batch import Batch
from .future import wake
from .queue import Place, Queue
from .room import put_in_turn, put_in_turn_for_thread

Overflow = Literal["wait", "drop_oldest", "drop_newest"]


class Door:
    """For any thread. `dropped` hears of the oldest batch and its parts, the first of which gives
    way; `refused` of an event, in a batch of its own, that found no room.
    """

    def __init__(
        self,
        queue: Queue,
        wire: Wire,
        overflow: Overflow,
        dropped: Callable[[Batch, tuple[Batch, ...]], object],
        refused: Callable[[Batch, DroppedError], object],
        *,
        spools: bool,
    ) -> None:
        self._queue = queue
        self._wire = wire
        self._overflow = overflow
        self._on_dropped = dropped
        self._on_refused = refused
        self._spools = spools
        self.context: Callable[[], object] = lambda: None
        """Gives the context of the span in which an event is accepted."""

    def accept(self, frame: bytes) -> Place | None:
        """Accept a framed event and return where it is; None when there is no room for it now, or
        others wait for room.
        """
        place = self._queue.put(frame, self.context())
        if place is None and self._overflow != "wait":
            return self._forced(frame)
        return place

    def accept_all(self, frames: Sequence[bytes]) -> list[Place]:
        """Accept as many as there is room for, in order, and return where they are."""
        context = self.context()
        places = self._queue.put_all(frames, context=context)
        while len(places) < len(frames) and self._overflow != "wait":
            places.append(self._forced(frames[len(places)]))
            places += self._queue.put_all(frames, len(places), context=context)
        return places

    async def accept_when_room(
        self, frames: Sequence[bytes], start: int, seconds: float
    ) -> list[Place]:
        """Wait for room, and accept as many as there is room for then, from `start` on; none when
        that does not come in time.
        """
        return await put_in_turn(self._queue, frames, start, seconds, self.context())

    def accept_when_room_for_thread(
        self, frames: Sequence[bytes], start: int, seconds: float
    ) -> list[Place]:
        """The same, for a thread to wait."""
        return put_in_turn_for_thread(self._queue, frames, start, seconds, self.context())

    def _forced(self, frame: bytes) -> Place:
        """Make room as the policy says, or drop the event itself."""
        if self._overflow == "drop_oldest" and self._queue.may_fit(len(frame)):
            while (found := self._queue.drop_oldest()) is not None:
                self._on_dropped(*found)
                if (place := self._queue.put(frame, self.context())) is not None:
                    return place
        batch = Batch(self._wire)
        batch.add(frame, len(frame))
        self._on_refused(batch, DroppedError(req_guid=batch.req_guid))
        return batch, 0

    async def kept(self, place: Place) -> None:
        """Wait until an event is on the disk, if there is a spool.

        UndeliveredError when the client was closed before the disk took it.
        """
        if self._spools:
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[bool] = loop.create_future()
            self._queue.when_kept(place, partial(wake, loop, waiter))
            await waiter
            _check_kept(place)

    def kept_for_thread(self, place: Place, seconds: float) -> bool:
        """The same, for a thread to wait; whether that came in time."""
        if self._spools:
            kept = threading.Event()
            self._queue.when_kept(place, kept.set)
            if not kept.wait(None if seconds == math.inf else max(seconds, 0.0)):
                return False
            _check_kept(place)
        return True


def _check_kept(place: Place) -> None:
    batch, _ = place[0].find(place[1])
    if isinstance(batch.outcome, UndeliveredError) and not batch.kept:
        raise batch.outcome.about(batch.req_guid)
