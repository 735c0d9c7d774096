"""The spool's side of the queue: what its thread takes out to be written, and puts in again.

The thread takes what has gathered, writes it, and hands it back: then it may go. What memory has no
room for lies on the disk alone, and is read again when its turn comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from ..delivery.batch import Batch, Waker
from ..delivery.handle import LoopHandle
from ..delivery.queue import Bounds, Queue
from ..errors import SpoolError
from ..wires import Wire
from .backlog import Backlog
from .row import Amount, Found, Row
from .work import Work, reframed, restored, row_of

_LOAD_BELOW = 64
"""How few batches may be ready before more are read."""
AT_ONCE = 4 << 20
"""How many bytes are written, or read, in one step."""


class KeptQueue(Queue):
    """What is to be written is told by `wake`, or by `nudge` when that has time.

    `signal` is called when something may go out. `loaded_some` hears of batches that were read from
    the disk, or lost on it, and up to which row; `sought` of a search for rows in a file that
    failed, and which row is the last when it has ended.
    """

    def __init__(
        self, bounds: Bounds, wire: Wire, handle: LoopHandle, signal: Callable[[], object]
    ) -> None:
        # Whoever accepts an event wakes the spool; the spool has it sent.
        super().__init__(bounds, wire, handle, lambda: self.wake())
        self.wake: Callable[[], None] = lambda: None
        self.nudge: Callable[[], None] = lambda: None
        self.loaded_some: Callable[[list[Batch], int], None] = lambda batches, row: None
        self.sought: Callable[[int | None], None] = lambda last: None
        self._handle = handle
        self._tell = signal
        self._disk = Backlog(bounds)
        self._recovered = 0
        self._seeking = False
        self._ready: deque[Batch] = deque()
        self._work = Work()
        self._keepers: dict[Batch, list[tuple[int, Waker]]] = {}
        """Who waits until the event of that index in a batch is on the disk."""

    # --- writing ------------------------------------------------------------------------

    def to_write(self, *, new: bool = True) -> Work:
        """Return what has to be written next, with or without what is new, and forget it."""
        with self._lock:
            work, self._work = self._work, Work()
            size = 0
            while new and size < AT_ONCE and self._batches and not self._lingers(self._batches[0]):
                batch = self._batches.popleft()
                if batch is self._gathering:
                    self._gathering = None
                batch.seal()
                work.new.append(batch)
                size += batch.size
            self._signalled = bool(self._batches)
        return work

    def has_work(self) -> bool:
        """Whether there is something to write at once."""
        with self._lock:
            return bool(self._work or (self._batches and not self._lingers(self._batches[0])))

    def lingering(self) -> float | None:
        """Return for how many seconds what has gathered waits for company; None if nothing has."""
        with self._lock:
            return self._lingers(self._batches[0]) if self._batches else None

    def rows_of(self, work: Work) -> tuple[list[tuple[Batch, Row]], list[int]]:
        """Return its batches as they have to be written now, and the rows whose place they take.

        Some may have been split meanwhile, or settled.
        """
        with self._lock:
            leaves = [leaf for batch in work.new for leaf in batch.leaves()]
            rows = [(leaf, row_of(leaf, self._wire)) for leaf in leaves if leaf.outcome is None]
            return rows, [batch.row for batch in work.new if batch.row is not None]

    def written(self, rows: Sequence[tuple[Batch, int]], gone: Sequence[int]) -> None:
        """Take note that these batches are on the disk, and those rows not any more."""
        wakers: list[Waker] = []
        with self._lock:
            self._disk.resident.difference_update(gone)
            for batch, row in rows:
                wakers += self._note(batch, row)
            wakers += self._rooms_for(sum(batch.count for batch, _ in rows))
        for wake in wakers:
            wake()
        self._handle.call(self._tell)

    def _note(self, batch: Batch, row: int) -> list[Waker]:
        """A batch has its row; while that was written, the batch may have gone on."""
        batch.row = row
        self._disk.last = max(self._disk.last, row)
        if batch.outcome is not None:
            self._disk.resident.add(row)
            self._work.gone.append(row)
            return []
        for leaf in batch.leaves():
            if leaf.outcome is None and not leaf.kept:
                self._disk.keep(leaf)
        if batch.places is not None:
            self._work.new.append(batch)
        if batch.out:
            self._disk.resident.add(row)
        else:
            self._make_ready(batch, row)
        return self._kept_for(batch)

    def _kept_for(self, batch: Batch) -> list[Waker]:
        return [waker for _, waker in self._keepers.pop(batch, [])]

    def _make_ready(self, batch: Batch, row: int) -> None:
        """Let it go next, or leave it to the disk when memory holds enough."""
        if self._disk.alone.batches or not self._disk.has_room(batch.count, batch.size):
            del self._live[batch]
            self._disk.put_off(batch)
        else:
            self._disk.cursor = row
            self._push_ready(batch, row)

    def _push_ready(self, batch: Batch, row: int) -> None:
        batch.out = True
        self._disk.resident.add(row)
        self._disk.enters(batch)
        self._ready.append(batch)

    # --- reading ------------------------------------------------------------------------

    def wants(self) -> tuple[int, int, int] | None:
        """Return the row behind which more are to be read, how many events and bytes; or None."""
        with self._lock:
            if not self._wanting():
                return None
            events, size = self._disk.room()
            return self._disk.cursor, events, min(size, AT_ONCE)

    def _wanting(self) -> bool:
        return (
            self._disk.alone.batches > 0
            and len(self._ready) < _LOAD_BELOW
            and self._disk.has_room()
        )

    def loaded(self, found: Sequence[Found]) -> int:
        """Take the rows that come next, and return how many events should be there and are not."""
        batches: list[Batch] = []
        wakers: list[Waker] = []
        missing = 0
        with self._lock:
            for one in found:
                self._disk.cursor = one.id
                if one.id not in self._disk.resident:
                    held = self._disk.recall(one)
                    if one.row is not None:
                        batches.append(self._recalled(one, one.row, held))
                    else:
                        waiting = [held] if held else []
                        wakers += self._lose(one.counted, one.reason, waiting)
                        batches += waiting
            if not self._seeking and (not found or self._disk.read >= self._disk.last):
                lost, waiting = self._disk.give_up()
                missing = lost.events
                wakers += self._lose(lost, "its row is missing", waiting)
                batches += waiting
            read = self._disk.read
        for wake in wakers:
            wake()
        self.loaded_some(batches, read)
        self._handle.call(self._tell)
        return missing

    def _recalled(self, found: Found, row: Row, held: Batch | None) -> Batch:
        # How much it is was told by a column that may be damaged itself.
        self._lose(found.counted.minus(row.amount), "", [])
        batch = restored(row, self._wire) if held is None else held
        batch.row = found.id
        batch.frames = list(reframed(row, self._wire))
        batch.possible_duplicate |= found.id <= self._recovered
        self._live[batch] = None
        self._push_ready(batch, found.id)
        return batch

    def _lose(self, amount: Amount, reason: str, held: Sequence[Batch]) -> list[Waker]:
        """Count as failed what was on the disk; what is more than was counted, as accepted."""
        self._disk.kept = self._disk.kept.minus(amount)
        self._events -= amount.events
        self._bytes -= amount.bytes
        if amount.events > 0:
            self._failures[SpoolError.__name__] += amount.events
        else:
            self._accepted -= amount.events
        wakers = self._rooms_for(max(amount.events, 0))
        for batch in held:
            wakers += batch.settle(SpoolError(reason, req_guid=batch.req_guid))
        return wakers

    # --- files that others left, and one that fails ---------------------------------------

    def adopted(self, amount: Amount, last: int, *, recovered: int = 0) -> None:
        """Count what another process left, and is on the disk up to the row `last`.

        Those up to `recovered` may have been on their way, and are flagged when they are read; the
        others are already.
        """
        with self._lock:
            self._recovered = max(self._recovered, recovered)
            self._disk.adopt(amount, last)
            self._accepted += amount.events
            self._events += amount.events
            self._bytes += amount.bytes

    def found_damaged(self, amount: Amount) -> None:
        """Count what another process left and nobody can read."""
        with self._lock:
            self._accepted += amount.events
            self._failures[SpoolError.__name__] += amount.events

    def forget_gone(self) -> None:
        """Forget the rows that were to be removed: their file was."""
        with self._lock:
            self._work.gone.clear()
            self._work.failing.clear()
            self._disk.resident.clear()

    @property
    def known(self) -> tuple[int, set[int]]:
        """The rows that are in memory or gone: those up to one, and some others."""
        return self._disk.cursor, self._disk.resident

    def renew(self) -> list[Batch]:
        """Forget the rows that memory knows: their file fails, and there will be another.

        Returns the batches that have to be written to it. The others are sought in the old one,
        until `end_search`.
        """
        disk = self._disk
        with self._lock:
            again = [batch for batch in self._live if batch.out]
            for batch in again:
                if batch.kept:
                    disk.take_off(batch)
                batch.kept, batch.row = False, None
            disk.resident = set()
            disk.cursor = disk.last
            self._work = Work()
            self._seeking = True
        self.sought(None)
        return again

    def end_search(self) -> None:
        """All that was on the disk alone, and can be read, is in the new file."""
        if self._seeking:
            self._seeking = False
            self.sought(self._disk.last)
            self.loaded_some([], self._disk.read)

    @property
    def last(self) -> int:
        """The highest row that was written."""
        return self._disk.last
