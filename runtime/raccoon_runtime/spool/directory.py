"""The spool's directory: one file for each process that writes, each under a lock of its process.

A file whose lock is free has lost its process; whoever starts next adopts it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from .. import process
from ..errors import ConfigError, SpoolError

try:
    import fcntl
except ImportError:  # pragma: no cover
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".spool"
_LOCK = ".lock"
_DAMAGED = ".damaged"


class Claim:
    """A spool file that this process alone may use."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        process.close_in_child(lock)

    def release(self, *, remove: bool) -> None:
        """Give it up; with `remove`, when the file itself is gone."""
        if remove:
            _lock_path(self.path).unlink(missing_ok=True)
        process.close(self._lock)

    def set_aside(self) -> Path:
        """Rename a damaged file, and what belongs to it, so that nobody takes it for a spool."""
        target = self.path.with_name(self.path.name + _DAMAGED)
        for suffix in ("-wal", "-shm", ""):
            source = Path(f"{self.path}{suffix}")
            if source.exists():
                source.rename(f"{target}{suffix}")
        return target


class Directory:
    """A directory of spool files. It is made if it is not there; ConfigError when that cannot be."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if fcntl is None:
            raise ConfigError("a spool needs POSIX file locks", argument="spool")
        self.path = Path(path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}", argument="spool") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise ConfigError(f"{path}: cannot be written to", argument="spool")

    def new(self) -> Claim:
        """Return a new file, which is not made yet."""
        while True:
            claim = self.claim(self.path / f"{secrets.token_hex(8)}{SUFFIX}")
            if claim is not None:
                return claim

    def files(self) -> list[Path]:
        """Return the spool files, whoever uses them, in the order in which they were made."""
        found = [path for path in self.path.glob(f"*{SUFFIX}") if path.is_file()]
        return sorted(found, key=lambda path: (_birth(path), path.name))

    def orphans(self) -> Iterator[Claim]:
        """Claim the files whose process is gone, one after the other."""
        for path in self.files():
            claim = self.claim(path)
            if claim is None:
                continue
            if path.exists():
                yield claim
            else:
                claim.release(remove=True)

    def claim(self, path: Path) -> Claim | None:
        """Lock a file; None when another process has it."""
        lock_path = _lock_path(path)
        try:
            lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SpoolError(f"{lock_path}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who had it before may have removed it between our two calls.
            if os.fstat(lock).st_ino == os.stat(lock_path).st_ino:
                return Claim(path, lock)
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
        return None


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + _LOCK)


def _birth(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
