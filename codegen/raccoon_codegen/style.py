"""Code laid out as black would: on one line, else in brackets on one line, else an item a line.

Where that leaves a line too long that could be split further, black itself lays out that statement.
It is pinned, called with a fixed mode, and never reads anybody's configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

WIDTH = 88
INDENT = "    "

# What has no bracket and no operator stays on its line, however long that is.
_WHOLE = re.compile(r'(?:lambda: |\w+=)?(?:[\w.]+|"(?:[^"\\]|\\.)*")(?: as \w+)?')
_HEADS = ("class ", "def ", "from ", "@")


def width(line: str) -> int:
    """Columns on a display, where wide characters take two."""
    if line.isascii():
        return len(line)
    from black.strings import str_width

    return str_width(line)


def fits(line: str) -> bool:
    """Whether the line is not too long."""
    return width(line) <= WIDTH


def statement(line: str, indent: str) -> str:
    """A statement of one line."""
    return indent + line if fits(indent + line) else _blackened(indent + line, indent)


def bracketed(head: str, items: Sequence[str], tail: str, indent: str) -> str:
    """A call, a class or a def: `head` ends with a bracket, `tail` starts with the other."""
    joined = ", ".join(items)
    line = f"{indent}{head}{joined}{tail}"
    if fits(line):
        return line
    body = f"{indent}{INDENT}{joined}"
    if fits(body):
        lines = [indent + head, body, indent + tail]
    else:
        lines = [
            indent + head,
            *(f"{indent}{INDENT}{item}," for item in items),
            indent + tail,
        ]
    source = "\n".join(lines)
    if all(map(fits, lines)) or (head.startswith(_HEADS) and all(map(_WHOLE.fullmatch, items))):
        return source
    return _blackened(source, indent)


def entry(row: str, indent: str) -> str:
    """A row of a dict that has a row a line."""
    line = f"{indent}{row},"
    if fits(line):
        return line
    around = indent.removesuffix(INDENT)
    table = _blackened(f"{around}_ = {{\n{line}\n{around}}}", around)
    return "\n".join(table.split("\n")[1:-1])


def imported(module: str, names: Sequence[str], indent: str = "") -> str:
    """`from module import names`."""
    line = f"{indent}from {module} import {', '.join(names)}"
    if fits(line):
        return line
    body = "\n".join(f"{indent}{INDENT}{name}," for name in names)
    return f"{indent}from {module} import (\n{body}\n{indent})"


def packed(items: Iterable[str], separator: str, room: int) -> list[str]:
    """The items on as few lines as will hold them; one that is too long has its line to itself."""
    lines: list[str] = []
    line = ""
    for item in items:
        longer = f"{line}{separator}{item}" if line else item
        if line and width(longer) > room:
            lines.append(line)
            longer = item
        line = longer
    return [*lines, line]


def _blackened(source: str, indent: str) -> str:
    """What black makes of one statement, or of the head of one, where it stands."""
    from black import format_str
    from black.mode import Mode, TargetVersion

    depth = len(indent) // len(INDENT)
    around = [f"{INDENT * level}class _:" for level in range(depth)]
    below = f"\n{indent}{INDENT}pass" if source.endswith(":") else ""
    below = f"\n{indent}def _(): ..." if source.startswith(f"{indent}@") else below
    mode = Mode(target_versions={TargetVersion.PY310}, line_length=WIDTH)
    formatted = format_str("\n".join([*around, source + below]) + "\n", mode=mode)
    lines = formatted.rstrip("\n").split("\n")[depth:]
    return "\n".join(lines[:-1] if below else lines)
