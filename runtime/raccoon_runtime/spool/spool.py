"""The spool's thread: it waits for work, and for the disk."""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable

from .. import process
from ..errors import SpoolError
from .directory import Directory
from .keeper import Keeper
from .queue import SpooledQueue
from .reader import is_passing

_PATIENCE = 1.0  # seconds between two tries when the disk does not do its part
_CALM = 5.0  # seconds without trouble after which it is said to be over
_COMPANY = 0.2  # seconds for which removals wait for events to be written along with them


class Spool:
    """Keeps a queue's batches on the disk, in a thread of its own."""

    def __init__(self, directory: Directory, queue: SpooledQueue, logger: logging.Logger) -> None:
        self._directory = directory
        self._queue = queue
        self._log = logger
        self._keeper = Keeper(directory, queue, logger)
        self._keeper.adopted = self._has_adopted
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._woken = self._nudged = self._ending = self._ended = self._adopted = False
        self._at_end: list[Callable[[], object]] = []
        self._when_adopted: list[Callable[[], object]] = []
        self._troubled = False
        self._told: set[bool] = set()
        """Which kinds of trouble were told of: whether it was the disk's."""
        self._calm_at = 0.0
        queue.wake, queue.nudge = self.wake, self.nudge

    # --- any thread -------------------------------------------------------------------

    def start(self) -> None:
        """Begin: take over what other processes left, then serve the queue."""
        with self._changed:
            if self._thread is None and not self._ending:
                made = threading.Thread(target=self._run, name="raccoon-spool", daemon=True)
                made.start()
                self._thread = made

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

    @property
    def has_adopted(self) -> bool:
        """Whether what others left is taken over, or never will be."""
        return self._adopted or self._ended

    def when_adopted(self, waker: Callable[[], object]) -> None:
        """Have this called when that is so; at once when it is."""
        with self._changed:
            if not self.has_adopted:
                self._when_adopted.append(waker)
                return
        waker()

    def end(self, then: Callable[[], object]) -> None:
        """Have it write what is left and close the file; `then` is called after that."""
        with self._changed:
            self._ending = True
            self._changed.notify()
            if self._thread is not None and not self._ended:
                self._at_end.append(then)
                return
        then()

    # --- its own thread ---------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException:  # a mistake of ours
            told = "the spool in %s writes and reads no more: what is on the disk stays there"
            self._log.exception(told, self._directory.path)
            self._desert()
        finally:
            self._close()

    def _desert(self) -> None:
        """Let nobody wait; the file is kept from others while the client sends what was in it."""
        self._has_adopted()
        if not self._ending:
            self._queue.desert()
        with self._changed:
            self._changed.wait_for(lambda: self._ending)

    def _close(self) -> None:
        try:
            with process.undivided():
                self._keeper.close()
        except Exception as error:
            told = "the spool in %s leaves a file to another process: %s"
            self._log.warning(told, self._directory.path, error, exc_info=_unforeseen(error))
        finally:
            self._has_ended()

    def _serve(self) -> None:
        while True:
            ending = self._ending
            if self._step(ending):
                continue
            if ending:
                return
            self._wait()

    def _wait(self) -> None:
        most = self._queue.lingering()
        if self._troubled:
            most = min(_CALM, _CALM if most is None else most)
        with self._changed:
            self._changed.wait_for(
                lambda: self._woken or self._nudged or self._ending,
                None if most == math.inf else most,
            )
            if self._nudged and not (self._woken or self._ending):
                self._changed.wait_for(lambda: self._woken or self._ending, _COMPANY)
            self._woken = self._nudged = False

    def _step(self, ending: bool) -> bool:
        """Do what there is to do; whether there is more."""
        try:
            with process.undivided():
                more = self._keeper.cycle(ending=ending)
        except Exception as error:
            self._trouble(error)
            return not ending
        if self._troubled and self._keeper.is_well and time.monotonic() >= self._calm_at:
            self._troubled = False
            self._told.clear()
            self._log.info("the spool in %s can be written again", self._directory.path)
        return more

    def _trouble(self, error: Exception) -> None:
        """Say it once; do what can be done against it, and wait before the next try."""
        again, self._troubled = self._troubled, True
        self._calm_at = time.monotonic() + _CALM
        if not is_passing(error) and self._renewed(error):
            if not again:
                return
        else:
            self._say(error)
            self._relieve()
        with self._changed:
            self._changed.wait_for(lambda: self._ending, _PATIENCE)

    def _say(self, error: Exception) -> None:
        unforeseen = _unforeseen(error)
        if (unforeseen is None) not in self._told:
            self._told.add(unforeseen is None)
            told = "the spool in %s cannot be written, so events wait: %s"
            self._log.error(told, self._directory.path, error, exc_info=unforeseen)

    def _relieve(self) -> None:
        try:
            with process.undivided():
                self._keeper.relieve()
        except Exception as error:
            self._say(error)

    def _renewed(self, error: Exception) -> bool:
        """Leave a damaged file for another; not when it is the disk that cannot read it."""
        try:
            with process.undivided():
                if not self._keeper.renew():
                    return False
        except Exception as failed:
            self._say(failed)
            return False
        told = "the spool's file in %s is no good any more, another takes its place: %s"
        why = error.reason if isinstance(error, SpoolError) else error
        self._log.error(told, self._directory.path, why)
        return True

    def _has_adopted(self) -> None:
        with self._changed:
            self._adopted = True
            wakers, self._when_adopted = self._when_adopted, []
        for wake in wakers:
            wake()

    def _has_ended(self) -> None:
        with self._changed:
            self._ended = True
            wakers = self._at_end + self._when_adopted
        for wake in wakers:
            wake()


def _unforeseen(error: Exception) -> Exception | None:
    """Return an error that is not the disk's, of which a traceback is wanted."""
    return None if isinstance(error, (sqlite3.Error, OSError, SpoolError)) else error
