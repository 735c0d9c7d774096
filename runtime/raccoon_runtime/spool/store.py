"""The spool's file: SQLite in WAL mode, each commit on the disk before it returns.

One connection, for one thread at a time. What cannot be read is set aside in a table of its own and
harms no other row.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Generator, Iterable
from pathlib import Path

from .. import process
from ..errors import SpoolError
from .reader import Reader
from .row import Found, Row

VERSION = 1
_SCHEMA = f"""
BEGIN;
CREATE TABLE batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    req_guid TEXT NOT NULL UNIQUE,
    sent_time INTEGER NOT NULL,
    wire TEXT NOT NULL,
    failed_since INTEGER NOT NULL,
    possible_duplicate INTEGER NOT NULL,
    events INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    frames BLOB NOT NULL
);
CREATE TABLE aside (
    req_guid TEXT, sent_time INTEGER, wire TEXT, events INTEGER, reason TEXT NOT NULL, frames BLOB
);
PRAGMA user_version={VERSION};
COMMIT;
"""
_INSERT = (
    "INSERT INTO batches (req_guid, sent_time, wire, failed_since, possible_duplicate, events,"
    " bytes, frames) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_SET_ASIDE = (
    "INSERT INTO aside SELECT req_guid, sent_time, wire, events, ?, frames FROM batches"
    " WHERE id = ?"
)
_NEW = ("page_size=4096", "auto_vacuum=INCREMENTAL")
_SETTINGS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "fullfsync=ON",  # macOS, where fsync alone leaves it to the disk's cache
    # The log stays small, in pages: a disk that is full has to hold it twice to be emptied.
    "wal_autocheckpoint=128",
    "journal_size_limit=1048576",
)
_SPARE = 4096
"""How many free pages a file keeps."""


def check_version(path: Path, version: int) -> None:
    """SpoolError when it is another one than ours."""
    if version not in (0, VERSION):
        raise SpoolError(f"{path} is of version {version}; this runtime reads {VERSION}")


class Store(Reader):
    """The rows of one file that is ours alone; it is made if it is not there.

    SpoolError when the file is another version's, or no spool.
    """

    def __init__(self, path: Path) -> None:
        # SQLite gives what it makes beside the file the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        super().__init__(path, sqlite3.connect(path, isolation_level=None, check_same_thread=False))
        process.leave_to_parent(self)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        version = self.version()
        check_version(self.path, version)
        for setting in _SETTINGS if version else _NEW + _SETTINGS:
            self._db.execute(f"PRAGMA {setting}").fetchall()
        if version == 0:
            self._db.executescript(_SCHEMA)
        # Or it cannot be written to: what SQLite could open for reading only can still BEGIN.
        with self.transaction():
            self.delete([-1])

    @contextlib.contextmanager
    def transaction(self) -> Generator[None]:
        """Commit what is done inside, on the disk, or none of it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def insert(self, row: Row) -> int | None:
        """Add a row and return its id; None when its guid is there already."""
        _, events, size = row.amount
        state = (row.failed_since, row.possible_duplicate)
        columns = (row.req_guid, row.sent_time, row.wire, *state, events, size, row.packed())
        done = self._db.execute(_INSERT, columns)
        return done.lastrowid if done.rowcount else None

    def id_of(self, req_guid: str) -> int:
        """Return the id of the row with this guid."""
        return int(self._one("SELECT id FROM batches WHERE req_guid = ?", req_guid)[0])

    def delete(self, ids: Iterable[int]) -> None:
        """Remove rows."""
        self._db.executemany("DELETE FROM batches WHERE id = ?", [(id,) for id in ids])

    def mark_failed(self, since: Iterable[tuple[int, int]]) -> None:
        """Note since when rows fail: (id, Unix nanoseconds)."""
        changes = [(nanos, id) for id, nanos in since]
        self._db.executemany("UPDATE batches SET failed_since = ? WHERE id = ?", changes)

    def load(self, after: int, events: int, size: int) -> list[Found]:
        """Return the next rows behind an id, in order, until they are so many events or bytes.

        Those that are damaged are set aside.
        """
        found: list[Found] = []
        with contextlib.closing(self.rows(after)) as rows:
            for one in rows:
                found.append(one)
                amount = one.counted if one.row is None else one.row.amount
                events -= amount.events
                size -= amount.bytes
                if events <= 0 or size <= 0:
                    break
        self._set_aside([one for one in found if one.row is None])
        return found

    def _set_aside(self, damaged: list[Found]) -> None:
        if damaged:
            with self.transaction():
                self._db.executemany(_SET_ASIDE, [(one.reason, one.id) for one in damaged])
                self.delete(one.id for one in damaged)

    def go_on_after(self, id: int) -> None:
        """Give only higher ids from now on."""
        self._db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('batches', ?)", (id,))

    def trim(self) -> None:
        """Give room that is free back to the disk, a little at a time, if it is much."""
        if self._one("PRAGMA freelist_count")[0] > _SPARE:
            # As a script: of a statement that gives no rows Python runs the first step only.
            self._db.executescript(f"PRAGMA incremental_vacuum({_SPARE // 8})")

    def shrink(self) -> None:
        """Move the log into the file, and empty it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
