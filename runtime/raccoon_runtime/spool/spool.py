"""The spool's thread: writes what has gathered, reads what has its turn, and waits for the disk."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable

from ..errors import UndeliveredError
from .directory import Claim, Directory
from .queue import SpooledQueue, Work
from .reserve import Reserve
from .salvage import adopt
from .store import Store

_AT_ONCE = 64  # rows that are read in one go
_PATIENCE = 1.0  # seconds between two tries when the disk does not do its part
_COMPANY = 0.2  # seconds for which removals wait for events to be written along with them


def step(name: str) -> None:
    """Hear what comes next when something is written; a test may end the process there."""


class Spool:
    """Keeps a queue's batches on the disk, in a thread of its own."""

    def __init__(self, directory: Directory, queue: SpooledQueue, logger: logging.Logger) -> None:
        self._directory = directory
        self._queue = queue
        self._log = logger
        self._changed = threading.Condition()
        self._woken = self._nudged = self._ending = False
        self._then: Callable[[], object] = lambda: None
        self._thread: threading.Thread | None = None
        self._work = Work()
        self._troubled = False
        queue.wake, queue.nudge = self.wake, self.nudge

    # --- any thread -------------------------------------------------------------------

    def start(self) -> None:
        """Begin: take over what other processes left, then serve the queue."""
        with self._changed:
            if self._thread is None and not self._ending:
                made = threading.Thread(target=self._run, name="raccoon-spool", daemon=True)
                self._thread = made
                made.start()

    def wake(self) -> None:
        """Have it look for work now."""
        with self._changed:
            self._woken = True
            self._changed.notify()
        if self._thread is None:
            self.start()

    def nudge(self) -> None:
        """Have it look for work when it has waited a little for more."""
        if not self._nudged:
            with self._changed:
                self._nudged = True
                self._changed.notify()

    def end(self, then: Callable[[], object]) -> None:
        """Have it write what is left and close the file; `then` is called in its thread."""
        with self._changed:
            self._then = then
            self._ending = True
            self._changed.notify()
            began = self._thread is not None
        if not began:
            then()

    # --- its own thread ---------------------------------------------------------------

    def _run(self) -> None:
        try:
            if self._manage(self._open) and self._manage(self._adopt):
                while not self._ending:
                    self._wait()
                    self._manage(self._cycle)
                self._manage(self._cycle)
                self._close()
        except Exception:
            self._log.exception("the spool's thread ended; what it wrote stays on the disk")
        finally:
            if self._ending:
                self._then()

    def _wait(self) -> None:
        with self._changed:
            while not (self._woken or self._nudged or self._ending):
                self._changed.wait()
            if not (self._woken or self._ending):
                self._changed.wait_for(lambda: self._woken or self._ending, _COMPANY)
            self._woken = self._nudged = False

    def _manage(self, do: Callable[[], None]) -> bool:
        """Do it, again and again until the disk lets it be done; False when the end came first."""
        while True:
            try:
                do()
            except (sqlite3.OperationalError, OSError) as error:
                self._trouble(error)
            except sqlite3.DatabaseError as error:
                self._trouble(error)
                self._begin_anew()
            else:
                self._well()
                return True
            if self._ending:
                return False
            self._make_room()
            with self._changed:
                self._changed.wait_for(lambda: self._ending, _PATIENCE)

    def _trouble(self, error: Exception) -> None:
        if not self._troubled:
            self._troubled = True
            told = "the spool in %s cannot be written, so events wait: %s"
            self._log.error(told, self._directory.path, error)

    def _well(self) -> None:
        if self._troubled:
            self._troubled = False
            self._log.info("the spool in %s can be written again", self._directory.path)
            self._reserve.lay_by()

    def _open(self) -> None:
        claim = self._directory.new()
        try:
            self._store = Store(claim.path)
        except BaseException:
            claim.release(remove=True)
            raise
        self._claim: Claim = claim
        self._reserve = Reserve(claim.path)
        self._reserve.lay_by()

    def _adopt(self) -> None:
        for claim in self._directory.orphans():
            adopt(claim, self._store, self._log)
        batches, events, size = self._store.totals()
        if batches:
            self._log.info("%d events of earlier processes are in the spool", events)
            self._queue.adopted(batches, events, size, self._store.last_id())
            self._load()

    def _cycle(self) -> None:
        self._work.add(self._queue.to_write())
        if self._work:
            self._write(self._work)
            self._work = Work()
        self._load()

    def _write(self, work: Work) -> None:
        rows = self._queue.rows_of(work)
        step("begin")
        with self._store.transaction():
            step("insert")
            written = [(batch, self._store.insert(row)) for batch, row in rows]
            step("delete")
            self._store.mark_failed(work.failing)
            self._store.delete(work.gone)
            step("commit")
        step("written")
        self._queue.written(written, work.gone)

    def _load(self) -> None:
        after = self._queue.wants()
        if after is not None:
            loaded = self._store.load(after, _AT_ONCE)
            for events, size in loaded.damaged:
                self._queue.damaged(1, events, size)
            self._queue.loaded(loaded.rows, loaded.end)

    def _make_room(self) -> None:
        """Remove what has its outcome, with the help of the reserve: that may be all that fits."""
        self._reserve.give_up()
        gone = Work(gone=self._work.gone)
        with contextlib.suppress(sqlite3.Error, OSError):
            self._write(gone)
            self._work.gone = []
            self._store.shrink()

    def _begin_anew(self) -> None:
        """Leave a file that is damaged to whoever starts next, and keep what is in memory in
        another.
        """
        with contextlib.suppress(sqlite3.Error):
            self._store.abandon()
        self._claim.release(remove=False)
        lost = UndeliveredError("it lies in a spool file that cannot be read")
        self._work = Work(new=self._queue.without_disk(lost))
        self._manage(self._open)

    def _close(self) -> None:
        self._reserve.give_up()
        self._claim.release(remove=self._store.close())
