"""The books of the disk: how much lies there, and what of it is in memory too."""

from __future__ import annotations

from weakref import WeakValueDictionary

from ..delivery.batch import Batch
from ..delivery.queue import Bounds
from .row import Amount, Found


class Backlog:
    """Under the queue's lock, like all of the queue.

    Rows are taken into memory in their order. So those up to `cursor` are in memory or gone, and
    those behind it are on the disk alone, save the `resident` ones: the parts of what was split on
    its way have rows there.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.kept = Amount()
        """What is on the disk and has no outcome yet."""
        self.alone = Amount()
        """What of it is not in memory."""
        self.cursor = 0
        self.last = 0
        """The highest row that was written."""
        self.resident: set[int] = set()
        self._memory = Amount()
        self._held: WeakValueDictionary[str, Batch] = WeakValueDictionary()
        self._watched: dict[str, Batch] = {}

    @property
    def read(self) -> int:
        """Up to which row nothing lies on the disk alone."""
        # With nothing left to read the cursor stays behind the rows of parts.
        return self.cursor if self.alone.batches > 0 else self.last

    def keep(self, batch: Batch) -> None:
        """Note that a batch is on the disk."""
        batch.kept = True
        self.kept = self.kept.plus(Amount(1, batch.count, batch.size))

    def take_off(self, batch: Batch) -> None:
        """Count a batch as on the disk no more."""
        self.kept = self.kept.minus(Amount(1, batch.count, batch.size))

    # --- in memory ------------------------------------------------------------------------

    def has_room(self, events: int = 1, size: int = 1) -> bool:
        """Whether memory takes so much more; one batch it always takes."""
        used, most = self._memory, self._bounds
        fits = used.events + events <= most.events and used.bytes + size <= most.bytes
        return fits or not used.events

    def room(self) -> tuple[int, int]:
        """Return for how many events and bytes memory has room; for one at least."""
        used, most = self._memory, self._bounds
        return max(most.events - used.events, 1), max(most.bytes - used.bytes, 1)

    def enters(self, batch: Batch) -> None:
        """Count a batch that is in memory from now on."""
        self._memory = self._memory.plus(Amount(1, batch.count, batch.size))

    def leaves(self, batch: Batch) -> None:
        """Count one that is not any more."""
        self._memory = self._memory.minus(Amount(1, batch.count, batch.size))

    # --- on the disk alone ------------------------------------------------------------------

    def adopt(self, amount: Amount, last: int) -> None:
        """Count what another process had left, up to the row `last`."""
        self.kept = self.kept.plus(amount)
        self.alone = self.alone.plus(amount)
        self.last = max(self.last, last)

    def put_off(self, batch: Batch) -> None:
        """Leave a batch to the disk; a future of it holds it, though not its bytes, and so does who
        is to be called.
        """
        self.alone = self.alone.plus(Amount(1, batch.count, batch.size))
        batch.frames = []
        batch.keeper = self._watched
        self._held[batch.req_guid] = batch
        if batch.wakers:
            self._watched[batch.req_guid] = batch

    def recall(self, found: Found) -> Batch | None:
        """Count a row that is not on the disk alone any more.

        Returns its batch if somebody waits for that.
        """
        self.alone = self.alone.minus(found.counted)
        batch = self._held.pop(found.req_guid, None)
        if batch is not None:
            batch.keeper = None
            self._watched.pop(found.req_guid, None)
        return batch

    def give_up(self) -> tuple[Amount, list[Batch]]:
        """Look for nothing more there; return how much it is, and who waited for it."""
        lost, held = self.alone, self.held()
        self.alone = Amount()
        self.cursor = self.last
        self._held.clear()
        self._watched.clear()
        return lost, held

    def held(self) -> list[Batch]:
        """Return the batches on the disk alone that somebody waits for."""
        return list(self._held.values())
