"""Reads a spool file, whoever writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from ..errors import SpoolError
from .row import Amount, Found, counted_as, found

_COUNTED = "events, bytes"
_COLUMNS = f"{_COUNTED}, id, req_guid, sent_time, wire, failed_since, possible_duplicate, frames"
# What passes by itself, or when somebody looks after the disk; all else is the file's own trouble.
_PASSING = (
    "disk I/O error",
    "database or disk is full",
    "database is locked",
    "unable to open database file",
    "locking protocol",
    "out of memory",
)


def is_passing(error: Exception) -> bool:
    """Whether the same may succeed later; or else the file is damaged."""
    if isinstance(error, sqlite3.OperationalError):
        return str(error).startswith(_PASSING)
    return type(error) is not sqlite3.DatabaseError and not isinstance(error, SpoolError)


class Aside(NamedTuple):
    """A row that was set aside: nothing in it can be trusted."""

    req_guid: object
    sent_time: object
    wire: object
    events: object
    reason: bytes
    frames: object


class Reader:
    """The rows of one file, for one thread at a time.

    Methods raise sqlite3.Error when the disk does not do its part, or the file is damaged.
    """

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db
        # All is read as bytes: text that is damaged is no text.
        self._db.text_factory = bytes

    @classmethod
    def open(cls, path: Path) -> Reader:
        """Return a reader of a file that changes nothing in it."""
        # With nothing in the log SQLite would make one, and nobody to remove it.
        how = "mode=ro" if Path(f"{path}-wal").exists() else "immutable=1"
        uri = f"file:{quote(str(path))}?{how}"
        return cls(path, sqlite3.connect(uri, uri=True, check_same_thread=False))

    def version(self) -> int:
        """Return the version of its layout; 0 for a file whose making was cut short."""
        return int(self._one("PRAGMA user_version")[0])

    def rows(self, after: int = 0) -> Generator[Found]:
        """Give the rows behind an id, in order."""
        query = f"SELECT {_COLUMNS} FROM batches WHERE id > ? ORDER BY id"
        cursor = self._db.execute(query, (after,))
        try:
            yield from starmap(found, cursor)
        finally:
            cursor.close()

    def totals(self) -> Amount:
        """Return how much there is."""
        # Not with SUM(): a number that is damaged may be too large for it.
        total = Amount()
        for columns in self._db.execute(f"SELECT {_COUNTED} FROM batches"):
            total = total.plus(counted_as(*columns))
        return total

    def oldest(self) -> int | None:
        """Return when the first batch was sealed, in Unix nanoseconds; None without one."""
        found = self._one("SELECT sent_time FROM batches ORDER BY id LIMIT 1")
        return found[0] if found is not None and isinstance(found[0], int) else None

    def aside(self) -> list[Aside]:
        """Return what was set aside."""
        query = "SELECT req_guid, sent_time, wire, events, reason, frames FROM aside"
        return [Aside(*columns) for columns in self._db.execute(query)]

    def last_id(self) -> int:
        """Return the highest id that was ever given."""
        found = self._one("SELECT MAX(seq) FROM sqlite_sequence WHERE name = 'batches'")
        return int(found[0] or 0)

    def is_empty(self) -> bool:
        """Whether there is nothing in it, and nothing was set aside."""
        query = "SELECT EXISTS (SELECT 1 FROM batches) OR EXISTS (SELECT 1 FROM aside)"
        return not self._one(query)[0]

    def is_sound(self) -> bool:
        """Whether SQLite finds nothing wrong with the file's structure."""
        try:
            return bool(self._one("PRAGMA quick_check(1)")[0] == b"ok")
        except sqlite3.Error as error:
            if is_passing(error):
                raise
            return False

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _one(self, query: str, *values: Any) -> Any:
        return self._db.execute(query, values).fetchone()
