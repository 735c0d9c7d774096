"""A program whose disk is full, or fails, and then gets well again.

    python -m tests.spool.trouble WAY DIRECTORY SCENARIO…

It ends with 0 when all was as it should be. The disk is made to fail by a limit on the size of
files (`limit`), by filling the file system of a megabyte at the directory (`tmpfs`), or by the
library of `badio.c` (`ENOSPC`, `EIO`, `EIO sync`, `EIO read`, `EACCES path`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from raccoon_runtime import SendTimeoutError, UndeliveredError
from raccoon_runtime.collector import Collector
from raccoon_runtime.spool import spool

from generated import AsyncEventClient, EventClient
from tests.spool.events import OPTIONS, event, nobody, stored
from tests.waiting import until

DIRECTORY = Path(sys.argv[2] if len(sys.argv) > 2 else "")
LOGGED: list[str] = []


class Log(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        LOGGED.append(record.getMessage())


class Disk:
    """What lets it fail, and get well."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._ballast = DIRECTORY / "ballast"

    def fail(self) -> None:
        if self._way == "limit":
            self.limit(32 << 10)
        elif self._way == "tmpfs":
            self._fill()
        else:
            Path(os.environ["BADIO_WHEN"]).write_text(self._way)

    def limit(self, most: int) -> None:
        """Let no file grow larger, if that is the way."""
        if self._way == "limit":
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    def _fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def recover(self) -> None:
        self.limit(resource.RLIM_INFINITY)
        if self._way == "tmpfs":
            self._ballast.unlink(missing_ok=True)
        elif self._way != "limit":
            Path(os.environ["BADIO_WHEN"]).unlink()


def client(url: str, **options: Any) -> AsyncEventClient:
    return AsyncEventClient.connect(url, spool=DIRECTORY, **{**OPTIONS, **options})


async def waits(disk: Disk) -> None:
    """While the disk is full events wait, before it and in callers; what is on it goes out."""
    async with Collector(event_ack=1) as collector:
        one = client(collector.ws_url, queue_events=50, batch_events=10)
        await one.send([event(number, 100) for number in range(100)])
        disk.fail()
        tasks = [asyncio.create_task(one.submit(event(n, 5000))) for n in range(100, 160)]
        await until(lambda: "events wait" in " ".join(LOGGED))
        # Some tries later nobody was told wrongly that an event is safe, and nothing was dropped.
        await asyncio.sleep(0.5)
        stats = one.stats()
        assert stats.failed == 0 and stats.spooled < stats.pending <= 50 + 10
        assert sum(task.done() for task in tasks) <= stats.delivered - 100 + stats.spooled
        assert LOGGED.count(LOGGED[0]) == 1
        disk.recover()
        futures = await asyncio.wait_for(asyncio.gather(*tasks), 20)
        for future in futures:
            await future.within(20)
        assert stored(collector) == Counter(range(160))
        await until(lambda: "can be written again" in LOGGED[-1])
        assert len(LOGGED) == 2
        assert await one.close() == []
    assert os.listdir(DIRECTORY) == []


async def starts(disk: Disk) -> None:
    """The disk is full from the start: events wait in memory until there is a file."""
    disk.fail()
    async with Collector(event_ack=1) as collector:
        one = client(collector.ws_url)
        task = asyncio.create_task(one.submit(event(1)))
        futures = [one.submit_nowait(event(number)) for number in range(2, 10)]
        await until(lambda: LOGGED)
        await asyncio.sleep(0.5)
        assert not task.done() and stored(collector) == Counter()
        disk.recover()
        for future in [await task, *futures]:
            await future.within(20)
        assert await one.close() == []


async def closes(disk: Disk) -> None:
    """What the disk does not take is given back at the end, and to who waits."""
    one = client(nobody())
    await one.submit(event(1, 100))
    disk.fail()
    task = asyncio.create_task(one.submit(event(2, 200_000)))
    await until(lambda: "events wait" in " ".join(LOGGED))
    began = time.monotonic()
    left = await one.close(0.2)
    assert time.monotonic() - began < 5
    assert [undelivered.event.data["n"] for undelivered in left] == [2]  # type: ignore[attr-defined] # ty: untyped
    try:
        await task
    except UndeliveredError:
        pass
    else:
        raise AssertionError("it was told that the event is safe")
    assert one.stats().spooled == one.stats().pending == 1
    disk.recover()
    async with Collector(event_ack=1) as collector:
        async with client(collector.ws_url) as next_one:
            await next_one.flush(20)
        assert stored(collector) == Counter([1])
    assert os.listdir(DIRECTORY) == []


async def threads(disk: Disk) -> None:
    """A thread waits for the disk as long as for room, and is told that the event goes on."""
    async with Collector(event_ack=1) as collector:
        one = EventClient.connect(collector.ws_url, spool=DIRECTORY, room_timeout=0.3, **OPTIONS)
        await asyncio.to_thread(one.submit, event(1, 100))
        disk.fail()
        try:
            await asyncio.to_thread(one.submit, event(2, 200_000))
        except SendTimeoutError as error:
            future: Any = error.future
        else:
            raise AssertionError("it was told that the event is safe")
        disk.recover()
        ack = await asyncio.to_thread(future.result, 20)
        assert ack.ok
        assert await asyncio.to_thread(one.close) == []
        assert stored(collector) == Counter([1, 2])


async def restarts(disk: Disk) -> None:
    """The spool itself has filled the disk; the next process empties it all the same."""
    disk.limit(1 << 20)
    accepted = 0
    one = client(nobody(), queue_events=100)
    try:
        while True:
            await asyncio.wait_for(one.submit(event(accepted, 5000)), 0.5)
            accepted += 1
    except asyncio.TimeoutError:
        left = await one.close(0)
    assert accepted > 50 and len(left) == 1
    async with Collector(event_ack=1) as collector:
        async with client(collector.ws_url) as next_one:
            await next_one.flush(20)
            stats = next_one.stats()
            assert stats.accepted == stats.delivered >= accepted
        assert stored(collector).keys() >= set(range(accepted))
        disk.recover()
    assert os.listdir(DIRECTORY) == []


async def reads(disk: Disk) -> None:
    """What cannot be read waits on the disk until it can."""
    async with Collector(event_ack=1) as collector:
        await collector.stop()
        one = client(collector.ws_url, queue_events=10, batch_events=1)
        for number in range(150):
            await one.submit(event(number, 30_000))
        disk.fail()
        await collector.start()
        await until(lambda: "events wait" in " ".join(LOGGED))
        await asyncio.sleep(0.5)
        stats = one.stats()
        assert stats.delivered + stats.pending == 150 and stats.pending > 0
        disk.recover()
        await one.flush(20)
        assert stored(collector).keys() == set(range(150))
        assert await one.close() == []


def main() -> None:
    logger = logging.getLogger("raccoon_runtime.spool-test")
    logger.addHandler(Log())
    logger.setLevel(logging.INFO)
    logger.propagate = False
    OPTIONS["logger"] = logger
    spool._PATIENCE, spool._CALM = 0.1, 0.3
    scenarios = {f.__name__: f for f in (waits, starts, closes, threads, restarts, reads)}
    for name in sys.argv[3:]:
        print(name, flush=True)
        LOGGED.clear()
        try:
            asyncio.run(scenarios[name](Disk(sys.argv[1])))
        finally:
            print(*LOGGED, sep="\n  ")


if __name__ == "__main__":
    main()
