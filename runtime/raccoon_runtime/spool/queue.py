"""A queue whose batches lie on the disk before they go out, and stay there until their outcome."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from ..delivery.batch import Batch, Waker
from ..delivery.handle import LoopHandle
from ..delivery.queue import Bounds, Mark, Place
from ..envelope import Ack
from ..errors import SendError, UndeliveredError
from ..wires import Wire
from .kept import KeptQueue


class SpooledQueue(KeptQueue):
    """Events gather as ever. At most `most` bytes of them may be pending in all."""

    def __init__(
        self,
        bounds: Bounds,
        wire: Wire,
        handle: LoopHandle,
        signal: Callable[[], object],
        most: int,
    ) -> None:
        super().__init__(bounds, wire, handle, signal)
        self._most = most
        self._disk_full = False

    # --- in ---------------------------------------------------------------------------

    def _fits(self, size: int, count: int = 1) -> bool:
        # What is on the disk takes no room in memory; what is not yet has to be written first.
        kept = self._disk.kept
        events, taken = self._events - kept.events + count, self._bytes - kept.bytes + size
        if events > self._bounds.events or (events > 1 and taken > self._bounds.bytes):
            self._disk_full = False
            return False
        self._disk_full = self._events + count > 1 and self._bytes + size > self._most
        return not self._disk_full

    def when_kept(self, place: Place, waker: Waker) -> None:
        """Have this called, once, when the event is on the disk; at once when it has been."""
        with self._lock:
            batch, index = place[0].find(place[1])
            if not batch.kept and not batch.out and batch.outcome is None:
                self._keepers.setdefault(batch, []).append((index, waker))
                return
        waker()

    def _to_drop(self) -> deque[Batch]:
        # What there is too much of: on the disk, or before it.
        return self._ready if self._disk_full else self._batches

    # --- out --------------------------------------------------------------------------

    def take(self) -> Batch | None:
        """Return the oldest batch that is on the disk; None when there is none."""
        with self._lock:
            batch = self._pop_ready()
            wanting = self._wanting()
        if wanting:
            self.wake()
        return batch

    def _pop_ready(self) -> Batch | None:
        return self._ready.popleft() if self._ready else None

    def lingers(self) -> float:
        """What has gathered lingers before it is written, not after."""
        return 0.0

    def __bool__(self) -> bool:
        return bool(self._ready)

    def failing(self, batch: Batch) -> None:
        """Note since when a batch fails, for its budget outlives the process."""
        with self._lock:
            if batch.row is not None:
                self._work.failing.append((batch.row, time.time_ns()))
        self.nudge()

    def split(self, batch: Batch, *groups: Sequence[int]) -> tuple[Batch, ...]:
        """Put a batch's parts in its place, on the disk too."""
        parts = super().split(batch, *groups)
        self.nudge()
        return parts

    def _divide(self, batch: Batch, groups: Sequence[Sequence[int]]) -> tuple[Batch, ...]:
        if batch.row is not None:
            self._work.new.append(batch)
        parts = super()._divide(batch, groups)
        for index, waker in self._keepers.pop(batch, []):
            part, at = batch.find(index)
            self._keepers.setdefault(part, []).append((at, waker))
        return parts

    def done(self, batch: Batch, outcome: Ack | SendError) -> None:
        """Settle a batch and remove it from the disk."""
        super().done(batch, outcome)
        if self._wanting():
            self.wake()
        else:
            self.nudge()

    def _settle(self, batch: Batch, outcome: Ack | SendError) -> list[Waker]:
        if batch.kept:
            self._disk.take_off(batch)
        if batch.out:
            self._disk.leaves(batch)
        if batch.row is not None:
            self._work.gone.append(batch.row)
        return super()._settle(batch, outcome) + self._kept_for(batch)

    # --- at the end -------------------------------------------------------------------

    def release(self, batch: Batch, error: SendError) -> None:
        """Tell those who wait for a batch that the disk keeps it for another process."""
        with self._lock:
            self._live.pop(batch, None)
            wakers = batch.settle(error)
        for wake in wakers:
            wake()

    def release_rest(self, error: SendError) -> None:
        """Tell those who wait for what lies on the disk alone."""
        with self._lock:
            held = self._disk.held()
            wakers = [wake for batch in held for wake in batch.settle(error.about(batch.req_guid))]
        for wake in wakers:
            wake()

    def desert(self) -> None:
        """Accept nothing more, for nobody writes or reads any more, and let nobody wait for that.

        What has its turn goes on. What is not on the disk fails; what lies there alone stays.
        """
        self.close()
        with self._lock:
            lost = [batch for batch in self._live if not batch.out]
            _, left = self._disk.give_up()
            self._seeking, last = False, self._disk.last
            wakers: list[Waker] = []
            for batch in lost:
                wakers += self._settle(batch, _deserted(batch, "the spool did not write it"))
            for batch in left:
                wakers += batch.settle(
                    _deserted(
                        batch, "it stays in the spool, and the next client with that delivers it"
                    )
                )
        for wake in wakers:
            wake()
        self.sought(last)
        self.loaded_some(lost + left, last)

    def mark(self) -> Mark:
        """Return what is pending, and have what has gathered written."""
        with self._lock:
            self._gathering = None
            last = None if self._seeking else self._disk.last
            mark = Mark(self._pending(), self._disk.read, last)
        self.wake()
        return mark

    def _elsewhere(self) -> tuple[int, int]:
        return self._disk.alone.events, self._disk.alone.bytes

    def _spooled(self) -> int:
        return self._disk.kept.events


def _deserted(batch: Batch, reason: str) -> UndeliveredError:
    return UndeliveredError(reason, req_guid=batch.req_guid, persisted="possibly")
