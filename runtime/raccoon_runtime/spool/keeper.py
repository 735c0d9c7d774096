"""What is done on the disk, a step at a time: a file is opened, written to, read, and left."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import sys
from collections.abc import Callable

from ..errors import SpoolError
from .directory import Directory
from .file import SpoolFile
from .kept import KeptQueue
from .row import Amount
from .salvage import Adoption, find_sound
from .store import Store
from .work import Work

_LITTLE = 1, 32  # batches that are written at once, and rows that are removed, in trouble


def step(name: str) -> None:
    """Hear what comes next when something is written; a test may end the process there."""


class Keeper:
    """Keeps a queue's batches in a file. For one thread.

    When the disk does not do its part, sqlite3.Error or OSError comes out of it; nothing is lost by
    that, and all can be tried again. `adopted` is called when what other processes left was taken
    over.
    """

    def __init__(self, directory: Directory, queue: KeptQueue, logger: logging.Logger) -> None:
        self._directory = directory
        self._queue = queue
        self._log = logger
        self._file: SpoolFile | None = None
        self._work = Work()
        self._new = self._others = sys.maxsize
        self._adoption: Adoption | None = None
        self._found = 0
        self.adopted: Callable[[], object] = lambda: None

    @property
    def is_well(self) -> bool:
        """Whether all that waited in trouble has been written."""
        return self._new == sys.maxsize

    # --- steps ----------------------------------------------------------------------------

    def cycle(self, *, ending: bool = False) -> bool:
        """Write what has gathered, and read what has its turn; whether there is more to do.

        At the end nothing is read any more.
        """
        if ending and not self._has_work():
            return False
        file = self._file or self._open()
        if not file.is_ours:
            raise SpoolError("it was removed, or another process has taken it")
        lack = file.reserve.lay_by()
        self._work.add(self._queue.to_write(new=lack is None and not self._work.new))
        self._write(file.store, self._work.part(0 if lack else self._new, self._others))
        more = not ending and self._read(file.store)
        if not self._has_work():
            self._new = self._others = sys.maxsize
        elif lack is not None:
            raise lack
        return more or self._has_work()

    def relieve(self) -> None:
        """Do, on a disk that is full or fails, what can be done on it all the same.

        What has its outcome is removed, with the help of the reserve, and what has its turn is
        read. From now on little is written at once: that may fit where much does not.
        """
        self._new, self._others = _LITTLE
        file = self._file
        if file is None:
            return
        file.reserve.give_up()
        self._work.add(self._queue.to_write(new=False))
        for attempt in (self._remove, self._load, self._adopt, Store.shrink):
            with contextlib.suppress(sqlite3.Error, OSError):
                attempt(file.store)
        self._drop(file)

    def _remove(self, store: Store) -> None:
        while some := self._work.part(0, self._others):
            self._write(store, some)

    def _drop(self, file: SpoolFile) -> None:
        """Remove the file rather than its rows, when none is wanted any more."""
        with contextlib.suppress(sqlite3.Error, OSError):
            if not file.store.aside() and not self._queue.counts().spooled:
                file.drop()
                self._file = None
                self._work.gone.clear()
                self._work.failing.clear()
                self._queue.forget_gone()

    def renew(self) -> bool:
        """Leave a file that is damaged for another, and save from it what can be read.

        False when there is none to be left; OSError when it cannot be read now.
        """
        file = self._file
        if file is None:
            return False
        source = file.given_up(self._queue.known, self._log)
        self._file = None
        # What was not out yet has no row there.
        fresh = [batch for batch in self._work.new if not batch.out]
        self._work = Work(new=self._queue.renew() + fresh)
        self._adoption = self._adoption or Adoption(self._directory, (), self._log)
        self._adoption.add(source)
        return True

    def close(self) -> None:
        """Close the file, and remove it when it is empty; OSError when that cannot be."""
        if self._adoption is not None:
            self._adoption.close()
        file, self._file = self._file, None
        if file is not None:
            file.close()

    # --- the file ---------------------------------------------------------------------------

    def _open(self) -> SpoolFile:
        first = self._adoption is None and not self._queue.last
        found = None
        if first:
            self._directory.sweep()
            found = find_sound(self._directory)
        file = SpoolFile(*found) if found else SpoolFile.new(self._directory)
        try:
            if not first:
                file.store.go_on_after(self._queue.last)
            amount, last = file.store.totals(), file.store.last_id()
            others = self._directory.files() if first else []
        except BaseException:
            file.close()
            raise
        self._file = file
        if first:
            self._adoption = Adoption(self._directory, others, self._log)
            self._take_over(amount, last, recovered=last)
        return file

    # --- writing ----------------------------------------------------------------------------

    def _write(self, store: Store, some: Work) -> None:
        if not some:
            return
        rows, replaced = self._queue.rows_of(some)
        gone = some.gone + replaced
        step("begin")
        with store.transaction():
            step("insert")
            ids = [store.insert(row) or store.id_of(row.req_guid) for _, row in rows]
            step("delete")
            store.mark_failed(some.failing)
            store.delete(gone)
            step("commit")
        step("written")
        self._work.subtract(some)
        self._queue.written([(batch, id) for (batch, _), id in zip(rows, ids, strict=True)], gone)

    def _has_work(self) -> bool:
        return bool(self._work) or self._queue.has_work()

    # --- reading ----------------------------------------------------------------------------

    def _read(self, store: Store) -> bool:
        more = self._load(store)
        more |= self._adopt(store)
        store.trim()
        return more

    def _load(self, store: Store) -> bool:
        wanted = self._queue.wants()
        if wanted is None:
            return False
        found = store.load(*wanted)
        missing = self._queue.loaded(found)
        if missing > 0:
            told = "%d events are missing in the spool in %s"
            self._log.error(told, missing, self._directory.path)
        self._report(sum(one.row is None for one in found))
        return bool(found)

    def _adopt(self, store: Store) -> bool:
        # Until all is written again, a file that failed may be the only one to have it.
        if self._adoption is None or (self._adoption.seeks_ours and self._work):
            return False
        moved = self._adoption.step(store)
        if moved is None:
            self._adoption = None
            if self._found:
                told = "%d events of earlier processes are in the spool in %s"
                self._log.info(told, self._found, self._directory.path)
            self.adopted()
            return False
        self._take_over(moved.amount, store.last_id())
        if not self._adoption.seeks_ours:
            self._queue.end_search()
        if moved.damaged.batches:
            self._queue.found_damaged(moved.damaged)
            self._report(moved.damaged.batches)
        return True

    def _take_over(self, amount: Amount, last: int, *, recovered: int = 0) -> None:
        self._queue.adopted(amount, last, recovered=recovered)
        self._found += amount.events

    def _report(self, damaged: int) -> None:
        if damaged:
            told = "%d batches in the spool in %s are damaged, and were set aside"
            self._log.error(told, damaged, self._directory.path)
