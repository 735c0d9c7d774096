"""Ends with events pending, in one of many ways.

    exiting.py HOW URL JOURNAL FIRST

What it says on stderr is the client's log, and the traceback of the way out if there is one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time

from raccoon_runtime.client import AsyncClient
from raccoon_runtime.sync import SyncClient

from tests.faults.events import RAW, event
from tests.faults.journal import Journal

COUNT = 50
FIRST = int(sys.argv[4])


def sync(how: str, url: str, journal: Journal) -> None:
    """Leave with a synchronous client open."""
    client = SyncClient.connect(url, serializer=RAW)
    journal.follow(client)
    if how == "signal":
        client.close_on_signals()
    for number in range(FIRST, FIRST + COUNT):
        client.submit(event(number))
        journal.accepted(number)
    if how == "exit":
        sys.exit(3)
    if how == "exception":
        raise RuntimeError("on purpose")
    if how in ("signal", "interrupt"):
        os.kill(os.getpid(), signal.SIGTERM if how == "signal" else signal.SIGINT)
        time.sleep(60)


async def asynchronous(how: str, url: str, journal: Journal) -> None:
    """Leave with an asynchronous client open, or by its block."""
    client = AsyncClient.connect(url, serializer=RAW)
    if how == "async-signal":
        client.close_on_signals()
    for number in range(FIRST, FIRST + COUNT):
        (await client.submit(event(number))).add_done_callback(
            lambda future: future.exception() or journal.ack(future.result())
        )
        journal.accepted(number)
    if how == "async-exception":
        async with client:
            raise RuntimeError("on purpose")
    if how == "async-signal":
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)
    if how == "async-block":
        async with client:
            return


def closed_loop(url: str, journal: Journal) -> None:
    """Close the loop under the client, as `asyncio.run` does not."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(asynchronous("async-return", url, journal))
    loop.close()


if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(message)s")
    how, url, written = sys.argv[1:4]
    if how == "closed-loop":
        closed_loop(url, Journal(written))
    elif how.startswith("async"):
        asyncio.run(asynchronous(how, url, Journal(written)))
    else:
        sync(how, url, Journal(written))
