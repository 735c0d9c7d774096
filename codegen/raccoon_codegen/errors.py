"""What the generator tells its user when it cannot go on.

RaccoonCodegenError      exit code 2
├── UsageError           an option, a setting or a path that makes no sense
├── SchemaError          one or more problems in the schemas, each at its place
└── OutputError          the output cannot be written, or what is not ours is in its way
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class RaccoonCodegenError(Exception):
    """The root of all errors of this package; `str()` of it is what the user reads."""

    exit_code = 2


class UsageError(RaccoonCodegenError):
    """An option, a setting or a path that makes no sense."""


class OutputError(RaccoonCodegenError):
    """The output cannot be written, or what is not ours is in its way; it is as it was."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; `str()` gives `file:line:col: message` and the hint below it."""

    file: str
    """As the user would open it; empty when no file is at fault."""
    line: int
    """Counted from 1; 0 when the whole file is meant."""
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = self.file
        if place and self.line:
            place += f":{self.line}:{self.column}"
        lines = [f"{place}: {self.message}" if place else self.message]
        lines += [f"  {line}" if line else "" for line in self.hint.splitlines()]
        return "\n".join(lines)


class SchemaError(RaccoonCodegenError):
    """The schemas cannot be generated from; `.problems` says why, sorted by place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        ordered = sorted(set(problems), key=lambda p: (p.file, p.line, p.column, p.message))
        self.problems: tuple[Problem, ...] = tuple(ordered)
        super().__init__("\n".join(map(str, self.problems)))
