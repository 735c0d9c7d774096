"""What protoc says is wrong, as problems at their places: each once, with what helps."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from . import hints
from .errors import Problem
from .names import literal
from .sources import Sources, shown


@dataclass(frozen=True)
class _Said:
    """One line of protoc's."""

    path: str
    line: int
    column: int
    message: str


_PLACED = re.compile(r"(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<message>.+)")
_UNPLACED = re.compile(r"(?P<path>[^:]+\.\w+): (?P<message>.+)")
_NOISE = re.compile(r"WARNING: All log messages|[IWE]\d{4} |.*: warning: ")
_BAD_IMPORT = re.compile(r'Import "(.+)" was not found or had errors\.')
_UNKNOWN = re.compile(r'".+" is not defined\.|".+" seems to be defined in ')
_BYTE = re.compile(r"Interpreting non ascii codepoint (\d+)\.")
_CONTROL = "Invalid control characters encountered in text."


def problems(text: str, sources: Sources) -> list[Problem]:
    """What protoc said, without what only follows from something else that it said."""
    said = [_said(line) for line in text.splitlines() if line and not _NOISE.match(line)]
    missing = {s.path for s in said if s.message == "File not found."}
    crippled = {s.path for s in said if _BAD_IMPORT.fullmatch(s.message)}
    strange = {s.path for s in said if s.message == _CONTROL or _BYTE.fullmatch(s.message)}
    found = [p for path in sorted(strange) for p in _letters(path, said, sources)]
    told = {(p.file, p.line) for p in found}
    for s in said:
        where = _shown(s.path, sources)
        imported = _BAD_IMPORT.fullmatch(s.message)
        if imported and imported[1] in missing:
            found.append(_missing_import(s, imported[1], sources))
        elif not (
            imported
            or (s.path in missing and s.message == "File not found.")
            or (s.path in crippled and _UNKNOWN.match(s.message))
            or told.intersection([(where, 0), (where, s.line)])
        ):
            message, hint = hints.told(s.message, s.path, sources)
            found.append(Problem(where, s.line, s.column, message, hint))
    # Something is wrong even where we do not understand what it says of it.
    return found or [Problem("", 0, 0, text.strip() or "protoc failed")]


def _said(line: str) -> _Said:
    if match := _PLACED.fullmatch(line):
        return _Said(match["path"], int(match["line"]), int(match["column"]), match["message"])
    if match := _UNPLACED.fullmatch(line):
        return _Said(match["path"], 0, 0, match["message"])
    return _Said("", 0, 0, line)


def _shown(path: str, sources: Sources) -> str:
    return shown(path) if os.path.isabs(path) else sources.shown(path) if path else ""


def _letters(path: str, said: Sequence[_Said], sources: Sources) -> Iterator[Problem]:
    """What is no text, or no ASCII where that is needed: protoc complains byte by byte."""
    where = _shown(path, sources)
    if not _is_text(sources.read(path)):
        hint = "Save it as UTF-8, or leave it out if it is no schema."
        yield Problem(where, 0, 0, "is not text in UTF-8", hint)
        return
    bytes_said = [s for s in said if s.path == path and _BYTE.fullmatch(s.message)]
    for _, of_line in groupby(bytes_said, lambda s: s.line):
        first, *others = of_line
        run = [first, *(s for i, s in enumerate(others, 1) if s.column == first.column + i)]
        data = bytes(int(_BYTE.sub(r"\1", s.message)) for s in run)
        yield Problem(
            where,
            first.line,
            first.column,
            f"{literal(data.decode('utf-8', 'replace'))} is not ASCII",
            "Names are made of ASCII letters, digits and `_`; "
            "all else belongs into comments and strings.",
        )


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


_ELSEWHERE = {
    "google/api/": "googleapis-common-protos",
    "google/type/": "googleapis-common-protos",
    "google/rpc/": "googleapis-common-protos",
    "google/logging/": "googleapis-common-protos",
    "google/longrunning/": "googleapis-common-protos",
}
"""Imports that come with a Python package, in its site-packages."""


def _missing_import(said: _Said, name: str, sources: Sources) -> Problem:
    where = _shown(said.path, sources)
    path = said.path if os.path.isabs(said.path) else sources.locate(said.path)
    hint = f"Add the directory that it lies in: -I DIR, where DIR/{name} exists."
    if root := _root_above(path or "", name):
        hint = f"It is below {shown(root)}: add -I {shown(root)}"
    elif near := _same_tail(name, sources):
        hint = f'Did you mean "{near}"?'
    elif package := next((p for n, p in _ELSEWHERE.items() if name.startswith(n)), ""):
        hint += f"\nIt comes with the Python package {package}: -I its site-packages."
    return Problem(where, said.line, said.column, f'import "{name}" was not found', hint)


def _root_above(path: str, name: str) -> str | None:
    directory = os.path.dirname(path)
    while directory:
        if os.path.isfile(os.path.join(directory, name)):
            return directory
        above = os.path.dirname(directory)
        directory = above if above != directory else ""
    return None


def _same_tail(name: str, sources: Sources) -> str | None:
    """A file of ours whose last part is the import's."""
    last = name.rsplit("/", 1)[-1]
    near = [n for n in sources.files if n.rsplit("/", 1)[-1] == last]
    return near[0] if len(near) == 1 else None
