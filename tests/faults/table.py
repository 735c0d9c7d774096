"""What a row came to, and the table of them all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

HOLD_AIM, HOLD_MISS = 0.050, 0.250
"""How long the event loop may be held, in seconds: as it should be, and at most."""


@dataclass
class Result:
    """One row over one transport. Times are in seconds, memory in MB."""

    row: str
    transport: str
    events: int = 0
    lost: int = 0
    flagged: int = 0
    unflagged: int = 0
    recovery: float = 0.0
    hold: float = 0.0
    memory: float = 0.0
    seconds: float = 0.0
    snapshots: int = 0
    notes: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)
    skipped: str = ""

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Result:
        """Return what `to_json` wrote."""
        return cls(**json.loads(line))


COLUMNS = (
    *("row", "over", "events", "lost", "dup flagged", "unflagged"),
    *("recovery s", "hold ms", "MB", "s", ""),
)


def lines(results: Sequence[Result]) -> list[str]:
    """Return the table, a line for each result, and below it what was missed, noted, skipped."""
    cells = [COLUMNS, *map(_cells, results)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(COLUMNS))]
    said = [_line(row, widths) for row in cells]
    for result in results:
        where = f"{result.row} over {result.transport}"
        said += [f"MISS  {where}: {miss}" for miss in result.misses]
        said += [f"note  {where}: {note}" for note in result.notes]
        if result.skipped:
            said.append(f"skip  {where}: {result.skipped}")
    return [*said, summary(results)]


def summary(results: Sequence[Result]) -> str:
    """Return the closing line, in a form that test runners' readers know."""
    failed = sum(bool(result.misses) for result in results)
    skipped = sum(bool(result.skipped) for result in results)
    return f"faults: {len(results) - failed - skipped} passed, {failed} failed, {skipped} skipped"


def _cells(result: Result) -> tuple[str, ...]:
    if result.skipped:
        return (result.row, result.transport, *["-"] * 8, "skipped")
    return (
        result.row,
        result.transport,
        str(result.events),
        str(result.lost),
        str(result.flagged),
        str(result.unflagged),
        f"{result.recovery:.2f}",
        f"{result.hold * 1000:.0f}" + ("!" if result.hold > HOLD_AIM else ""),
        f"{result.memory:.0f}",
        f"{result.seconds:.1f}",
        "MISS" if result.misses else "ok",
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    words = [
        cell.ljust(width) if index < 2 else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(words).rstrip()
