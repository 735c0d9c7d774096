"""The file that is ours, with its lock and its reserve."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from ..errors import SpoolError
from .directory import Claim, Directory
from .reserve import Reserve
from .store import Store


def read_through(path: Path) -> None:
    """OSError when the disk cannot read a file, which SQLite takes for damage."""
    for part in (str(path), f"{path}-wal"):
        with contextlib.suppress(FileNotFoundError), open(part, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


class SpoolFile:
    """A store under a claim."""

    def __init__(self, claim: Claim, store: Store) -> None:
        self.claim = claim
        self.store = store
        self.reserve = Reserve(claim.path)
        self._stat = os.stat(claim.path)

    @classmethod
    def new(cls, directory: Directory) -> SpoolFile:
        """Make one."""
        claim = directory.new()
        try:
            return cls(claim, Store(claim.path))
        except BaseException:
            claim.remove()
            claim.release()
            raise

    def check(self) -> None:
        """SpoolError when somebody has removed it, or its lock."""
        if not self.claim.is_ours(self._stat):
            raise SpoolError(f"{self.claim.path} was removed, or its lock")

    def close(self) -> None:
        """Let go of it; it is removed when nothing is in it."""
        try:
            empty = self.store.is_empty()
        except sqlite3.Error:
            empty = False
        self.end(remove=empty)

    def end(self, *, remove: bool) -> None:
        """Let go of it, and remove it or not."""
        self.store.close()
        if remove:
            self.claim.remove()
        self.claim.release()
