"""What lies in the output directory, what is ours of it, and how it differs from what should be."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from .errors import OutputError
from .header import is_ours

STAGE = ".raccoon-codegen-"
"""How the directory starts in which new files wait for their place."""

_SHOWN = 10
_LOOK = 4096


@dataclass(frozen=True)
class Tree:
    """The output directory as it is; paths are below it, with slashes."""

    root: str
    """Absolute, links followed."""
    ours: Mapping[str, bytes]
    """Files that bear our mark, and an empty `py.typed`, with their content."""
    others: frozenset[str]
    """All else that is no directory, links to directories included."""
    directories: frozenset[str]


@dataclass(frozen=True)
class Change:
    """One file that is not what it should be."""

    path: str
    old: bytes | None
    """None when it is missing."""
    new: bytes | None
    """None when it should not be there any more."""

    def diff(self, directory: str) -> str:
        """The change as a unified diff; its head stands even where no line of text changes."""
        name = str(PurePosixPath(directory) / self.path)
        before = "/dev/null" if self.old is None else name
        after = "/dev/null" if self.new is None else name
        lines = difflib.unified_diff(_text(self.old), _text(self.new), before, after)
        return "".join(map(_ended, lines)) or f"--- {before}\n+++ {after}\n"


def scan(directory: str) -> Tree:
    """What is in the output directory, which need not exist."""
    found = _Scan(os.path.realpath(directory))
    try:
        found.walk("")
    except FileNotFoundError:
        pass
    except NotADirectoryError:
        way = (Path(directory), *Path(directory).parents)
        file = next((path for path in way if os.path.exists(path)), directory)
        raise OutputError(f"{file}: is a file, and the output is a directory") from None
    except OSError as error:
        raise OutputError(f"{error.filename}: {error.strerror}") from error
    return Tree(found.root, found.ours, frozenset(found.others), frozenset(found.directories))


def compare(tree: Tree, target: Mapping[str, str | None]) -> tuple[Change, ...]:
    """What has to change for `target`, in which None stands for a file that is known to be right.

    Raises `OutputError` when something that is not ours is in the way.
    """
    _check_way(tree, target)
    changes: list[Change] = []
    for path, text in target.items():
        old = tree.ours.get(path)
        if text is not None:
            new = text.encode()
            # A checkout may have made CRLF of our line ends.
            if old is None or (old != new and old.replace(b"\r\n", b"\n") != new):
                changes.append(Change(path, old, new))
    changes += [Change(path, old, None) for path, old in tree.ours.items() if path not in target]
    return tuple(sorted(changes, key=lambda change: change.path))


@dataclass
class _Scan:
    root: str
    ours: dict[str, bytes] = field(default_factory=dict[str, bytes])
    others: set[str] = field(default_factory=set[str])
    directories: set[str] = field(default_factory=set[str])

    def walk(self, below: str) -> None:
        with os.scandir(os.path.join(self.root, below)) as entries:
            found = list(entries)
        if below and any(entry.name in _STRANGE for entry in found):
            self.others.add(below.rstrip("/"))
            return
        for entry in found:
            path = below + entry.name
            if entry.is_dir(follow_symlinks=False):
                self.directories.add(path)
                if not entry.name.startswith(".") and entry.name != "__pycache__":
                    self.walk(f"{path}/")
                continue
            content = _content_if_ours(entry, path)
            if content is None:
                self.others.add(path)
            else:
                self.ours[path] = content


def _content_if_ours(entry: os.DirEntry[str], path: str) -> bytes | None:
    if not entry.is_file(follow_symlinks=False):
        return None
    if path == "py.typed":
        return b"" if entry.stat().st_size == 0 else None
    if not entry.name.endswith(".py"):
        return None
    with open(entry.path, "rb", buffering=0) as file:
        start = file.read(_LOOK)
        return start + file.readall() if is_ours(start) else None


_STRANGE = frozenset({"py.typed", "pyvenv.cfg"})
"""A directory with one of these is no part of our package: it is one, or an environment, itself."""


def _check_way(tree: Tree, target: Mapping[str, str | None]) -> None:
    blocked: dict[str, str] = {}
    for path in target:
        for step in (path, *_above(path)):
            if step in tree.others:
                blocked[step] = "was not made by raccoon-codegen and is in its way"
        if path in tree.directories:
            blocked[path] = "is a directory, and a file belongs there"
    if blocked:
        lines = [f"{os.path.join(tree.root, path)}: {why}" for path, why in sorted(blocked.items())]
        more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
        hint = "  Move it away, or choose another output directory with -o."
        raise OutputError("\n".join([*lines[:_SHOWN], *more, hint]))


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _text(content: bytes | None) -> list[str]:
    return (content or b"").decode("utf-8", "backslashreplace").splitlines(keepends=True)


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
