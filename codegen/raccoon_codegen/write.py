"""Puts changes into the output directory, all of them or none."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress

from .errors import OutputError
from .interrupts import held
from .output import STAGE, Change

_FORGOTTEN = 3600.0
"""Seconds after which a stage is no running process's any more."""


def write(root: str, changes: Sequence[Change]) -> None:
    """Make the changes below `root`, an absolute path. After an `OutputError` all is as it was."""
    try:
        _write(root, changes)
    except OSError as error:
        # A move names two places, of which one is in the stage.
        named = (str(name) for name in (error.filename2, error.filename) if name)
        where = next((name for name in named if STAGE not in name), root)
        why = f"{where}: {error.strerror or error}"
        raise OutputError(f"{why}; the output is as it was") from error


def _write(root: str, changes: Sequence[Change]) -> None:
    with held() as check:
        swap = _Swap(root, check)
        try:
            if os.path.lexists(root) or not _create(swap, root, changes):
                _exchange(swap, root, changes)
        except BaseException:
            swap.remove_made_directories()
            raise
        _remove_empty(root, (change.path for change in changes if change.new is None))


def _create(swap: _Swap, root: str, changes: Sequence[Change]) -> bool:
    """Put a whole directory into place at once; whether nobody else did so meanwhile."""
    parent = os.path.dirname(root)
    swap.make_directory(parent)
    with suppress(PermissionError):  # it may be one that cannot be listed
        _sweep(parent)
    with _stage(parent) as stage:
        tree = os.path.join(stage, "new")
        made: set[str] = set()
        for change in changes:
            swap.check()
            path = os.path.join(tree, change.path)
            directory = os.path.dirname(path)
            if directory not in made:
                os.makedirs(directory, exist_ok=True)
                made.add(directory)
            _put(path, change.new or b"")
        try:
            os.rename(tree, root)
        except OSError:
            if os.path.isdir(root):
                return False
            raise
        try:
            swap.check()
        except KeyboardInterrupt:
            os.rename(root, tree)
            raise
    return True


def _exchange(swap: _Swap, root: str, changes: Sequence[Change]) -> None:
    swap.make_directory(root)
    _sweep(root)
    with _stage(root) as stage:
        swap.run(stage, changes)


@contextmanager
def _stage(parent: str) -> Generator[str, None, None]:
    stage = tempfile.mkdtemp(prefix=STAGE, dir=parent)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _put(path: str, content: bytes) -> None:
    with open(path, "xb") as file:
        file.write(content)


class _Swap:
    """Moves files into place, and back when one of them cannot be moved or the run is ended."""

    def __init__(self, root: str, check: Callable[[], None]) -> None:
        self._root = root
        self.check = check
        self._undo: list[Callable[[], object]] = []
        self._made: list[str] = []

    def run(self, stage: str, changes: Sequence[Change]) -> None:
        # All content is on the disk before the first file is touched.
        new = os.path.join(stage, "new")
        old = os.path.join(stage, "old")
        for i, change in enumerate(changes):
            self.check()
            if change.new is not None:
                _put(f"{new}{i}", change.new)
        try:
            # What goes away goes first: on some disks Order.py and order.py are one file.
            for i, change in enumerate(changes):
                if change.new is None:
                    self._remove(change.path, f"{old}{i}")
                    self.check()
            for i, change in enumerate(changes):
                if change.new is not None:
                    self._place(change, f"{new}{i}", f"{old}{i}")
                    self.check()
        except BaseException:
            for step in reversed(self._undo):
                with suppress(OSError):
                    step()
            raise

    def make_directory(self, path: str) -> None:
        missing: list[str] = []
        while not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for path in reversed(missing):
            with suppress(FileExistsError):
                os.mkdir(path)
                self._made.append(path)

    def remove_made_directories(self) -> None:
        for path in reversed(self._made):
            with suppress(OSError):
                os.rmdir(path)

    def _remove(self, path: str, backup: str) -> None:
        target = os.path.join(self._root, path)
        # Another run at the same time may have done it.
        with suppress(FileNotFoundError):
            os.replace(target, backup)
            self._undo.append(lambda: os.replace(backup, target))

    def _place(self, change: Change, staged: str, backup: str) -> None:
        target = os.path.join(self._root, change.path)
        self.make_directory(os.path.dirname(target))
        if change.old is None:
            os.replace(staged, target)
            self._undo.append(lambda: os.remove(target))
            return
        _keep(target, backup)
        shutil.copymode(target, staged)
        os.replace(staged, target)
        self._undo.append(lambda: os.replace(backup, target))


def _keep(path: str, backup: str) -> None:
    """A second name for the file, or a copy where the disk knows no second names."""
    try:
        os.link(path, backup)
    except OSError:
        shutil.copy2(path, backup)


def _sweep(root: str) -> None:
    """Remove the stages of runs that were killed."""
    with os.scandir(root) as entries:
        for stage in (entry for entry in entries if entry.name.startswith(STAGE)):
            with suppress(FileNotFoundError):  # another run is through with it
                if time.time() - stage.stat().st_mtime > _FORGOTTEN:
                    shutil.rmtree(stage.path, ignore_errors=True)


def _remove_empty(root: str, removed: Iterable[str]) -> None:
    """Remove the directories in which nothing is left, but for what Python compiled."""
    for path in sorted({os.path.dirname(p) for p in removed}, reverse=True):
        while path:
            directory = os.path.join(root, path)
            with suppress(OSError):
                if os.listdir(directory) == ["__pycache__"]:
                    shutil.rmtree(os.path.join(directory, "__pycache__"))
                os.rmdir(directory)
            path = os.path.dirname(path)
