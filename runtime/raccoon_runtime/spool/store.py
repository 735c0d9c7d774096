"""The spool's file: SQLite in WAL mode, each commit on the disk before it returns.

One connection, for one thread. What cannot be read is set aside in a table of its own and harms no
other row.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import SpoolError
from ..wires import WIRES
from .row import Row, pack, unpack

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    req_guid TEXT NOT NULL UNIQUE,
    sent_time INTEGER NOT NULL,
    wire TEXT NOT NULL,
    failed_since INTEGER NOT NULL,
    possible_duplicate INTEGER NOT NULL,
    events INTEGER NOT NULL,
    size INTEGER NOT NULL,
    frames BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS aside (
    req_guid TEXT, reason TEXT NOT NULL, frames BLOB
);
"""
_VERSION = 1
_COLUMNS = "id, req_guid, sent_time, wire, failed_since, possible_duplicate, events, size, frames"
_INSERT = (
    "INSERT OR IGNORE INTO batches (req_guid, sent_time, wire, failed_since, possible_duplicate,"
    " events, size, frames) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
# In pages of 4 KiB: the log stays small, for a disk that is full has to hold it twice to be
# emptied.
_CHECKPOINT = 128
# How many rows are looked for in a file that does not tell any more how many it had.
_GUESS = 100_000


@dataclass(slots=True)
class Loaded:
    """Rows that were read. `end` is the last id that was looked at, None when there was none.

    `damaged` tells of those that cannot be read how many events and bytes they had.
    """

    end: int | None
    rows: list[Row] = field(default_factory=list[Row])
    damaged: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])


class Store:
    """The rows of one file. Methods raise sqlite3.Error when the disk does not do its part."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        run = self._db.execute
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=FULL")
        run(f"PRAGMA wal_autocheckpoint={_CHECKPOINT}")
        (version,) = run("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise SpoolError(f"{self.path}: version {version}; this runtime reads {_VERSION}")
        if version == 0:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={_VERSION}; COMMIT;")

    @contextmanager
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

    def insert(self, row: Row) -> int:
        """Add a row and return its id; 0 when its guid is there already."""
        done = self._db.execute(
            _INSERT,
            (
                row.req_guid,
                row.sent_time,
                row.wire,
                row.failed_since,
                row.possible_duplicate,
                len(row.frames),
                row.size,
                pack(row.frames),
            ),
        )
        return int(done.lastrowid or 0) if done.rowcount else 0

    def delete(self, ids: Iterable[int]) -> None:
        """Remove rows."""
        self._db.executemany("DELETE FROM batches WHERE id = ?", [(id,) for id in ids])

    def mark_failed(self, since: Iterable[tuple[int, int]]) -> None:
        """Note since when rows fail: (id, Unix nanoseconds)."""
        changes = [(nanos, id) for id, nanos in since]
        self._db.executemany("UPDATE batches SET failed_since = ? WHERE id = ?", changes)

    def load(self, after: int, limit: int) -> Loaded:
        """Return the next rows behind an id, in order; those that are damaged are set aside."""
        query = f"SELECT {_COLUMNS} FROM batches WHERE id > ? ORDER BY id LIMIT ?"
        found = self._db.execute(query, (after, limit)).fetchall()
        loaded = Loaded(end=found[-1][0] if found else None)
        for columns in found:
            try:
                loaded.rows.append(_row(columns))
            except SpoolError as error:
                loaded.damaged.append((columns[6], columns[7]))
                self.set_aside(columns[0], str(error))
        return loaded

    def set_aside(self, id: int, reason: str) -> None:
        """Move a row to where nobody looks for events."""
        with self.transaction():
            move = "INSERT INTO aside SELECT req_guid, ?, frames FROM batches WHERE id = ?"
            self._db.execute(move, (reason, id))
            self._db.execute("DELETE FROM batches WHERE id = ?", (id,))

    def totals(self) -> tuple[int, int, int]:
        """Return how many batches, events and bytes of events there are."""
        query = "SELECT COUNT(*), COALESCE(SUM(events), 0), COALESCE(SUM(size), 0) FROM batches"
        batches, events, size = self._db.execute(query).fetchone()
        return batches, events, size

    def aside(self) -> list[tuple[str, str]]:
        """Return what was set aside: guids and reasons."""
        return self._db.execute("SELECT req_guid, reason FROM aside").fetchall()

    def check(self) -> bool:
        """Whether SQLite finds nothing wrong with the file's structure."""
        return bool(self._db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))

    def last_id(self) -> int:
        """Return the highest id that was ever given, as far as that can be read."""
        try:
            query = "SELECT seq FROM sqlite_sequence WHERE name = 'batches'"
            found = self._db.execute(query).fetchone()
        except sqlite3.DatabaseError:
            return _GUESS
        return int(found[0]) if found else 0

    def shrink(self) -> None:
        """Move the log into the file, and empty it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def abandon(self) -> None:
        """Close the file, and leave it."""
        self._db.close()

    def close(self) -> bool:
        """Close the file; say whether nothing is left in it, and it was removed."""
        try:
            empty = self.totals()[0] == 0 and not self.aside()
        except sqlite3.Error:
            empty = False
        self._db.close()
        if empty:
            remove(self.path)
        return empty


def remove(path: Path) -> None:
    """Remove a store's files."""
    for suffix in ("-wal", "-shm", ""):
        try:
            os.remove(f"{path}{suffix}")
        except FileNotFoundError:
            continue


def _row(columns: Sequence[object]) -> Row:
    id, guid, sent_time, wire, failed_since, duplicate, _, _, blob = columns
    return Row(
        id=_int(id),
        req_guid=_text(guid),
        sent_time=_int(sent_time),
        wire=_known(_text(wire)),
        frames=unpack(_blob(blob)),
        failed_since=_int(failed_since),
        possible_duplicate=bool(duplicate),
    )


def _known(wire: str) -> str:
    if wire in WIRES:
        return wire
    raise SpoolError("a row of a wire that this runtime does not know")


def _int(value: object) -> int:
    if isinstance(value, int):
        return value
    raise SpoolError("a row with something else where a number belongs")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise SpoolError("a row with something else where text belongs")


def _blob(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    raise SpoolError("a row with something else where bytes belong")
