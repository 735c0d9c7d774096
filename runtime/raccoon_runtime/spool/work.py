"""What there is to write, and what was read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..delivery.batch import Batch
from ..wires import WIRES, Wire
from .row import Row


@dataclass(slots=True)
class Work:
    """What the spool has to write: in one transaction, so that each step is whole or not at all."""

    new: list[Batch] = field(default_factory=list[Batch])
    """What has no row yet; or what was split, whose parts take its row's place."""
    gone: list[int] = field(default_factory=list[int])
    """Rows that have their outcome."""
    failing: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Rows, and since when they fail, in Unix nanoseconds."""

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.failing)

    def part(self, new: int, others: int) -> Work:
        """Return the first of it, so many of each."""
        return Work(self.new[:new], self.gone[:others], self.failing[:others])

    def subtract(self, part: Work) -> None:
        """Forget the first of it."""
        del self.new[: len(part.new)], self.gone[: len(part.gone)]
        del self.failing[: len(part.failing)]

    def add(self, other: Work) -> None:
        """Take over what another one holds."""
        self.new += other.new
        self.gone += other.gone
        self.failing += other.failing


def row_of(batch: Batch, wire: Wire) -> Row:
    """Return what is to be written of a batch."""
    since = 0
    if batch.first_failure is not None:
        since = time.time_ns() - int((time.monotonic() - batch.first_failure) * 1e9)
    return Row(
        req_guid=batch.req_guid,
        sent_time=batch.sent_time,
        wire=wire.name,
        frames=batch.frames,
        failed_since=max(since, batch.sent_time) if since else 0,
        possible_duplicate=batch.possible_duplicate,
    )


def restored(row: Row, wire: Wire) -> Batch:
    """Return the batch that was written."""
    batch = Batch(wire)
    batch.req_guid = row.req_guid
    batch.sent_time = row.sent_time
    batch.opened = _monotonic(row.sent_time)
    _, batch.count, batch.size = row.amount
    batch.kept = batch.restored = True
    batch.possible_duplicate = row.possible_duplicate
    if row.failed_since >= _MADE:
        batch.first_failure = _monotonic(row.failed_since)
    return batch


def reframed(row: Row, wire: Wire) -> Sequence[bytes]:
    """Return a row's frames as this wire has them; it may have been another's."""
    if row.wire == wire.name:
        return row.frames
    before = WIRES[row.wire]
    return [wire.frame(*before.unframe(frame)) for frame in row.frames]


_MADE = 1_735_689_600 * 10**9  # 2025: this was not written yet, so the clock was not set


def _monotonic(wall: int) -> float:
    """When that was, by the monotonic clock."""
    return time.monotonic() - max(time.time_ns() - wall, 0) / 1e9
