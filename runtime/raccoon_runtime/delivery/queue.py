"""What was accepted and has no outcome yet: bounded, and open to every thread."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from ..errors import ClosedError
from ..wires import Wire
from .batch import Batch
from .future import BaseAckFuture
from .handle import LoopHandle

F = TypeVar("F", bound=BaseAckFuture)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much may be pending in all, and in one batch."""

    events: int
    bytes: int
    batch_events: int
    batch_bytes: int


class Counts(NamedTuple):
    """How many events were accepted, and what became of them; the age of the oldest pending one in
    seconds.
    """

    accepted: int
    delivered: int
    failed: int
    pending: int
    pending_bytes: int
    oldest: float


class Queue:
    """Counts an event from its acceptance to its outcome: queued, in flight or waiting for a retry.

    Events gather in the youngest batch. `signal` is called, in the thread that accepts, when there
    is work after there was none.
    """

    def __init__(
        self, bounds: Bounds, wire: Wire, handle: LoopHandle, signal: Callable[[], object]
    ) -> None:
        self._bounds = bounds
        self._wire = wire
        self._handle = handle
        self._lock = handle.lock
        self._signal = signal
        self._signalled = False
        self._closed = False
        self._batches: deque[Batch] = deque()
        self._gathering: Batch | None = None
        self._live: dict[Batch, None] = {}
        self._order = 0
        self._rooms: dict[Callable[[], object], None] = {}
        self._accepted = 0
        self._delivered = 0
        self._failed = 0
        self._events = 0
        self._bytes = 0

    def put(self, frame: bytes, kind: type[F]) -> F | None:
        """Accept a framed event and return its future; None when there is no room for it."""
        size = len(frame)
        with self._lock:
            if self._closed:
                raise ClosedError("the client is closed")
            if not self._fits(size):
                return None
            bounds = self._bounds
            batch = self._gathering
            if (
                batch is None
                or len(batch.frames) >= bounds.batch_events
                or batch.size + size > bounds.batch_bytes
            ):
                batch = self._open()
            self._accepted += 1
            self._events += 1
            self._bytes += size
            batch.frames.append(frame)
            batch.size += size
            future = kind(batch)
            batch.futures.append(future)
            wake = not self._signalled
            self._signalled = True
        if wake:
            self._signal()
        return future

    def _fits(self, size: int) -> bool:
        # The bound on bytes lets a lone event in, however large: it could not be sent otherwise.
        if self._events >= self._bounds.events:
            return False
        return not self._events or self._bytes + size <= self._bounds.bytes

    def _open(self) -> Batch:
        self._order += 1
        batch = self._gathering = Batch(self._wire, self._handle, self._order)
        self._batches.append(batch)
        self._live[batch] = None
        return batch

    def take(self) -> Batch | None:
        """Return the oldest batch, sealed; None when there is none."""
        with self._lock:
            batch = self._batches.popleft() if self._batches else None
            if batch is self._gathering:
                self._gathering = None
            # With nothing left, the next event has to signal again.
            self._signalled = bool(self._batches)
        if batch is not None:
            batch.seal()
        return batch

    def __bool__(self) -> bool:
        return bool(self._batches)

    def done(self, batch: Batch, delivered: bool) -> None:
        """Forget a batch that has its outcome, and let those in who wait for room."""
        count = len(batch.frames)
        with self._lock:
            del self._live[batch]
            if delivered:
                self._delivered += count
            else:
                self._failed += count
            self._events -= count
            self._bytes -= batch.size
            wakers = [waker for waker, _ in zip(self._rooms, batch.frames, strict=False)]
            for waker in wakers:
                del self._rooms[waker]
        for wake in wakers:
            wake()

    def replace(self, batch: Batch, parts: Iterable[Batch]) -> None:
        """Put a batch's parts in its place."""
        with self._lock:
            del self._live[batch]
            self._live.update(dict.fromkeys(parts))

    def when_room(self, size: int, waker: Callable[[], object]) -> None:
        """Have this called, once, when something was settled; at once when there is room, or the
        queue was closed.
        """
        with self._lock:
            if not self._closed and not self._fits(size):
                self._rooms[waker] = None
                return
        waker()

    def no_room_needed(self, waker: Callable[[], object]) -> None:
        """Take back `when_room`; when it was called in vain, the next one is."""
        with self._lock:
            if self._rooms.pop(waker, waker) is None or not self._rooms:
                return
            other = next(iter(self._rooms))
            del self._rooms[other]
        other()

    def mark(self) -> int:
        """End the gathering, and return up to which order batches exist."""
        with self._lock:
            self._gathering = None
            return self._order

    def pending_before(self, mark: int) -> bool:
        """Whether a batch from before the mark has no outcome yet."""
        with self._lock:
            return any(batch.order <= mark for batch in self._live)

    def live(self) -> list[Batch]:
        """Return all batches that have no outcome yet, the oldest first."""
        with self._lock:
            return sorted(self._live, key=lambda batch: batch.order)

    def counts(self) -> Counts:
        """Return its counts, as of one moment."""
        with self._lock:
            oldest = min((batch.opened for batch in self._live), default=None)
            return Counts(
                self._accepted,
                self._delivered,
                self._failed,
                self._events,
                self._bytes,
                0.0 if oldest is None else time.monotonic() - oldest,
            )

    def close(self) -> None:
        """Accept nothing more."""
        with self._lock:
            self._closed = True
            wakers, self._rooms = list(self._rooms), {}
        for wake in wakers:
            wake()
