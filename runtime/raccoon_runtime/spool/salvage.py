"""Takes over files that other processes left, a little at a time; damaged ones as far as they can
be read.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from ..errors import SpoolError
from .directory import Claim, Directory
from .file import read_through
from .pages import Pages
from .reader import is_passing
from .reserve import Reserve
from .sources import Moved, Orphan, Source, UnreadableError, Wreck
from .store import Store, check_version

_LEFT = "the spool file %s is left alone: %s"


class Adoption:
    """Moves the rows of those of these files that nobody uses, step by step."""

    def __init__(self, directory: Directory, paths: Iterable[Path], logger: logging.Logger) -> None:
        self._directory = directory
        self._log = logger
        self._paths = deque(paths)
        self._sources: deque[Source] = deque()

    @property
    def seeks_ours(self) -> bool:
        """Whether something of our own is to be found still, in a file that failed."""
        return any(source.ours for source in self._sources)

    def add(self, source: Source) -> None:
        """Move this one's rows first."""
        self._sources.appendleft(source)

    def step(self, into: Store) -> Moved | None:
        """Move some rows, or open the next file; None when nothing is left.

        Raises sqlite3.Error or OSError when the disk does not do its part; then it can be tried
        again.
        """
        if not self._sources:
            return Moved() if self._open_next() else None
        source = self._sources[0]
        try:
            moved = source.move(into)
            if moved is None:
                self._finish(source)
        except UnreadableError:
            self._sources.popleft()
            source.let_go()
            self._open_wreck(source.claim)
            return Moved()
        return moved or Moved()

    def _finish(self, source: Source) -> None:
        try:
            source.finish()
        except OSError as error:
            self._log.error(_LEFT, source.claim.path, error)
        self._sources.popleft()
        source.claim.release()

    def close(self) -> None:
        """Leave what is left to others."""
        for source in self._sources:
            source.let_go()
            source.claim.release()
        self._sources.clear()
        self._paths.clear()

    def _open_next(self) -> bool:
        if not self._paths:
            return False
        path = self._paths[0]
        try:
            claim = self._directory.claim_orphan(path)
            if claim is not None:
                self._open(claim)
        except PermissionError as error:
            self._log.warning(_LEFT, path, error.strerror)
        self._paths.popleft()
        return True

    def _open(self, claim: Claim) -> None:
        try:
            store = sound_store(claim.path)
        except (SpoolError, sqlite3.Error, OSError) as error:
            self._leave(claim, error)
            return
        if store is None:
            self._open_wreck(claim)
        else:
            self._sources.append(Orphan(claim, store))

    def _open_wreck(self, claim: Claim) -> None:
        try:
            read_through(claim.path)
        except OSError as error:
            self._leave(claim, error)
        else:
            self._sources.appendleft(Wreck(claim, self._log))

    def _leave(self, claim: Claim, error: Exception) -> None:
        told = error.reason if isinstance(error, SpoolError) else str(error)
        self._log.error(_LEFT, claim.path, told)
        claim.release()


def sound_store(path: Path) -> Store | None:
    """Open a file whose rows can be read and removed; None when it is damaged.

    SpoolError when it is another version's; sqlite3.Error or OSError when the disk does not do its
    part.
    """
    # Before SQLite, which would cut the log off where it is damaged.
    with contextlib.closing(Pages(path)) as pages:
        if pages.log_is_damaged:
            check_version(path, pages.version)
            return None
    try:
        store = Store(path)
    except sqlite3.Error as error:
        if is_passing(error):
            raise
        return None
    try:
        sound = store.is_sound()
    except BaseException:
        store.close()
        raise
    if not sound:
        store.close()
    return store if sound else None


def find_sound(directory: Directory) -> tuple[Claim, Store] | None:
    """Claim and open an orphan that can be gone on with; None when there is none.

    So what it holds need not be moved, for which a disk that is full has no room.
    """
    for path in directory.files():
        try:
            claim = directory.claim_orphan(path)
        except PermissionError:
            continue
        if claim is None:
            continue
        # It may be all the room there is to open the file.
        Reserve(path).give_up()
        with contextlib.suppress(SpoolError, sqlite3.Error, OSError):
            store = sound_store(path)
            if store is not None:
                return claim, store
        claim.release()
    return None
