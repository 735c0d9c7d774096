"""Comments and places of one file, by the path of a declaration in its descriptor."""

from __future__ import annotations

import re

from google.protobuf.descriptor_pb2 import FileDescriptorProto, SourceCodeInfo

Path = tuple[int, ...]
"""As `SourceCodeInfo` has it: (4, 0, 2, 1) is the second field of the first message."""

_SYNTAX, _PACKAGE, _EDITION = (12,), (2,), (14,)
_LICENCE = re.compile(
    r"copyright|licen[sc]ed? |SPDX-License|all rights reserved|@generated|clang-format",
    re.IGNORECASE,
)


class Comments:
    """The comment above each declaration of a file, and the one behind it on its line."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._raw: dict[Path, tuple[str, str]] = {}
        for location in file.source_code_info.location:
            leading, trailing = location.leading_comments, location.trailing_comments
            if leading or trailing:
                self._raw[tuple(location.path)] = leading, trailing

    def of(self, path: Path) -> str:
        """What is said of the declaration of that path; empty when nothing is."""
        raw = self._raw.get(path)
        if raw is None:
            return ""
        leading, trailing = raw
        if not trailing:
            return _clean(leading)
        return "\n\n".join(filter(None, (_clean(leading), _clean(trailing))))


def of_file(file: FileDescriptorProto) -> str:
    """What the file says of itself, above its `syntax` or its `package`; licences left out."""
    parts: list[str] = []
    for location in _heads(file):
        parts += map(_clean, location.leading_detached_comments)
        parts.append(_clean(location.leading_comments))
    return "\n\n".join(p for p in parts if p and not _LICENCE.search(p))


def _heads(file: FileDescriptorProto) -> list[SourceCodeInfo.Location]:
    heads: dict[Path, SourceCodeInfo.Location] = {}
    for location in file.source_code_info.location:
        path = tuple(location.path)
        if path in (_SYNTAX, _EDITION, _PACKAGE):
            heads[path] = location
        elif path and path[0] in (4, 5):
            break
    return [heads[path] for path in (_SYNTAX, _EDITION, _PACKAGE) if path in heads]


def _clean(text: str | bytes) -> str:
    # protobuf gives bytes where a comment is not UTF-8.
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    # Most comments are one line behind `//`.
    if text[:1] == " " and text.find("\n") == len(text) - 1:
        return text.strip()
    return _dedent(text)


def _dedent(text: str) -> str:
    """The text of a comment of many lines, without what `/**`, `///` and the margin leave in it."""
    lines = [line.rstrip() for line in text.replace("\r", "").split("\n")]
    lines[0] = lines[0].removeprefix("*")
    if all(line.startswith("/") for line in lines if line):
        lines = [line[1:] for line in lines]
    indents = [len(line) - len(line.lstrip()) for line in lines if line]
    margin = min(indents, default=0)
    lines = [lines[0].lstrip(), *(line[margin:] for line in lines[1:])]
    return "\n".join(lines).strip("\n")


class Places:
    """Where the declarations of a file are."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._places: dict[Path, tuple[int, int]] = {}
        for location in file.source_code_info.location:
            line, column = location.span[0] + 1, location.span[1] + 1
            self._places.setdefault(tuple(location.path), (line, column))

    def of(self, path: Path) -> tuple[int, int]:
        """Line and column, counted from 1, of the innermost declaration on the way to `path`."""
        ways = (path[:length] for length in range(len(path), -1, -1))
        return next((self._places[way] for way in ways if way in self._places), (0, 0))
