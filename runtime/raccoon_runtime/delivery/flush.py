"""What somebody waits for who wants everything out that was accepted so far."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from .batch import Batch
from .future import resolve
from .handle import LoopHandle
from .queue import Mark


class Flush:
    """The batches that somebody waits for, and the future that tells when none is left."""

    def __init__(self) -> None:
        self.left: set[Batch] = set()
        self._after = 0
        self._last: float = 0
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def wait_for(self, mark: Mark) -> None:
        """Wait for all that was pending then."""
        self._after = mark.after
        self._last = math.inf if mark.last is None else mark.last
        self._add(mark.batches)

    def loaded(self, batches: Sequence[Batch], row: int) -> None:
        """Hear what was read from the disk, or lost on it, and up to which row."""
        after, self._after = self._after, max(row, self._after)
        self.left.difference_update(batch for batch in batches if batch.outcome is not None)
        self._add([batch for batch in batches if after < (batch.row or 0) <= self._last])

    def sought(self, last: int | None) -> None:
        """Hear that rows get other numbers, None, and which is the last when they have them."""
        if last is None:
            self._last = math.inf
        elif self._last == math.inf:
            self._last = last
            self._check()

    def _add(self, batches: Sequence[Batch]) -> None:
        # Some may have been split, or settled, since they were read.
        leaves = (leaf for batch in batches for leaf in batch.leaves())
        self.left.update(leaf for leaf in leaves if leaf.outcome is None)
        self._check()

    def settled(self, batch: Batch) -> None:
        self.left.discard(batch)
        self._check()

    def _check(self) -> None:
        if not self.left and self._after >= self._last:
            resolve(self.done)

    def divided(self, batch: Batch, parts: tuple[Batch, ...]) -> None:
        if batch in self.left:
            self.left.remove(batch)
            self._add(parts)


class Flushes:
    """Those who wait now. What happens is heard in any thread, and told in the loop's own."""

    def __init__(self, handle: LoopHandle) -> None:
        self._handle = handle
        self._waiting: list[Flush] = []

    @contextmanager
    def another(self) -> Generator[Flush]:
        """Give one that hears what happens inside the block; in the loop."""
        flush = Flush()
        self._waiting.append(flush)
        try:
            yield flush
        finally:
            self._waiting.remove(flush)

    def settled(self, batch: Batch) -> None:
        """Hear that a batch has its outcome."""
        self._tell(lambda flush: flush.settled(batch))

    def loaded(self, batches: Sequence[Batch], row: int) -> None:
        """Hear what was read from the disk, or lost on it, and up to which row."""
        self._tell(lambda flush: flush.loaded(batches, row))

    def sought(self, last: int | None) -> None:
        """Hear that rows get other numbers, None, and which is the last when they have them."""
        self._tell(lambda flush: flush.sought(last))

    def divided(self, batch: Batch, parts: tuple[Batch, ...]) -> None:
        """Hear what a batch was split into."""
        self._tell(lambda flush: flush.divided(batch, parts))

    def end(self) -> None:
        """Hear that the client is closed: what has no outcome lies in a spool, and stays there."""
        self._tell(lambda flush: resolve(flush.done))

    def _tell(self, tell: Callable[[Flush], None]) -> None:
        if self._waiting:
            self._handle.call(self._tell_each, tell)

    def _tell_each(self, tell: Callable[[Flush], None]) -> None:
        for flush in self._waiting:
            tell(flush)
