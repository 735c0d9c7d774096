"""The quick rows of the matrix, each in its short form; `make faults` runs them all, in full."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cell import run_cell
from .matrix import Cell, cells
from .table import lines

QUICK = [cell for cell in cells(short=True) if cell.row.quick]


@pytest.mark.parametrize("cell", QUICK, ids=str)
async def test_row(cell: Cell, tmp_path: Path) -> None:
    result = await run_cell(cell, tmp_path, short=True)
    if result.skipped:
        pytest.skip(result.skipped)
    assert not result.misses, "\n".join(lines([result]))
    assert result.events > 0


async def test_a_ledger_that_lies_is_noticed(tmp_path: Path) -> None:
    (cell,) = (cell for cell in QUICK if str(cell) == "acks doubled-ws")
    result = await run_cell(cell, tmp_path, short=True, sabotage=True)
    assert result.lost == 1
    assert len(result.misses) == 1
