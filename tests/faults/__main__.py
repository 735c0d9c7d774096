"""Runs the matrix: each cell in a process of its own, and the table at the end.

    python -m tests.faults [--short] [--only WORDS] [--jobs N] [--minutes N] [--sabotage]

Exit codes: 0 all is well, 1 a promise was broken. With --sabotage the ledgers lie, and it is the
other way round: every cell has to notice. RACCOON_BIN names a real server to run against.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.signals import hear_signals

from .cell import run_cell
from .matrix import Cell, cells
from .servers import REAL
from .table import Result, lines

PATIENT = 12
GRACE = 150.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line says, and return the exit code."""
    hear_signals()
    options = _parser().parse_args(arguments)
    chosen = cells(short=options.short, only=options.only)
    if options.cell is not None:
        return _one(chosen, options)
    results = asyncio.run(_all(chosen, options))
    print("\n".join(lines(results)))
    if options.sabotage:
        blind = [one for one in results if not one.misses and not one.skipped]
        for result in blind:
            print(f"BLIND {result.row} over {result.transport}: it noticed nothing")
        return bool(blind)
    return any(result.misses for result in results)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="faults", description="the fault matrix")
    made.add_argument("--short", action="store_true", help="the short form, for every change")
    made.add_argument("--only", default="", metavar="WORDS", help="rows whose name holds this")
    made.add_argument("--over", default="", metavar="TRANSPORT", help="over this one only")
    made.add_argument("--jobs", type=int, default=2, metavar="N", help="rows side by side")
    made.add_argument("--minutes", type=float, default=0, help="how long rows go on that can")
    made.add_argument("--sabotage", action="store_true", help="let the ledgers lie")
    made.add_argument("--cell", help=argparse.SUPPRESS)
    return made


def _one(chosen: Sequence[Cell], options: argparse.Namespace) -> int:
    """Run one cell in this process, and print its result as a line."""
    (cell,) = (cell for cell in chosen if str(cell) == options.cell)
    directory = Path(tempfile.mkdtemp(prefix="raccoon-faults-"))
    try:
        result = asyncio.run(
            run_cell(
                cell,
                directory,
                short=options.short,
                sabotage=options.sabotage,
                minutes=options.minutes,
            )
        )
        print(result.to_json(), flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


async def _all(chosen: Sequence[Cell], options: argparse.Namespace) -> list[Result]:
    # Of real servers one can run at a time: their profiler's port is fixed.
    alone = REAL in os.environ
    busy, patient = asyncio.Semaphore(1 if alone else options.jobs), asyncio.Semaphore(PATIENT)

    async def run(cell: Cell) -> Result:
        waits = cell.row.patient and not options.short and not alone
        async with patient if waits else busy:
            result = await _apart(cell, options)
        told = "skip" if result.skipped else "MISS" if result.misses else "ok"
        print(f"{cell} {told} {result.seconds:.1f} s", file=sys.stderr, flush=True)
        return result

    over = [cell for cell in chosen if options.over in ("", cell.transport)]
    return await asyncio.gather(*map(run, over))


async def _apart(cell: Cell, options: argparse.Namespace) -> Result:
    """Run a cell in a process of its own, so that nothing of another is in its memory."""
    command = [sys.executable, "-m", "tests.faults", "--cell", str(cell)]
    command += ["--minutes", str(options.minutes)]
    command += [f"--{name}" for name in ("short", "sabotage") if getattr(options, name)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(
            process.communicate(), cell.row.limit + 60 * options.minutes + GRACE
        )
    except (asyncio.TimeoutError, TimeoutError):
        process.kill()
        return Result(cell.row.name, cell.transport, misses=["its process hung, and was killed"])
    try:
        result = Result.from_json(out.decode().splitlines()[-1])
    except (IndexError, ValueError, TypeError):
        why = f"its process ended with {process.returncode}: {err.decode()[-2000:]}"
        return Result(cell.row.name, cell.transport, misses=[why])
    if err.strip():
        result.misses.append(f"it said on stderr: {err.decode()[-2500:]}")
    return result


if __name__ == "__main__":
    sys.exit(main())
