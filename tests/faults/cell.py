"""Runs one row over one transport, from the server's start to the audit."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from . import journal
from .books import NO_GUID, Expected, Ledger, audit
from .matrix import Cell
from .run import Miss, Run, Skip
from .servers import Server
from .table import HOLD_MISS, Result

BOOKED = 0.0004  # MB that the books hold of an event


async def run_cell(
    cell: Cell, directory: Path, *, short: bool, sabotage: bool = False, minutes: float = 0.0
) -> Result:
    """Return what came of it; whatever goes wrong is a miss.

    With `sabotage` the ledger lies, which the audit has to notice.
    """
    row = cell.row
    result = Result(row.name, cell.transport)
    if Server.is_real and not row.real:
        result.skipped = "it needs the collector's faults, which a real server has not"
        return result
    began = time.monotonic()
    server = Server(directory, event_ack=row.event_ack, dedup=row.dedup)
    try:
        await server.start()
        async with Run(cell.transport, server, directory, short=short) as run:
            run.minutes = minutes
            await _carry_out(run, cell, result)
            await _close_books(run, cell, result, sabotage)
    except Skip as reason:
        result.skipped = str(reason)
    finally:
        await server.end()
        result.seconds = time.monotonic() - began
    return result


async def _carry_out(run: Run, cell: Cell, result: Result) -> None:
    """Let the row do its worst."""
    limit = cell.row.limit + 60 * run.minutes
    try:
        await asyncio.wait_for(cell.row.do(run), limit)
    except (asyncio.TimeoutError, TimeoutError):
        result.misses.append(f"it hung: not done after {limit:g} s")
    except Skip:
        raise
    except Miss as miss:
        result.misses.append(str(miss))
    except Exception:
        result.misses.append(traceback.format_exc())


async def _close_books(run: Run, cell: Cell, result: Result, sabotage: bool) -> None:
    try:
        await asyncio.wait_for(run.settle(), run.patience + 30)
    except (asyncio.TimeoutError, TimeoutError):
        result.misses.append("the client did not close")
    run.watch.look()
    await run.server.end()  # so that its ledger is complete
    ledger = await asyncio.to_thread(run.server.ledger)
    if run.journal.exists():
        run.books.append(journal.books(run.journal, ledger))
    if sabotage:
        ledger = _lying(ledger, run.expected)
    found = audit(run.books, ledger, run.expected)
    result.events, result.lost = found.events, found.lost
    result.flagged, result.unflagged = found.flagged, found.unflagged
    result.notes += run.notes
    result.misses += found.misses + _watched(run, cell, result)


def _watched(run: Run, cell: Cell, result: Result) -> Sequence[str]:
    watch = run.watch
    result.hold, result.memory = watch.hold, watch.growth
    latest = [one.last.latency.max for one in run.snapshots if one.last is not None]
    # Of a row that nothing heals, how long the slowest event took.
    result.recovery = watch.recovery or max(latest, default=0.0)
    result.snapshots = sum(one.taken for one in run.snapshots)
    misses = [problem for one in run.snapshots for problem in one.problems]
    if watch.hold > HOLD_MISS:
        misses.append(f"the event loop was held for {watch.hold * 1000:.0f} ms")
    # The books themselves grow with the events.
    ceiling = cell.row.ceiling + result.events * BOOKED
    if watch.growth > ceiling:
        misses.append(f"memory grew by {watch.growth:.0f} MB, of {ceiling:.0f} at most")
    if not run.books:
        misses.append("it kept no books")
    return misses


def _lying(ledger: Ledger, expected: Expected) -> Ledger:
    """Return the ledger without one of its events; with one too many where some may be missing."""
    told = dict(ledger)
    if told and not expected.loses:
        told.pop(next(iter(told)))
    else:
        told[-1] = [NO_GUID]
    return told
