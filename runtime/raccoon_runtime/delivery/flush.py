"""What somebody waits for who wants everything out that was accepted so far."""

from __future__ import annotations

import asyncio

from .batch import Batch
from .future import resolve


class Flush:
    """The batches that somebody waits for, and the future that tells when none is left."""

    def __init__(self) -> None:
        self.left: set[Batch] = set()
        self._last = 0
        self._behind = 0
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def wait_for(self, batches: list[Batch], last: int, behind: int) -> None:
        """Wait for these, and for so many more on the disk alone, up to the row `last`."""
        self.left.update(batch for batch in batches if batch.outcome is None)
        self._last, self._behind = last, behind
        self._check()

    def loaded(self, batch: Batch) -> None:
        if batch.row is not None and batch.row <= self._last:
            self._behind -= 1
            if batch.outcome is None:
                self.left.add(batch)
            self._check()

    def settled(self, batch: Batch) -> None:
        self.left.discard(batch)
        self._check()

    def _check(self) -> None:
        if not self.left and self._behind <= 0:
            resolve(self.done)

    def divided(self, batch: Batch, parts: tuple[Batch, ...]) -> None:
        if batch in self.left:
            self.left.remove(batch)
            self.left.update(parts)
