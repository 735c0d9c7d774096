"""The spool's directory: one file for each process that writes, each under a lock of its process.

A file whose lock is free has lost its process; whoever starts next takes it over.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .. import process
from ..errors import ConfigError

if sys.platform != "win32":
    import fcntl

SUFFIX = ".spool"
DAMAGED = ".damaged"
RESERVE = "-reserve"
_LOCK = ".lock"
_PARTS = ("", "-wal", "-shm")  # the file itself first: without it the others are of no use
_TRIES, _MOMENT = 100, 0.001

# A fork's child keeps away from its parent's, too: SQLite remembers locks on them that are not its
# own.
_claimed: set[str] = set()


class Claim:
    """A spool file that this process alone may use."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        _claimed.add(str(path))
        self._hold(lock)

    def _hold(self, lock: int) -> None:
        self._lock = lock
        process.close_in_child(lock)
        # For people; a full disk has no room for it, and needs none.
        with contextlib.suppress(OSError):
            os.truncate(lock, 0)
            os.write(lock, b"%d\n" % os.getpid())

    def is_ours(self, file: os.stat_result) -> bool:
        """Whether this file is where it was made, and nobody else's.

        A lock that somebody has removed is made again.
        """
        try:
            there = os.path.samestat(file, os.stat(self.path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return there and (_is_at(self._lock, _lock_path(self.path)) or self._lock_again())

    def _lock_again(self) -> bool:
        lock = _locked(_lock_path(self.path))
        if lock is None:
            return False
        process.close(self._lock)
        self._hold(lock)
        return True

    def release(self) -> None:
        """Give it up, and remove the lock when the file is gone."""
        with contextlib.suppress(OSError):
            if not self.path.exists():
                _lock_path(self.path).unlink()
        _claimed.discard(str(self.path))
        process.close(self._lock)

    def remove(self) -> None:
        """Remove the file and what belongs to it."""
        for suffix in (RESERVE, *_PARTS):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def set_aside(self) -> Path:
        """Rename a damaged file, and what belongs to it, so that nobody takes it for a spool."""
        Path(f"{self.path}{RESERVE}").unlink(missing_ok=True)
        for suffix in _PARTS:
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{self.path}{suffix}", f"{self.path}{DAMAGED}{suffix}")
        return Path(f"{self.path}{DAMAGED}")


class Directory:
    """A directory of spool files, made if it is not there; ConfigError when that cannot be."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if sys.platform == "win32":
            raise ConfigError("a spool needs POSIX file locks", argument="spool")
        self.path = Path(path).absolute()
        try:
            self._make()
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}", argument="spool") from error
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise ConfigError(f"{path}: cannot be written to", argument="spool")

    def _make(self) -> None:
        # Events tell of people, so nobody else is to read them.
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def new(self) -> Claim:
        """Return a new file, which is not made yet."""
        self._make()
        while True:
            claim = self.claim(self.path / f"{secrets.token_hex(8)}{SUFFIX}")
            if claim is not None:
                return claim

    def files(self) -> list[Path]:
        """Return the spool files, whoever uses them; those that rest the longest first."""
        return _oldest_first(self.path.glob(f"*{SUFFIX}"))

    def damaged(self) -> list[Path]:
        """Return the files that were set aside."""
        return _oldest_first(self.path.glob(f"*{SUFFIX}{DAMAGED}"))

    def claim_orphan(self, path: Path) -> Claim | None:
        """Lock a file whose process is gone; None when it is not, or when the file is."""
        claim = None if str(path) in _claimed else self.claim(path)
        if claim is None:
            return None
        there = False
        try:
            there = path.exists()
        finally:
            if not there:
                claim.release()
        return claim if there else None

    def sweep(self) -> None:
        """Remove what is left of files that are gone: their process was killed on the way out."""
        names = {path.name.split(SUFFIX)[0] for path in self.path.glob(f"*{SUFFIX}?*")}
        for name in names:
            path = self.path / f"{name}{SUFFIX}"
            # What cannot be removed is in nobody's way, and perhaps another user's.
            with contextlib.suppress(OSError):
                if not (path.exists() or Path(f"{path}{DAMAGED}").exists()):
                    self._sweep(path)

    def _sweep(self, path: Path) -> None:
        claim = self.claim(path)
        if claim is not None:
            try:
                if not path.exists():
                    claim.remove()
            finally:
                claim.release()

    def claim(self, path: Path) -> Claim | None:
        """Lock a file; None when another process has it. OSError when the lock cannot be made."""
        lock = _locked(_lock_path(path))
        return None if lock is None else Claim(path, lock)

    def owner(self, path: Path) -> str | None:
        """Return the process id of whoever uses a file, "?" if it is not told; None for nobody."""
        try:
            lock = os.open(_lock_path(path), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if _try(lock, fcntl.LOCK_SH):
                return None
            return os.read(lock, 20).decode(errors="replace").strip() or "?"
        finally:
            os.close(lock)


def _locked(path: Path) -> int | None:
    """Return the lock of that path; None when another process has it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    held = False
    try:
        # Who had it before may have removed it between the two calls.
        held = _lock(lock) and _is_at(lock, path)
    finally:
        if not held:
            os.close(lock)
    return lock if held else None


def _lock(lock: int) -> bool:
    """Lock it for us alone; whoever only looks whether it is locked is waited for."""
    for _ in range(_TRIES):
        if _try(lock, fcntl.LOCK_EX):
            return True
        if not _try(lock, fcntl.LOCK_SH):
            return False
        fcntl.flock(lock, fcntl.LOCK_UN)
        time.sleep(_MOMENT)
    return False


def _try(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + _LOCK)


def _oldest_first(found: Iterator[Path]) -> list[Path]:
    return sorted(filter(Path.is_file, found), key=lambda path: (_touched(path), path.name))


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
