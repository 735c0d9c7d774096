"""The events of one request, from the first that is accepted to the outcome of them all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..envelope import Ack
from ..errors import SendError

if TYPE_CHECKING:
    from ..wires import Wire

Waker = Callable[[], object]


class Batch:
    """Gathers frames until it is sealed; from then on its `req_guid` and its bytes never change.

    The guid is there from the start, for futures to tell. Whoever waits for one of its events waits
    here, so that an outcome costs the same for one event and for a hundred.
    """

    __slots__ = (
        "__weakref__",
        "attempts",
        "count",
        "delivered",
        "failures",
        "first_failure",
        "frames",
        "keeper",
        "kept",
        "last_error",
        "links",
        "opened",
        "out",
        "outcome",
        "places",
        "possible_duplicate",
        "refusals",
        "req_guid",
        "restored",
        "row",
        "sent_time",
        "size",
        "strikes",
        "successes",
        "suspicions",
        "unanswered",
        "wakers",
        "wire",
    )

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.req_guid = os.urandom(16).hex()
        self.opened = time.monotonic()
        self.sent_time = 0
        self.frames: list[bytes] = []
        self.count = 0
        self.size = 0
        self.kept = False
        """Whether it lies in the spool, if there is one."""
        self.out = False
        """Whether the spool has let it go on."""
        self.restored = False
        """Whether it was read from the spool, and nobody here knows of it."""
        self.row: int | None = None
        """Where there; None also while what it was split from still stands for it."""

        self.attempts = 0
        self.failures = 0
        self.first_failure: float | None = None
        self.last_error: SendError | None = None
        self.unanswered = False
        """Whether it is on its way and may have arrived."""
        self.possible_duplicate = False
        self.links: list[tuple[int, Any]] = []
        """The contexts of the spans in which its events were accepted: from which index on."""
        # What `suspects` and `broker` remember of it.
        self.delivered = 0
        self.suspicions = 0
        self.refusals = 0
        self.strikes = 0
        self.successes = 0

        self.outcome: Ack | SendError | None = None
        self.places: list[tuple[Batch, int]] | None = None
        """Where each event is, once it was split."""
        self.wakers: list[tuple[int, Waker]] = []
        """Who waits for the event of that index."""
        self.keeper: dict[str, Batch] | None = None
        """Where it is put when somebody waits for it while it lies on the disk alone: else nobody
        would hold it.
        """

    def watch(self, index: int, waker: Waker) -> None:
        """Have this called, once, when the event of that index has its outcome."""
        self.wakers.append((index, waker))
        if self.keeper is not None:
            self.keeper[self.req_guid] = self

    def add(self, frame: bytes, size: int) -> int:
        """Take one more frame, of so many bytes, and return its index."""
        index = self.count
        self.count = index + 1
        self.size += size
        self.frames.append(frame)
        return index

    def add_all(self, frames: Sequence[bytes], size: int) -> int:
        """Take more frames, of so many bytes in all, and return the index of the first."""
        first = self.count
        self.count += len(frames)
        self.size += size
        self.frames.extend(frames)
        return first

    def recount(self) -> None:
        """Count its frames again."""
        self.count, self.size = len(self.frames), sum(map(len, self.frames))

    def link(self, index: int, context: Any) -> None:
        """Note the context of the span in which events from this index on are accepted, or None."""
        before = self.links[-1][1] if self.links else None
        if context is not before:
            self.links.append((index, context))

    def contexts(self) -> list[Any]:
        """Return the context of each event's span, or None."""
        found: list[Any] = [None] * self.count
        for index, context in self.links:
            found[index:] = [context] * (self.count - index)
        return found

    def seal(self) -> None:
        """Let nothing more be added."""
        self.sent_time = max(time.time_ns(), 0)  # a clock that is not set yet may be before 1970

    def body(self) -> bytes:
        """Return the request's bytes, the same each time; kept only while it is under way."""
        return self.wire.request(self.req_guid, self.sent_time, self.frames)

    def types(self) -> list[str]:
        """Return each event's type."""
        return [self.wire.unframe(frame)[0] for frame in self.frames]

    def halves(self) -> tuple[Sequence[int], Sequence[int]]:
        """Return the indices of two halves, in which one type's events lie together if they can."""
        types = self.types()
        order = sorted(range(self.count), key=types.__getitem__)
        middle = self.count // 2
        changes = [i for i in range(1, self.count) if types[order[i]] != types[order[i - 1]]]
        cut = min(changes, key=lambda i: abs(i - middle), default=middle)
        return order[:cut], order[cut:]

    def split(self, *groups: Sequence[int]) -> tuple[Batch, ...]:
        """Return its parts, of the events of these indices, with new guids and its past."""
        parts = tuple(map(self._part, groups))
        places: dict[int, tuple[Batch, int]] = {}
        for part, group in zip(parts, groups, strict=True):
            places.update({index: (part, i) for i, index in enumerate(group)})
        for index, waker in self.wakers:
            part, i = places[index]
            part.wakers.append((i, waker))
        self.wakers, self.frames = [], []
        self.places = [places[index] for index in range(self.count)]
        return parts

    def _part(self, group: Sequence[int]) -> Batch:
        part = Batch(self.wire)
        part.opened = self.opened
        part.frames = [self.frames[index] for index in group]
        part.count = len(group)
        part.size = sum(map(len, part.frames))
        for name in _PAST:
            setattr(part, name, getattr(self, name))
        if self.links:
            contexts = self.contexts()
            for i, index in enumerate(group):
                part.link(i, contexts[index])
        part.seal()
        return part

    def find(self, index: int) -> tuple[Batch, int]:
        """Return where the event of that index is now: in this batch, or in a part of it."""
        batch = self
        while batch.places is not None:
            batch, index = batch.places[index]
        return batch, index

    def leaves(self) -> list[Batch]:
        """Return what it was split into, down to the last parts; itself when it was not split."""
        if self.places is None:
            return [self]
        parts = dict.fromkeys(part for part, _ in self.places)
        return [leaf for part in parts for leaf in part.leaves()]

    def settle(self, outcome: Ack | SendError) -> list[Waker]:
        """Take the outcome, under the lock; the wakers are the caller's to call without it."""
        self.outcome = outcome
        self.frames = []
        wakers, self.wakers = self.wakers, []
        return [waker for _, waker in wakers]


_PAST = (
    "delivered",
    "failures",
    "first_failure",
    "kept",
    "last_error",
    "out",
    "possible_duplicate",
    "refusals",
    "restored",
    "strikes",
    "successes",
    "suspicions",
)
