"""A program in which one call of the system after the other fails, alone or with those behind it.

    python -m tests.spool.sweep DIRECTORY FIRST STRIDE

runs with the library of `badio.c`. Each time a client takes over what others left, has its file
removed under it, and closes; then another finds what is left.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import itertools
import logging
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from raccoon_runtime import ConfigError
from raccoon_runtime.collector import Collector
from raccoon_runtime.spool import spool
from raccoon_runtime.spool.store import Store

from generated import AsyncEventClient
from tests.spool.events import OPTIONS, event, stored
from tests.spool.rows import row

DIRECTORY = Path(sys.argv[1] if len(sys.argv) > 1 else "")
LEFT = {"a": range(4), "b": range(4, 8), "c": range(8, 12)}
FIRST, THEN = range(12, 16), range(16, 24)
LOGGED: list[str] = []


class Log(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        LOGGED.append(self.format(record))


def leave() -> None:
    """Make what three processes may have left; the head of one file is damaged."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir()
    for name, numbers in LEFT.items():
        path = DIRECTORY / f"{name}.spool"
        store = Store(path)
        with store.transaction():
            for number in numbers:
                store.insert(row([number]))
        store.close()
    with path.open("r+b") as file:
        file.write(bytes(100))


def connected(url: str) -> AsyncEventClient:
    """A client, as soon as there can be one."""
    while True:
        try:
            options = {**OPTIONS, "queue_events": 4, "batch_events": 2}
            return AsyncEventClient.connect(url, spool=DIRECTORY, **options)
        except ConfigError:
            continue


async def submit(client: AsyncEventClient, numbers: range) -> None:
    for number in numbers:
        await asyncio.wait_for(client.submit(event(number)), 20)


async def work(client: AsyncEventClient) -> None:
    """Send some, before and after the client's file is removed."""
    await submit(client, FIRST)
    await client.flush(20)
    file = client._delivery._spool._keeper._file
    if file is not None:
        # In another process, where no call fails.
        await asyncio.to_thread(subprocess.run, ["rm", "-f", str(file.claim.path)], check=True)
    await submit(client, THEN)
    await client.flush(20)
    stats = client.stats()
    assert stats.pending == stats.failed == 0, stats
    assert "raccoon-spool" in {thread.name for thread in threading.enumerate()}
    assert await client.close() == []


async def one_life(first: int, many: int, error: int) -> int:
    """Have so many calls fail in that way, from one on; return how many there were."""
    badio = ctypes.CDLL(None)
    LOGGED.clear()
    leave()
    async with Collector(event_ack=1) as collector:
        badio.badio_arm(ctypes.c_long(first), ctypes.c_long(many), error)
        await work(connected(collector.ws_url))
        calls = int(badio.badio_calls())
        badio.badio_arm(ctypes.c_long(0), ctypes.c_long(0), 0)
        # What could not be opened, or removed, is the next one's.
        async with connected(collector.ws_url) as client:
            await client.flush(20)
        assert stored(collector).keys() == set(range(THEN.stop))
    assert not any("Traceback" in line or "not end well" in line for line in LOGGED)
    return calls


def main() -> None:
    logger = logging.getLogger("raccoon_runtime.spool-test")
    logger.addHandler(Log())
    logger.setLevel(logging.INFO)
    logger.propagate = False
    OPTIONS["logger"] = logger
    spool._PATIENCE, spool._CALM, spool._COMPANY = 0.002, 0.002, 0.01
    for first in itertools.count(int(sys.argv[2]), int(sys.argv[3])):
        for many, error in ((1, errno.EIO), (40, errno.EIO), (1, errno.EACCES)):
            try:
                calls = asyncio.run(one_life(first, many, error))
            except BaseException:
                print(
                    f"{many} calls fail from {first} on: {os.strerror(error)}",
                    *LOGGED,
                    sep="\n  ",
                    flush=True,
                )
                raise
        if calls < first:
            break
    print(calls, "calls")


if __name__ == "__main__":
    main()
