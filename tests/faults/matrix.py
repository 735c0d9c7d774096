"""The rows: functions that `@row` marks, in the modules of `rows/`, found rather than listed."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from . import rows

if TYPE_CHECKING:
    from .run import Run

ALL = ("ws", "rest", "grpc")
WS, REST, GRPC = ("ws",), ("rest",), ("grpc",)

Do = Callable[["Run"], Awaitable[None]]


@dataclass(frozen=True)
class Row:
    """One row of the matrix.

    `real`: it needs no faults of the collector's, so that a real server can take its place;
    `quick`: its short form takes seconds, and `make test` runs it; `only_full`: it has no short
    form; `patient`: it mostly waits, so that others may run beside it; `ceiling`: by how many MB
    the memory may grow; `limit`: after how many seconds it hangs.
    """

    name: str
    do: Do
    on: tuple[str, ...]
    real: bool = False
    quick: bool = True
    only_full: bool = False
    patient: bool = False
    event_ack: int = 1
    dedup: bool = False
    ceiling: float = 50.0
    limit: float = 120.0


class Cell(NamedTuple):
    """A row over one transport."""

    row: Row
    transport: str

    def __str__(self) -> str:
        return f"{self.row.name}-{self.transport}"


_rows: dict[str, Row] = {}


def row(
    on: tuple[str, ...] = ALL,
    *,
    real: bool = False,
    quick: bool = True,
    only_full: bool = False,
    patient: bool = False,
    event_ack: int = 1,
    dedup: bool = False,
    ceiling: float = 50.0,
    limit: float = 120.0,
) -> Callable[[Do], Do]:
    """Make a row of a function; its name is the row's."""

    def add(do: Do) -> Do:
        name = do.__name__.replace("_", " ")
        if name in _rows:
            raise ValueError(f"two rows are called {name!r}")
        _rows[name] = Row(
            name, do, on, real, quick, only_full, patient, event_ack, dedup, ceiling, limit
        )
        return do

    return add


def cells(*, short: bool, only: str = "") -> list[Cell]:
    """Return every row over each of its transports; of the rows whose name holds `only`."""
    for module in pkgutil.iter_modules(rows.__path__):
        importlib.import_module(f"{rows.__name__}.{module.name}")
    chosen = [one for one in _rows.values() if only in one.name and not (short and one.only_full)]
    return [Cell(one, transport) for one in chosen for transport in one.on]
