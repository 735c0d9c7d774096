"""What was accepted and has no outcome yet: bounded, and open to every thread."""

from __future__ import annotations

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from ..envelope import Ack
from ..errors import ClosedError, SendError
from ..wires import Wire
from .batch import Batch, Waker
from .handle import LoopHandle

Place = tuple[Batch, int]
"""Where an event is: a batch, and an index in it."""
_LARGE = 16
"""What part of the room an event has to be to be asked about: what is smaller soon fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much may be pending in all and in one batch; how long a batch waits for company, in
    seconds; and whether, when all is full, the oldest give way.
    """

    events: int
    bytes: int
    batch_events: int
    batch_bytes: int
    linger: float = 0.0
    yields: bool = False


class Counts(NamedTuple):
    """How many events were accepted, and what became of them.

    `oldest` is the age of the oldest pending one in seconds; `failures` counts those that failed by
    the name of their error.
    """

    accepted: int
    delivered: int
    failed: int
    pending: int
    pending_bytes: int
    oldest: float
    failures: dict[str, int]
    spooled: int


class Mark(NamedTuple):
    """What is pending: batches in memory; on the disk alone, the rows behind one, up to another.

    The last is None while that is not known.
    """

    batches: list[Batch]
    after: int = 0
    last: int | None = 0


