"""Forks, servers that fork, and every way in which a process ends: real programs."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import math
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from raccoon_runtime import UndeliveredError
from raccoon_runtime.collector import Delay

from ...ports import own_port
from .. import journal
from ..books import Expected
from ..matrix import row
from ..run import Miss, Run, Skip

PROGRAM = "tests.faults.programs."


async def start(run: Run, *command: str, **environment: str) -> Process:
    """Start a Python program whose journal is the run's."""
    quiet = ["-W", "ignore::DeprecationWarning"]  # 3.12 says it at each fork of a thread's process
    env = {**os.environ, **environment, "JOURNAL": str(run.journal)}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, *quiet, "-m", *command), stdout=PIPE, stderr=PIPE, env=env
    )


async def ended(process: Process, within: float) -> tuple[str, str]:
    """Return what a program said once it has ended; a miss when it hangs."""
    try:
        out, err = await asyncio.wait_for(process.communicate(), within)
    except (asyncio.TimeoutError, TimeoutError):
        process.kill()
        raise Miss(f"a program hung: not done after {within:g} s") from None
    return out.decode(), err.decode()


@row(real=True)
async def fork_under_load(run: Run) -> None:
    url, children = run.server.url(run.transport), str(run.either(4, 20))
    program = await start(run, f"{PROGRAM}forking", url, str(run.journal), children)
    out, err = await ended(program, 60)
    if program.returncode:
        raise Miss(f"it ended with {program.returncode}: {out} {err[-2000:]}")


@row(real=True, quick=False)
async def gunicorn_with_preload(run: Run) -> None:
    _need("gunicorn")
    port = own_port()
    command = ["gunicorn", "--preload", "--workers", "3", "--bind", f"127.0.0.1:{port}"]
    application = f"{PROGRAM}preloaded:application"
    async with _server(run, *command, application, FIRST="0"):
        url = f"http://127.0.0.1:{port}/"
        async with aiohttp.ClientSession() as session:
            await _answers(session, f"{url}1")
            workers: set[str] = set()
            for number in range(2, run.either(40, 400)):
                # A connection each, so that all workers have their turn.
                async with session.get(f"{url}{number}", headers={"Connection": "close"}) as found:
                    if found.status != 200:
                        raise Miss(f"a worker answered {found.status}")
                    workers.add(await found.text())
    run.notes.append(f"{len(workers)} workers delivered")


@row(real=True, quick=False)
async def Celery_prefork(run: Run) -> None:
    _need("celery")
    count = run.either(20, 200)
    broker = str(run.directory / "broker")
    told = {"BROKER": broker, "FIRST": "0"}
    command = ["celery", "-A", f"{PROGRAM}tasks", "worker", "-P", "prefork", "-c", "2"]
    async with _server(run, *command, "--without-mingle", "--without-gossip", **told):
        queue = f"from {PROGRAM}tasks import deliver\nfor n in range(1, {count}): deliver.delay(n)"
        asked = {**os.environ, **told, "JOURNAL": str(run.journal), "FIRST": ""}
        asked["RACCOON_URL"] = run.server.url(run.transport)
        caller = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", queue), env=asked, stderr=PIPE
        )
        _, err = await caller.communicate()
        if caller.returncode:
            raise Miss(f"nothing could be queued: {err.decode()[-1000:]}")
        await run.until(lambda: _accepted(run.journal) >= count, "all tasks done", 60)


WAYS = {
    "return": 0,
    "exit": 3,
    "exception": 1,
    "signal": -signal.SIGTERM,
    "interrupt": -signal.SIGINT,
    "async-return": 0,
    "async-block": 0,
    "async-exception": 1,
    "async-signal": -signal.SIGTERM,
    "closed-loop": 0,
}


@row(quick=False)
async def every_exit_path(run: Run) -> None:
    """With answers under way: what is accepted is delivered, or spoken of."""
    await run.server.add(Delay(0.3))
    await _leave(run, 30)
    # Without a close, an asynchronous client has no loop left to deliver in.
    unable = {1000 * n for n, way in enumerate(WAYS) if way in ("async-return", "closed-loop")}
    left = {n for books in run.books for n in books.handed_back if n // 1000 * 1000 not in unable}
    if left:
        raise Miss(f"{len(left)} events were not delivered, though the server was there")


@row(real=True, quick=False, limit=60)
async def every_exit_path_with_the_server_away(run: Run) -> None:
    """It ends within the budget all the same, and says what was not delivered."""
    await run.server.stop()
    await _leave(run, 30)


async def _leave(run: Run, budget: float) -> None:
    run.expected = Expected(hands_back=True)
    ways = enumerate(WAYS.items())
    told = await asyncio.gather(*(_leave_by(run, n, *way, budget) for n, way in ways))
    ledger = await asyncio.to_thread(run.server.ledger)
    for written, err in told:
        numbers = [one["accepted"] for one in journal.entries(written) if "accepted" in one]
        books = journal.books(written, {n: ledger[n] for n in numbers if n in ledger})
        missing = [number for number, outcome in books.outcomes.items() if outcome is None]
        if len(missing) <= _spoken_of(err):
            lost = UndeliveredError(persisted="possibly")
            books.outcomes.update(dict.fromkeys(missing, lost))
            books.handed_back.update(missing)
        run.books.append(books)
    reported = sum(len(books.handed_back) for books in run.books)
    run.notes.append(f"{reported} events reported, not delivered")


async def _leave_by(run: Run, index: int, how: str, code: int, budget: float) -> tuple[Path, str]:
    url, written = run.server.url(run.transport), run.directory / f"{how}.jsonl"
    program = await start(run, f"{PROGRAM}exiting", how, url, str(written), str(1000 * index))
    _, err = await ended(program, budget)
    # Of KeyboardInterrupt some versions make the exit code 1.
    if program.returncode != code and (how, program.returncode) != ("interrupt", 1):
        raise Miss(f"{how}: it ended with {program.returncode}, not {code}: {err[-1500:]}")
    return written, err


def _spoken_of(err: str) -> float:
    """How many events the log says were not acknowledged; no number stands for all."""
    if "closing with events that were not acknowledged" in err:
        return math.inf
    said = re.findall(r"before (\d+) events? w|(\d+) events? not delivered when", err)
    return sum(int(one or other) for one, other in said)


def _accepted(path: Path) -> int:
    return sum("accepted" in entry for entry in journal.entries(path))


def _need(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise Skip(f"{module} is not installed")


@asynccontextmanager
async def _server(run: Run, *command: str, **environment: str) -> AsyncIterator[None]:
    """Run a server until the block ends, and then end it by SIGTERM."""
    url = run.server.url(run.transport)
    program = await start(run, *command, RACCOON_URL=url, **environment)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            program.send_signal(signal.SIGTERM)
        _, err = await ended(program, 30)
        if program.returncode:
            run.notes.append(f"{command[0]} ended with {program.returncode}: {err[-300:]}")


async def _answers(session: aiohttp.ClientSession, url: str) -> Any:
    for _ in range(500):
        try:
            async with session.get(url) as found:
                return found.status
        except aiohttp.ClientError:
            await asyncio.sleep(0.02)  # it says only in its log that it listens
    raise Miss(f"nothing answers at {url}")
