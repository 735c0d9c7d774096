"""Rows to fill spool files with."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from raccoon_runtime.envelope import frame_proto
from raccoon_runtime.spool.row import Row
from raccoon_runtime.spool.store import Store


def frame(number: int, size: int = 0) -> bytes:
    """An event with this number, as it travels."""
    pad = f', "pad": "{"x" * size}"' if size else ""
    return frame_proto("numbered", f'{{"n": {number}{pad}}}'.encode())


def row(numbers: Iterable[int], size: int = 0) -> Row:
    """A batch of these events."""
    return Row(
        req_guid=os.urandom(16).hex(),
        sent_time=time.time_ns(),
        wire="PROTO",
        frames=[frame(number, size) for number in numbers],
    )


def fill(path: Path, batches: int, events: int = 10, size: int = 0) -> list[Row]:
    """Make a spool file with so many batches of so many events each, numbered from 0 on."""
    path.parent.mkdir(exist_ok=True)
    rows = [row(range(n * events, (n + 1) * events), size) for n in range(batches)]
    store = Store(path)
    with store.transaction():
        for one in rows:
            store.insert(one)
    store.close()
    return rows


def crashed(path: Path, batches: int, events: int = 10, size: int = 0, version: int = 0) -> None:
    """The same as a crash leaves it: each batch in a transaction of its own, the last ones in the
    log alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / path.name
        store = Store(made)
        for n in range(batches):
            with store.transaction():
                store.insert(row(range(n * events, (n + 1) * events), size))
        if version:
            with closing(sqlite3.connect(made)) as db:
                db.execute(f"PRAGMA user_version={version}")
        path.parent.mkdir(exist_ok=True)
        for suffix in ("", "-wal", "-shm"):
            shutil.copy(f"{made}{suffix}", f"{path}{suffix}")
        store.close()