class Queue:
    """Counts an event from its acceptance to its outcome: queued, in flight or waiting for a retry.

    Events gather in the youngest batch. `signal` is called, in the thread that accepts, when there
    is work after there was none, when a batch is full, and when there is no room for more in it.
    """

    def __init__(
        self, bounds: Bounds, wire: Wire, handle: LoopHandle, signal: Callable[[], object]
    ) -> None:
        self._bounds = bounds
        self._wire = wire
        self._lock = handle.lock
        self._signal = signal
        self._signalled = False
        self._closed = False
        self._batches: deque[Batch] = deque()
        self._gathering: Batch | None = None
        self._live: dict[Batch, None] = {}
        self._rooms: dict[Waker, bool] = {}
        """Those who wait for room, in their order, and whether it is their turn to try."""
        self._accepted = 0
        self._delivered = 0
        self._failures: Counter[str] = Counter()
        self._events: int = 0
        self._bytes: int = 0

    # --- in ---------------------------------------------------------------------------

    def put(self, frame: bytes, context: object = None) -> Place | None:
        """Accept a framed event and return where it is; None when there is no room for it, or
        others wait for room. Its batch is linked to a span's context.
        """
        size = len(frame)
        try:
            with self._lock:
                self._check_open()
                try:
                    if self._rooms or not self._fits(size):
                        place, wake = None, self._no_company()
                    else:
                        batch, wake = self._gathering, not self._signalled
                        if batch is None or self._is_full(batch, size):
                            wake |= batch is not None
                            batch = Batch(self._wire)
                            self._enter(batch)
                        place = batch, batch.add(frame, size)
                        if context is not None or batch.links:
                            batch.link(place[1], context)
                        self._accepted += 1
                        self._events += 1
                        self._bytes += size
                        self._signalled = True
                        if self._bounds.linger:
                            wake |= self._lingers_in_vain(batch)
                except BaseException:
                    self._mend()
                    raise
            if wake:
                self._signal()
        except BaseException:
            self._signal()  # for what came in between may have kept it from that
            raise
        return place

    def put_all(
        self,
        frames: Sequence[bytes],
        start: int = 0,
        turn: Waker | None = None,
        context: object = None,
    ) -> list[Place]:
        """Accept as many of these, from `start` on, as there is room for, in order, and return
        where they are. While others wait for room only who has a `turn` gets in.
        """
        places: list[Place] = []
        while start + len(places) < len(frames):
            some = self._put_some(frames, start + len(places), turn, context)
            if not some:
                break
            places += some
        return places

    def _put_some(
        self, frames: Sequence[bytes], start: int, turn: Waker | None, context: object
    ) -> list[Place]:
        """Accept what fits into one batch, of the frames from `start` on."""
        try:
            with self._lock:
                self._check_open()
                if self._rooms and turn not in self._rooms:
                    return []
                try:
                    batch, wake = self._gathering, not self._signalled
                    if batch is None or self._is_full(batch, len(frames[start])):
                        wake |= batch is not None
                        batch = Batch(self._wire)
                    some = frames[start : start + self._bounds.batch_events - batch.count]
                    sizes = list(map(len, some))
                    fitting = self._fitting(batch, sizes)
                    first = batch.count
                    if not fitting:
                        wake = self._no_company()
                    else:
                        if not batch.count:
                            self._enter(batch)
                        batch.add_all(some[:fitting], sum(sizes[:fitting]))
                        if context is not None or batch.links:
                            batch.link(first, context)
                        self._accepted += fitting
                        self._events += fitting
                        self._bytes += sum(sizes[:fitting])
                        self._signalled = True
                        wake |= self._lingers_in_vain(batch)
                except BaseException:
                    self._mend()
                    raise
            if wake:
                self._signal()
        except BaseException:
            self._signal()
            raise
        return [(batch, index) for index in range(first, first + fitting)]

    def _fitting(self, batch: Batch, sizes: Sequence[int]) -> int:
        """How many frames of these sizes, the first of them on, the batch and the queue take."""
        total, bounds = sum(sizes), self._bounds
        if self._fits(total, len(sizes)) and batch.size + total <= bounds.batch_bytes:
            return len(sizes)
        taken = count = 0
        for size in sizes:
            full = batch.count + count and batch.size + taken + size > bounds.batch_bytes
            if full or not self._fits(taken + size, count + 1):
                break
            taken += size
            count += 1
        return count

    def _fits(self, size: int, count: int = 1) -> bool:
        # The bound on bytes lets a lone event in, however large: it could not be sent otherwise.
        events = self._events + count
        if events > self._bounds.events:
            return False
        return events == 1 or self._bytes + size <= self._bounds.bytes

    def _is_full(self, batch: Batch, size: int) -> bool:
        bounds = self._bounds
        return batch.count >= bounds.batch_events or batch.size + size > bounds.batch_bytes

    def _lingers_in_vain(self, batch: Batch) -> bool:
        """End the linger of the youngest batch if there is no room for company; whether it did."""
        if self._is_full(batch, 0):
            return self._end_linger()
        return not self._fits(1) and self._no_company()

    def _no_company(self) -> bool:
        return not self._bounds.yields and self._end_linger()

    def _end_linger(self) -> bool:
        if not self._bounds.linger or self._gathering is None:
            return False
        self._gathering = None
        return True

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the client is closed")

    def _enter(self, batch: Batch) -> None:
        self._gathering = batch
        self._live[batch] = None
        self._batches.append(batch)

    def _mend(self) -> None:
        """Make the books right again: what a signal's handler raised came amid a change of them.

        Of the gathering batch that counts which is in it.
        """
        batch = self._gathering
        if batch is not None:
            batch.recount()
            if not batch.count:
                self._gathering = None
                self._live.pop(batch, None)
                with suppress(ValueError):
                    self._batches.remove(batch)
        events, size = self._elsewhere()
        self._events = events + sum(batch.count for batch in self._live)
        self._bytes = size + sum(batch.size for batch in self._live)
        self._accepted = self._delivered + self._failures.total() + self._events

    def _elsewhere(self) -> tuple[int, int]:
        """How many events, and bytes of them, are pending and in no batch."""
        return 0, 0

    def refuse(self, batch: Batch, error: SendError) -> None:
        """Count a batch that was dropped at the door."""
        with self._lock:
            try:
                self._accepted += batch.count
                self._failures[type(error).__name__] += batch.count
                batch.settle(error)
            except BaseException:
                self._mend()
                raise

    def drop_oldest(self) -> tuple[Batch, tuple[Batch, ...]] | None:
        """Take the oldest event out, to be settled; None when all are on their way.

        Returns the oldest batch, and its parts: the first holds that event alone, the others wait
        on.
        """
        with self._lock:
            self._check_open()
            waiting = self._to_drop()
            if not waiting:
                return None
            batch = waiting.popleft()
            if batch is self._gathering:
                self._gathering = None
            parts: tuple[Batch, ...] = (batch,)
            if batch.count > 1:
                parts = self._divide(batch, _first_alone(batch.count))
                waiting.extendleft(reversed(parts[1:]))
            # Now, for whoever closes the client settles all that is there.
            del self._live[parts[0]]
            return batch, parts

    def may_fit(self, size: int) -> bool:
        """Whether there can be room for so many bytes when all that waits is dropped."""
        most = self._bounds.bytes
        if size < most // _LARGE:
            return True
        with self._lock:
            waiting = self._to_drop()
            under_way = self._events - sum(batch.count for batch in waiting)
            taken = self._bytes - sum(batch.size for batch in waiting)
        return not under_way or taken + size <= most

    def _to_drop(self) -> deque[Batch]:
        return self._batches

    # --- out --------------------------------------------------------------------------

    def take(self) -> Batch | None:
        """Return the oldest batch, sealed; None when there is none, or it still lingers."""
        with self._lock:
            if self._batches and self._lingers(self._batches[0]) > 0:
                return None
            batch = self._pop()
            # With nothing left, the next event has to signal again.
            self._signalled = bool(self._batches)
        if batch is not None:
            batch.seal()
        return batch

    def _pop(self) -> Batch | None:
        batch = self._batches.popleft() if self._batches else None
        if batch is self._gathering:
            self._gathering = None
        return batch

    def lingers(self) -> float:
        """Return for how many seconds the oldest batch lingers still; 0 when it may go."""
        with self._lock:
            return self._lingers(self._batches[0]) if self._batches else 0.0

    def _lingers(self, batch: Batch) -> float:
        linger = self._bounds.linger
        if not linger or batch is not self._gathering or self._is_full(batch, 0):
            return 0.0
        return max(batch.opened + linger - time.monotonic(), 0.0)

    def __bool__(self) -> bool:
        return bool(self._batches)

    def split(self, batch: Batch, *groups: Sequence[int]) -> tuple[Batch, ...]:
        """Put a batch's parts, of the events of these indices, in its place and return them."""
        with self._lock:
            return self._divide(batch, groups)

    def _divide(self, batch: Batch, groups: Sequence[Sequence[int]]) -> tuple[Batch, ...]:
        parts = batch.split(*groups)
        del self._live[batch]
        self._live.update(dict.fromkeys(parts))
        return parts

    def failing(self, batch: Batch) -> None:
        """Hear that a batch failed for the first time."""

    def done(self, batch: Batch, outcome: Ack | SendError) -> None:
        """Settle a batch and forget it, and let those in who wait for room."""
        with self._lock:
            wakers = self._settle(batch, outcome)
        for wake in wakers:
            wake()

    def _settle(self, batch: Batch, outcome: Ack | SendError) -> list[Waker]:
        self._live.pop(batch, None)
        if isinstance(outcome, Ack):
            self._delivered += batch.count
        else:
            self._failures[type(outcome).__name__] += batch.count
        self._events -= batch.count
        self._bytes -= batch.size
        return batch.settle(outcome) + self._rooms_for(batch.count)

    # --- room -------------------------------------------------------------------------

    def when_room(self, size: int, turn: Waker) -> None:
        """Get in line, or stay there; `turn` is called when it is time to try: at once when there
        is room and nobody waits, or when the queue is closed.
        """
        with self._lock:
            first = not self._rooms or turn in self._rooms
            now = self._closed or (first and self._fits(size))
            self._rooms[turn] = now
        if now:
            turn()

    def _rooms_for(self, count: int) -> list[Waker]:
        """Return the next so many of those who wait, whose turn it is now."""
        waiting = (turn for turn, told in self._rooms.items() if not told)
        turns = list(itertools.islice(waiting, count))
        self._rooms.update(dict.fromkeys(turns, True))
        return turns

    def no_room_needed(self, turn: Waker) -> None:
        """Leave the line, in or not; the next one may try."""
        with self._lock:
            self._rooms.pop(turn, None)
            turns = self._rooms_for(1)
        for following in turns:
            following()

    # --- what only a spool changes ------------------------------------------------------

    def when_kept(self, place: Place, waker: Waker) -> None:
        """Have this called, once, when the event is as safe as it will be: at once, in memory."""
        waker()

    def release(self, batch: Batch, error: SendError) -> None:
        """Settle a batch that a spool keeps for another process; in memory there is none."""
        self.done(batch, error)

    def release_rest(self, error: SendError) -> None:
        """Settle in the same way what only lies on the disk."""

    def mark(self) -> Mark:
        """Return what is pending."""
        return Mark(self.live())

    def _spooled(self) -> int:
        return 0

    # --- the whole --------------------------------------------------------------------

    def live(self) -> list[Batch]:
        """End the gathering, and return all batches that have no outcome yet, the oldest first."""
        with self._lock:
            self._gathering = None
            return self._pending()

    def _pending(self) -> list[Batch]:
        return sorted(self._live, key=lambda batch: batch.opened)

    def counts(self) -> Counts:
        """Return its counts, as of one moment."""
        with self._lock:
            oldest = min((batch.opened for batch in self._live), default=None)
            return Counts(
                self._accepted,
                self._delivered,
                self._failures.total(),
                self._events,
                self._bytes,
                0.0 if oldest is None else time.monotonic() - oldest,
                dict(self._failures),
                self._spooled(),
            )

    def close(self) -> None:
        """Accept nothing more."""
        with self._lock:
            self._closed = True
            self._gathering = None
            wakers, self._rooms = list(self._rooms), {}
        for wake in wakers:
            wake()


def _first_alone(count: int) -> list[range]:
    """Divide so many events: the first, and parts that double in size, so that dropping them one
    by one divides each event a few times only.
    """
    cuts = [count]
    while cuts[-1] > 1:
        cuts.append(cuts[-1] // 2)
    cuts.append(0)
    return [range(start, end) for end, start in itertools.pairwise(cuts)][::-1]
