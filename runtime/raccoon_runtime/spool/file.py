"""The file that is ours, with its lock and its reserve."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path

from .directory import Claim, Directory
from .reserve import Reserve
from .sources import Known, Orphan, Source, Wreck
from .store import Store


def read_through(path: Path) -> None:
    """OSError when the disk cannot read a file, which SQLite takes for damage."""
    for part in (str(path), f"{path}-wal"):
        with contextlib.suppress(FileNotFoundError), open(part, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


class SpoolFile:
    """A store under a claim; both are let go when it cannot be made."""

    def __init__(self, claim: Claim, store: Store) -> None:
        self.claim = claim
        self.store = store
        self.reserve = Reserve(claim.path)
        try:
            self._stat = os.stat(claim.path)
        except BaseException:
            store.close()
            claim.release()
            raise

    @classmethod
    def new(cls, directory: Directory) -> SpoolFile:
        """Make one."""
        claim = directory.new()
        try:
            store = Store(claim.path)
        except BaseException:
            with contextlib.suppress(OSError):
                claim.remove()
            claim.release()
            raise
        return cls(claim, store)

    @property
    def is_ours(self) -> bool:
        """Whether nobody has removed it, or taken it from us."""
        return self.claim.is_ours(self._stat)

    def given_up(self, known: Known, logger: logging.Logger) -> Source:
        """Return what is to be saved from it, beside the rows that are known.

        OSError when it cannot be read now, and so is not to be given up.
        """
        if not self.is_ours:
            return Orphan(self.claim, self.store, known)
        read_through(self.claim.path)
        self.reserve.give_up()
        self.store.close()
        return Wreck(self.claim, logger, known)

    def drop(self) -> None:
        """Remove it, whatever is in it; OSError when that cannot be."""
        self.claim.remove()
        self.store.close()
        self.claim.release()

    def close(self) -> None:
        """Let go of it; remove it when it is empty, or put it aside for the damaged rows in it.

        OSError when it stays there, for another process.
        """
        try:
            batches, aside = self.store.totals().batches, self.store.aside()
        except sqlite3.Error:
            batches, aside = 1, []
        self.store.close()
        try:
            if not batches:
                if aside:
                    self.claim.set_aside()
                else:
                    self.claim.remove()
        finally:
            self.claim.release()
