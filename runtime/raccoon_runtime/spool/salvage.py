"""Takes over files that other processes left, damaged ones too, as far as they can be read."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ..errors import SpoolError
from .directory import Claim
from .row import Row
from .store import Store

_STEP = 500


def adopt(claim: Claim, into: Store, logger: logging.Logger) -> None:
    """Move an orphan's rows into a store of our own. What is damaged stays, under another name.

    Raises sqlite3.Error when our own disk does not do its part; it can be tried again.
    """
    try:
        orphan = Store(claim.path)
    except (sqlite3.DatabaseError, SpoolError) as error:
        _keep_damaged(claim, logger, str(error))
        return
    try:
        if _is_sound(orphan):
            _move(orphan, into)
            orphan.close()
            claim.release(remove=not claim.path.exists())
            return
        for row in _readable(orphan):
            into.insert(row)
    except sqlite3.OperationalError:
        orphan.close()
        raise
    orphan.close()
    _keep_damaged(claim, logger, "damaged; what could be read of it is delivered")


def _is_sound(store: Store) -> bool:
    try:
        return store.check()
    except sqlite3.DatabaseError:
        return False


def _move(orphan: Store, into: Store) -> None:
    after = 0
    while True:
        loaded = orphan.load(after, _STEP)
        if loaded.end is None:
            return
        # First here, then gone there: a crash in between leaves a row twice under one guid, which
        # is taken once.
        with into.transaction():
            for row in loaded.rows:
                into.insert(row)
        with orphan.transaction():
            orphan.delete(row.id for row in loaded.rows)
        after = loaded.end


def _readable(orphan: Store) -> Iterator[Row]:
    """Give the rows that can be found one by one, by their numbers."""
    for id in range(1, orphan.last_id() + 1):
        try:
            yield from orphan.load(id - 1, 1).rows
        except sqlite3.DatabaseError:
            continue


def _keep_damaged(claim: Claim, logger: logging.Logger, why: str) -> None:
    target: Path = claim.set_aside()
    logger.error("the spool file %s is %s; kept as %s", claim.path, why, target.name)
    claim.release(remove=True)
