"""Runs `sender` as a process of its own, and judges what became of its events."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from raccoon_runtime.collector import Collector

from generated import AsyncEventClient
from tests.spool.events import OPTIONS, stored

ROOT = Path(__file__).parents[2]


class Sender:
    """A running sender, and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: set[int] = set()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.endswith(b"\n"):
                self.said.add(int(line))

    async def kill(self) -> set[int]:
        """Kill it, wherever it is, and return what it said."""
        if self.process.returncode is None:
            self.process.kill()
        return await self.ended()

    async def ended(self) -> set[int]:
        """Wait for its end, and return what it said."""
        await self._reader
        await self.process.wait()
        return self.said

    def let_close(self) -> None:
        """Let it close its client and end."""
        assert self.process.stdin is not None
        self.process.stdin.close()


@asynccontextmanager
async def sender(
    url: str, directory: Path, first: int, count: int, *more: str, **options: Any
) -> AsyncIterator[Sender]:
    """A sender, which is killed at the end of the block if it still runs."""
    arguments = [url, str(directory), str(first), str(count), *more]
    command = [sys.executable, "-m", "tests.spool.sender", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--options",
        json.dumps(options),
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    made = Sender(process)
    try:
        yield made
    finally:
        await made.kill()


async def recover(url: str, directory: Path) -> None:
    """Deliver what a directory holds: all of it is flagged, and the books are exact."""
    client = AsyncEventClient.connect(url, spool=directory, **OPTIONS)
    await client.flush(30)
    stats = client.stats()
    assert (stats.pending, stats.failed, stats.spooled) == (0, 0, 0)
    assert stats.accepted == stats.delivered == stats.possible_duplicates
    assert await client.close() == []


def judge(collector: Collector, accepted: set[int]) -> None:
    """Nothing that was accepted is lost; only another process, which flags all that it finds, sends
    it a second time, and then in the same request.
    """
    assert accepted <= stored(collector).keys()
    by: Counter[tuple[int, str]] = Counter()
    guids: dict[int, set[str]] = {}
    for one in collector.stored:
        number = json.loads(one.event_bytes)["n"]
        by[number, one.identity] += 1
        guids.setdefault(number, set()).add(one.req_guid)
    assert set(by.values()) <= {1}
    assert all(len(some) == 1 for some in guids.values())


def until_said(sender: Sender, count: int) -> Callable[[], bool]:
    """Whether it has said so many, or ended."""
    return lambda: len(sender.said) >= count or sender.process.returncode is not None
