"""Files whose rows are moved into ours: one that is sound, and one that is damaged."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple, Protocol

from .directory import Claim
from .reader import Reader
from .row import Amount, Found
from .store import Store

_SLICE = 1 << 20
"""How many bytes are moved in one step: a disk that is full has to have room for them."""


class Moved(NamedTuple):
    """How much was moved, and how much that was with it is damaged."""

    amount: Amount = Amount()
    damaged: Amount = Amount()


class Source(Protocol):
    """A file whose rows are moved."""

    claim: Claim
    ours: bool

    def move(self, into: Store) -> Moved | None:
        """Move some; None when nothing is left, and the file is dealt with."""
        ...

    def let_go(self) -> None:
        """Close it as it is."""
        ...


class UnreadableError(Exception):
    """The file that rows are moved from cannot be read, for the reason that is its cause."""


class Orphan:
    """A file that is sound."""

    ours = False

    def __init__(self, claim: Claim, store: Store) -> None:
        self.claim = claim
        self._store = store
        self._after = 0
        self._found: list[Found] = []
        self._moved: list[int] = []

    def move(self, into: Store) -> Moved | None:
        # First there, then gone here: a crash in between leaves a row twice under one guid, which
        # is taken once.
        if self._moved:
            with self._store.transaction():
                self._store.delete(self._moved)
            self._moved = []
        self._found = self._found or self._load()
        if not self._found:
            self._finish()
            return None
        moved = _insert(self._found, into)
        self._after = self._found[-1].id
        self._moved, self._found = [one.id for one in self._found], []
        return moved

    def _load(self) -> list[Found]:
        try:
            return self._store.load(self._after, _SLICE, _SLICE)
        except sqlite3.Error as error:
            raise UnreadableError from error

    def _finish(self) -> None:
        empty = self._store.is_empty()
        self._store.close()
        if empty:
            self.claim.remove()
        else:
            self.claim.set_aside()
        self.claim.release()

    def let_go(self) -> None:
        self._store.close()


class Wreck:
    """A file that is damaged: what can be read of it is moved, row by row.

    `known` tells of our own which rows need not be moved: those up to an id, and some others.
    """

    def __init__(
        self,
        claim: Claim,
        reader: Reader,
        logger: logging.Logger,
        known: tuple[int, Collection[int]] | None = None,
    ) -> None:
        self.claim = claim
        self.ours = known is not None
        self._reader = reader
        self._log = logger
        upto, others = known or (0, ())
        self._ids = [id for id in reader.ids() if id > upto and id not in others]
        self._at = 0
        self._unreadable = 0

    def move(self, into: Store) -> Moved | None:
        if self._at == len(self._ids):
            self._finish()
            return None
        found, at, unreadable = self._next()
        moved = _insert(found, into)
        self._at = at
        self._unreadable += unreadable
        # Our own was counted when it was accepted.
        return Moved() if self.ours else moved

    def _next(self) -> tuple[list[Found], int, int]:
        found: list[Found] = []
        at, size, unreadable = self._at, 0, 0
        while at < len(self._ids) and size < _SLICE:
            try:
                one = self._reader.row(self._ids[at])
            except sqlite3.Error:
                one = None
            at += 1
            unreadable += one is None or one.row is None
            if one is not None:
                found.append(one)
                size += 0 if one.row is None else one.row.amount.bytes
        return found, at, unreadable

    def _finish(self) -> None:
        self._reader.close()
        target = self.claim.set_aside()
        told = "the spool file %s is damaged: %d batches of it go on, %d cannot be read; kept as %s"
        good = len(self._ids) - self._unreadable
        self._log.error(told, self.claim.path, good, self._unreadable, target.name)
        self.claim.release()

    def let_go(self) -> None:
        self._reader.close()


def _insert(found: list[Found], into: Store) -> Moved:
    """Add these; they are flagged, for they may have been on their way."""
    amount = damaged = Amount()
    with into.transaction():
        for one in found:
            if one.row is None:
                damaged = damaged.plus(one.counted)
            elif into.insert(replace(one.row, possible_duplicate=True)) is not None:
                amount = amount.plus(one.row.amount)
    return Moved(amount, damaged)
