"""protoc, run in this process: from schema files to descriptors, or to problems at their places."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import IO

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from . import options
from .errors import Problem, SchemaError
from .sources import Sources, shown

# The package has no types.
_main: Callable[[list[str]], int] = import_module("grpc_tools.protoc").main
# What protoc writes to is the process's own, so one run at a time.
_running = threading.Lock()


def compile(sources: Sources) -> FileDescriptorSet:
    """The descriptors of the files and of all that they import, what is imported first.

    Comments and places are in them, and our options are read as extensions. Raises `SchemaError`.
    """
    with tempfile.TemporaryDirectory(prefix="raccoon-codegen-") as scratch:
        out = os.path.join(scratch, "schemas.pb")
        roots = {root: _plain(root, scratch) for root in sources.roots}
        arguments = ["--include_imports", "--include_source_info", f"-o{out}"]
        arguments += [f"-I={path}" for path in roots.values()]
        code, said = _run([*arguments, *sources.files])
        if code:
            for root, path in roots.items():
                said = said.replace(path, root)
            raise SchemaError(_problems(said, sources))
        with open(out, "rb") as file:
            return options.parse(file.read())


def _plain(root: str, scratch: str) -> str:
    """A path of the root that protoc does not take for a list of paths."""
    if os.pathsep not in root:
        return root
    link = os.path.join(tempfile.mkdtemp(dir=scratch), "root")
    os.symlink(root, link)
    return link


def _run(arguments: Sequence[str]) -> tuple[int, str]:
    with _running, tempfile.TemporaryFile() as file:
        with _stderr_to(file):
            code = _main(["protoc", *arguments])
        file.seek(0)
        return code, file.read().decode("utf-8", "replace")


@contextmanager
def _stderr_to(file: IO[bytes]) -> Generator[None, None, None]:
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # a service may have closed it
        saved = None
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        if saved is None:
            os.close(2)
        else:
            os.dup2(saved, 2)
            os.close(saved)


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


def _problems(text: str, sources: Sources) -> list[Problem]:
    """What protoc said, without what only follows from something else that it said."""
    said = [_said(line) for line in text.splitlines() if line and not _NOISE.match(line)]
    missing = {s.path for s in said if s.message == "File not found."}
    crippled = {s.path for s in said if _BAD_IMPORT.fullmatch(s.message)}
    problems: list[Problem] = []
    for s in said:
        imported = _BAD_IMPORT.fullmatch(s.message)
        if imported and imported[1] in missing:
            problems.append(_missing_import(s, imported[1], sources))
        elif not (
            imported
            or (s.path in missing and s.message == "File not found.")
            or (s.path in crippled and _UNKNOWN.match(s.message))
        ):
            where = _shown(s.path, sources)
            problems.append(Problem(where, s.line, s.column, s.message, _hint(s)))
    # Something is wrong even where we do not understand what it says of it.
    return problems or [Problem("", 0, 0, text.strip() or "protoc failed")]


def _said(line: str) -> _Said:
    if match := _PLACED.fullmatch(line):
        return _Said(match["path"], int(match["line"]), int(match["column"]), match["message"])
    if match := _UNPLACED.fullmatch(line):
        return _Said(match["path"], 0, 0, match["message"])
    return _Said("", 0, 0, line)


def _shown(path: str, sources: Sources) -> str:
    return shown(path) if os.path.isabs(path) else sources.shown(path) if path else ""


def _hint(said: _Said) -> str:
    if "is already defined in file" in said.message:
        return (
            "If that is the same file under another name, one import root lies within another: "
            "give the one from which files import each other."
        )
    if 'Option "(raccoon.' in said.message and "unknown" in said.message:
        return 'Add: import "raccoon/options.proto";'
    return ""


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
