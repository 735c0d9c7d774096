"""A queue whose batches lie on the disk before they go out, and stay there until their outcome.

Events gather as ever. The spool's thread takes what has gathered, writes it, and hands it back:
then it may go. What memory has no room for lies on the disk alone, and is read again when its turn
comes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from ..delivery.batch import Batch, Waker
from ..delivery.handle import LoopHandle
from ..delivery.queue import Bounds, Counts, Place, Queue
from ..envelope import Ack
from ..errors import SendError, SpoolError
from ..wires import WIRES, Wire
from .row import Row

_LOAD_BELOW = 64
"""How few batches may be ready before more are read."""


@dataclass(slots=True)
class Work:
    """What the spool has to write: in one transaction, so that each step is whole or not at all."""

    new: list[Batch] = field(default_factory=list[Batch])
    gone: list[int] = field(default_factory=list[int])
    """Rows that have their outcome, or were split."""
    failing: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Rows, and since when they fail, in Unix nanoseconds."""

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.failing)

    def add(self, other: Work) -> None:
        """Take over what another one holds."""
        self.new += other.new
        self.gone += other.gone
        self.failing += other.failing


class SpooledQueue(Queue):
    """`most` bytes may be pending in all. What is to be written is told to the spool by `wake`, or
    by `nudge` when that has time.
    """

    def __init__(
        self,
        bounds: Bounds,
        wire: Wire,
        handle: LoopHandle,
        signal: Callable[[], object],
        most: int,
    ) -> None:
        super().__init__(bounds, wire, handle, self._wake_spool)
        self._handle = handle
        self._tell = signal
        self._most = most
        self.wake: Callable[[], None] = _nobody
        self.nudge: Callable[[], None] = _nobody
        self._ready: deque[Batch] = deque()
        self._ready_events = 0
        self._ready_bytes = 0
        self._work = Work()
        self._keepers: dict[Batch, list[Waker]] = {}
        self._kept_events = 0
        self._kept_bytes = 0
        # What lies on the disk alone: rows behind `_cursor` that are not in `_resident`.
        self._cursor = 0
        self._last = 0
        self._last_adopted = 0
        self._behind = 0
        self._resident: set[int] = set()
        self._held: WeakValueDictionary[int, Batch] = WeakValueDictionary()
        self.loaded_one: Callable[[Batch], None] = lambda batch: None
        """Hears of each batch that was read from the disk."""

    def _wake_spool(self) -> None:
        self.wake()

    # --- in ---------------------------------------------------------------------------

    def _fits(self, size: int, count: int = 1) -> bool:
        # What is on the disk takes no room in memory; what is not yet has to be written first.
        events, taken = self._events - self._kept_events + count, self._bytes - self._kept_bytes
        if events > self._bounds.events or (events > 1 and taken + size > self._bounds.bytes):
            return False
        return self._events + count == 1 or self._bytes + size <= self._most

    def when_kept(self, place: Place, waker: Waker) -> None:
        """Have this called, once, when the event is on the disk; at once when it is, or has been."""
        batch = place[0]
        with self._lock:
            if not batch.kept and batch.outcome is None:
                self._keepers.setdefault(batch, []).append(waker)
                return
        waker()

    def drop_oldest(self) -> Batch | None:
        """Take the oldest batch that is ready out of the queue; None when there is none."""
        with self._lock:
            return self._pop_ready()

    # --- the spool's side ---------------------------------------------------------------

    def to_write(self) -> Work:
        """Return what has to be written, and forget it."""
        with self._lock:
            work, self._work = self._work, Work()
            while self._batches and not self._lingers(self._batches[0]):
                batch = self._pop()
                if batch is not None:
                    batch.seal()
                    work.new.append(batch)
            self._signalled = bool(self._batches)
        return work

    def has_work(self) -> bool:
        """Whether there is something to write, or to read."""
        with self._lock:
            return bool(self._work or self._batches)

    def rows_of(self, work: Work) -> list[tuple[Batch, Row]]:
        """Return its batches as they have to be written now: some may have been split, or settled."""
        with self._lock:
            leaves = [leaf for batch in work.new for leaf in batch.leaves()]
            return [(leaf, _row(leaf, self._wire)) for leaf in leaves if leaf.outcome is None]

    def written(self, rows: Sequence[tuple[Batch, int]], gone: Sequence[int]) -> None:
        """Take note that these batches are on the disk, and those rows not any more."""
        wakers: list[Waker] = []
        with self._lock:
            self._resident.difference_update(gone)
            for batch, row in rows:
                batch.row = row
                self._last = max(self._last, row)
                if batch.kept:
                    self._note_part(batch, row)
                    continue
                batch.kept = True
                self._kept_events += batch.count
                self._kept_bytes += batch.size
                wakers += self._keepers.pop(batch, [])
                self._make_ready(batch, row)
        for wake in wakers:
            wake()
        self._handle.call(self._tell)

    def _note_part(self, part: Batch, row: int) -> None:
        """A part of a batch that was split has its own row now; meanwhile it may have gone on."""
        self._resident.add(row)
        if part.outcome is not None:
            self._work.gone.append(row)
        elif part.places is not None:
            self._replace(part, row)

    def _replace(self, batch: Batch, row: int) -> None:
        self._work.gone.append(row)
        self._work.new += [leaf for leaf in batch.leaves() if leaf.outcome is None]

    def _make_ready(self, batch: Batch, row: int) -> None:
        """Let it go next, or leave it to the disk when memory holds enough."""
        bounds = self._bounds
        room = self._ready_events + batch.count <= bounds.events
        room = room and self._ready_bytes + batch.size <= bounds.bytes
        if self._behind or not room:
            self._behind += 1
            del self._live[batch]
            batch.frames = ()
            self._held[row] = batch
        else:
            self._cursor = row
            self._push_ready(batch, row)

    def _push_ready(self, batch: Batch, row: int) -> None:
        self._resident.add(row)
        self._ready.append(batch)
        self._ready_events += batch.count
        self._ready_bytes += batch.size

    def _pop_ready(self) -> Batch | None:
        if not self._ready:
            return None
        batch = self._ready.popleft()
        self._ready_events -= batch.count
        self._ready_bytes -= batch.size
        return batch

    def wants(self) -> int | None:
        """Return the row behind which more are to be read; None when none are."""
        with self._lock:
            return self._cursor if self._behind and len(self._ready) < _LOAD_BELOW else None

    def loaded(self, rows: Sequence[Row], end: int | None) -> None:
        """Take rows that were read, up to the row `end`; None when there are no more."""
        for row in rows:
            with self._lock:
                self._cursor = row.id
                if row.id in self._resident:
                    continue
                batch = self._held.pop(row.id, None) or self._restored(row)
                batch.frames = _reframed(row, self._wire)
                self._behind -= 1
                self._live[batch] = None
                self._push_ready(batch, row.id)
            self.loaded_one(batch)
        with self._lock:
            if end is None:
                self._behind = 0
            else:
                self._cursor = end
        self._handle.call(self._tell)

    def adopted(self, batches: int, events: int, size: int, last: int) -> None:
        """Count what was found on the disk at the start, up to the row `last`."""
        with self._lock:
            self._last = self._last_adopted = last
            self._behind += batches
            self._accepted += events
            self._events += events
            self._bytes += size
            self._kept_events += events
            self._kept_bytes += size

    def _restored(self, row: Row) -> Batch:
        batch = Batch(self._wire)
        batch.req_guid = row.req_guid
        batch.sent_time = row.sent_time
        batch.opened = _monotonic(row.sent_time)
        batch.count = len(row.frames)
        batch.size = row.size
        batch.row = row.id
        batch.kept = True
        # It may have been on its way when its process ended.
        batch.possible_duplicate = row.possible_duplicate or row.id <= self._last_adopted
        if row.failed_since:
            batch.first_failure = _monotonic(row.failed_since)
        return batch

    def damaged(self, batches: int, events: int, size: int) -> None:
        """Count what was found not to be readable as failed."""
        with self._lock:
            self._failures[SpoolError.__name__] += events
            self._behind -= batches
            self._events -= events
            self._bytes -= size
            self._kept_events -= events
            self._kept_bytes -= size

    def without_disk(self, error: SendError) -> list[Batch]:
        """Forget the disk, which has failed, and return what has to be written to another one.

        What lay on the disk alone fails with this error; whoever adopts the file may find it.
        """
        with self._lock:
            wakers = [wake for batch in list(self._held.values()) for wake in batch.settle(error)]
            live = [batch for batch in self._live if batch.kept]
            events, size = sum(b.count for b in live), sum(b.size for b in live)
            lost, lost_bytes = self._kept_events - events, self._kept_bytes - size
            if lost:
                self._failures[type(error).__name__] += lost
            self._events -= lost
            self._bytes -= lost_bytes
            self._kept_events, self._kept_bytes = events, size
            self._behind = self._cursor = self._last = 0
            self._resident.clear()
            self._held.clear()
            self._work = Work()
            for batch in live:
                batch.row = None
        for wake in wakers:
            wake()
        return live

    # --- out --------------------------------------------------------------------------

    def take(self) -> Batch | None:
        """Return the oldest batch that is on the disk; None when there is none."""
        with self._lock:
            batch = self._pop_ready()
            wanting = self._behind and len(self._ready) < _LOAD_BELOW
        if wanting:
            self.wake()
        return batch

    def lingers(self) -> float:
        """Nothing in memory waits for company; what has gathered is written first."""
        return 0.0

    def __bool__(self) -> bool:
        return bool(self._ready)

    def failing(self, batch: Batch) -> None:
        """Note since when a batch fails, for its budget outlives the process."""
        if batch.row is not None:
            with self._lock:
                self._work.failing.append((batch.row, time.time_ns()))

    def split(self, batch: Batch, *groups: Sequence[int]) -> tuple[Batch, ...]:
        """Put a batch's parts in its place, on the disk too."""
        parts = super().split(batch, *groups)
        with self._lock:
            if batch.row is not None:
                self._replace(batch, batch.row)
        self.nudge()
        return parts

    def done(self, batch: Batch, outcome: Ack | SendError) -> None:
        """Settle a batch and remove it from the disk."""
        with self._lock:
            self._kept_events -= batch.count
            self._kept_bytes -= batch.size
            if batch.row is not None:
                self._work.gone.append(batch.row)
        super().done(batch, outcome)
        self.nudge()

    def release(self, batch: Batch, error: SendError) -> None:
        """Tell those who wait for a batch that this process will not bring it; the disk keeps it."""
        with self._lock:
            self._live.pop(batch, None)
            wakers = batch.settle(error)
        for wake in wakers:
            wake()

    def release_rest(self, error: SendError) -> None:
        """Tell those who wait for what lies on the disk alone."""
        with self._lock:
            wakers = [wake for batch in list(self._held.values()) for wake in batch.settle(error)]
        for wake in wakers:
            wake()

    def mark(self) -> tuple[list[Batch], int, int]:
        """Return what is pending: batches here; on the disk alone, the last row and how many."""
        live = self.live()
        with self._lock:
            return live, self._last, self._behind

    def counts(self) -> Counts:
        """Return its counts, as of one moment."""
        return super().counts()._replace(spooled=self._kept_events)


def _nobody() -> None:
    """Nobody keeps this queue yet."""


def _row(batch: Batch, wire: Wire) -> Row:
    since = 0
    if batch.first_failure is not None:
        since = time.time_ns() - int((time.monotonic() - batch.first_failure) * 1e9)
    return Row(
        req_guid=batch.req_guid,
        sent_time=batch.sent_time,
        wire=wire.name,
        frames=batch.frames,
        failed_since=since,
        possible_duplicate=batch.possible_duplicate,
    )


def _monotonic(wall: int) -> float:
    """When that was, by the monotonic clock."""
    return time.monotonic() - max(time.time_ns() - wall, 0) / 1e9


def _reframed(row: Row, wire: Wire) -> Sequence[bytes]:
    if row.wire == wire.name:
        return row.frames
    before = WIRES[row.wire]
    return [wire.frame(*before.unframe(frame)) for frame in row.frames]
