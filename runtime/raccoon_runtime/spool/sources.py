"""Files whose rows are moved into ours: one that is sound, and one that is damaged."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple, Protocol

from .carve import carve
from .directory import Claim
from .pages import Pages
from .reader import is_passing
from .row import Amount, Found
from .store import Store

_SLICE = 1 << 20
"""How many bytes are moved in one step: a disk that is full has to have room for them."""

Known = tuple[int, Collection[int]]
_NOTHING: Known = 0, ()


class Moved(NamedTuple):
    """How much was moved, and how much that was with it is damaged."""

    amount: Amount = Amount()
    damaged: Amount = Amount()


class Source(Protocol):
    """A file whose rows are moved."""

    claim: Claim
    ours: bool

    def move(self, into: Store) -> Moved | None:
        """Move some; None when nothing is left."""
        ...

    def finish(self) -> None:
        """Close the file and remove it, or put it aside; OSError when it stays there."""
        ...

    def let_go(self) -> None:
        """Close it as it is."""
        ...


class UnreadableError(Exception):
    """The file that rows are moved from is no good, for the reason that is its cause."""


class Orphan:
    """A file that is sound.

    `known` tells of one that was ours which rows need not be moved: those up to an id, and some
    others.
    """

    def __init__(self, claim: Claim, store: Store, known: Known | None = None) -> None:
        self.claim = claim
        self.ours = known is not None
        self._store = store
        self._after, self._others = known or _NOTHING
        self._found: list[Found] = []
        self._moved: list[int] = []

    def move(self, into: Store) -> Moved | None:
        # First there, then gone here: a crash in between leaves a row twice under one guid.
        if self._moved:
            with _damage_told(), self._store.transaction():
                self._store.delete(self._moved)
            self._moved = []
        self._found = self._found or self._load()
        if not self._found:
            return None
        wanted = [one for one in self._found if one.id not in self._others]
        moved = _insert(wanted, into)
        self._after = self._found[-1].id
        self._moved, self._found = [one.id for one in wanted], []
        return Moved() if self.ours else moved

    def _load(self) -> list[Found]:
        try:
            return self._store.load(self._after, _SLICE, _SLICE)
        except sqlite3.Error as error:
            if self.ours and is_passing(error):  # nobody else would count what is in it
                raise
            raise UnreadableError from error

    def finish(self) -> None:
        with _damage_told():
            empty = self._store.is_empty()
        self._store.close()
        # One that was ours, and was taken from us, is somebody else's now.
        if not self.ours:
            if empty:
                self.claim.remove()
            else:
                self.claim.set_aside()

    def let_go(self) -> None:
        self._store.close()


class Wreck:
    """A file that is damaged: what its pages still have is moved."""

    def __init__(self, claim: Claim, logger: logging.Logger, known: Known | None = None) -> None:
        self.claim = claim
        self.ours = known is not None
        self._log = logger
        self._upto, self._others = known or _NOTHING
        self._pages: Pages | None = None
        self._rows: Iterator[Found | None] = iter(())
        self._found: list[Found] = []
        self._good = self._bad = 0

    def move(self, into: Store) -> Moved | None:
        try:
            self._found = self._found or self._next()
        except OSError:
            self.let_go()  # from the start again: what was moved is not moved twice
            raise
        if not self._found:
            return None
        moved = _insert(self._found, into)
        self._found = []
        return Moved() if self.ours else moved

    def _next(self) -> list[Found]:
        if self._pages is None:
            self._pages = Pages(self.claim.path)
            self._rows = carve(self._pages)
            self._good = self._bad = 0
        found: list[Found] = []
        size = 0
        for one in self._rows:
            if one is None or one.row is None:
                self._bad += 1
            elif one.id > self._upto and one.id not in self._others:
                self._good += 1
                size += one.row.amount.bytes
            else:
                continue
            if one is not None:
                found.append(one)
            if size >= _SLICE:
                break
        return found

    def finish(self) -> None:
        self.let_go()
        target = self.claim.set_aside()
        told = "the spool file %s is damaged: %d batches of it go on, %d cannot be read; kept as %s"
        self._log.error(told, self.claim.path, self._good, self._bad, target.name)

    def let_go(self) -> None:
        if self._pages is not None:
            self._pages.close()
            self._pages = None


@contextmanager
def _damage_told() -> Generator[None]:
    """Tell damage of a source from that of the file that its rows are moved into."""
    try:
        yield
    except sqlite3.Error as error:
        if is_passing(error):
            raise
        raise UnreadableError from error


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
