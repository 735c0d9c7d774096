"""What is done on the disk, a step at a time: a file is opened, written to, read, and left."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
from collections.abc import Callable

from ..errors import SpoolError
from .directory import Claim, Directory
from .kept import KeptQueue
from .reserve import Reserve
from .row import Amount
from .salvage import Adoption, find_sound
from .sources import Wreck
from .store import Store
from .work import Work


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
        self._file: _File | None = None
        self._work = Work()
        self._careful = False
        self._adoption: Adoption | None = None
        self._found = 0
        self.adopted: Callable[[], object] = lambda: None

    # --- steps ----------------------------------------------------------------------------

    def cycle(self, *, ending: bool = False) -> bool:
        """Write what has gathered, and read what has its turn; whether there is more to do.

        At the end nothing is read any more.
        """
        if ending and not self._has_work():
            return False
        file = self._file or self._open()
        file.check()
        room = file.reserve.lay_by()
        self._work.add(self._queue.to_write(new=room and not self._work.new))
        if room:
            self._write(file.store, self._work)
        else:
            self._write_gone(file.store)
        more = not ending and self._read(file.store)
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return more or self._has_work()

    def relieve(self) -> None:
        """Remove what has its outcome, with the help of the reserve: that may be all that fits."""
        self._careful = True
        if self._file is not None:
            self._file.reserve.give_up()
            with contextlib.suppress(sqlite3.Error, OSError):
                self._work.add(self._queue.to_write(new=False))
                self._write_gone(self._file.store)
                self._load(self._file.store)
                self._file.store.shrink()

    def renew(self) -> None:
        """Leave a file that is damaged for another, and save from it what can be read."""
        file, self._file = self._file, None
        if file is None:
            return
        again, upto, others = self._queue.renew()
        # What was not out yet has no row there.
        self._work = Work(new=again + [batch for batch in self._work.new if not batch.out])
        file.reserve.give_up()
        self._adoption = self._adoption or Adoption(self._directory, (), self._log)
        self._adoption.add(Wreck(file.claim, file.store, self._log, (upto, others)))

    def close(self) -> None:
        """Close the file, and remove it when it is empty."""
        if self._adoption is not None:
            self._adoption.close()
        file, self._file = self._file, None
        if file is not None:
            file.close()

    # --- the file ---------------------------------------------------------------------------

    def _open(self) -> _File:
        first = self._adoption is None and not self._queue.last
        found = None
        if first:
            self._directory.sweep()
            found = find_sound(self._directory)
        file = _File(*found) if found else _made(self._directory)
        try:
            if not first:
                file.store.go_on_after(self._queue.last)
            amount, last = file.store.totals(), file.store.last_id()
        except BaseException:
            file.close()
            raise
        self._file = file
        if first:
            self._adoption = Adoption(self._directory, self._directory.files(), self._log)
            self._take_over(amount, last, recovered=last)
        return file

    # --- writing ----------------------------------------------------------------------------

    def _write(self, store: Store, work: Work) -> None:
        if not work:
            return
        # On a disk that has been full a little may fit where much does not.
        some = Work(work.new[:1] if self._careful else work.new, work.gone, work.failing)
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
        self._work = Work(new=work.new[len(some.new) :])
        self._careful = self._careful and bool(self._work)
        self._queue.written([(batch, id) for (batch, _), id in zip(rows, ids, strict=True)], gone)

    def _write_gone(self, store: Store) -> None:
        new, self._work.new = self._work.new, []
        try:
            self._write(store, self._work)
        finally:
            self._work.new = new

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
        if found:
            self._queue.loaded(found)
            self._report(sum(one.row is None for one in found))
            return True
        if self._adoption is None or not self._adoption.seeks_ours:
            self._report_missing(self._queue.give_up_rest())
        return False

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

    def _report_missing(self, events: int) -> None:
        if events:
            told = "%d events are missing in the spool in %s"
            self._log.error(told, events, self._directory.path)


class _File:
    """The file that is ours."""

    def __init__(self, claim: Claim, store: Store) -> None:
        self.claim = claim
        self.store = store
        self.reserve = Reserve(claim.path)
        self._stat = os.stat(claim.path)

    def check(self) -> None:
        """SpoolError when somebody has removed it, or its lock."""
        if not self.claim.is_ours(self._stat):
            raise SpoolError(f"{self.claim.path} was removed, or its lock")

    def close(self) -> None:
        try:
            empty = self.store.is_empty()
        except sqlite3.Error:
            empty = False
        self.store.close()
        if empty:
            self.claim.remove()
        self.claim.release()


def _made(directory: Directory) -> _File:
    claim = directory.new()
    try:
        return _File(claim, Store(claim.path))
    except BaseException:
        claim.remove()
        claim.release()
        raise
