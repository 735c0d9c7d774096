"""A program that is killed: it submits numbered events and says which it was told are safe.

    python -m tests.spool.sender URL DIRECTORY FIRST COUNT [--sync] [--die STEP:NTH] [--close]

Each line that it prints is the number of an event whose `submit` has returned. At the end it waits
until its input ends, or with `--close` closes the client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from typing import Any

from raccoon_runtime.spool import keeper

from generated import AsyncEventClient, EventClient
from tests.spool.events import OPTIONS, event


def die_at(step: str, nth: int) -> None:
    """Have this process killed when it comes to that step for the n-th time."""
    left = nth

    def hear(name: str) -> None:
        nonlocal left
        left -= name == step
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    keeper.step = hear


def say(number: int) -> None:
    os.write(1, b"%d\n" % number)


async def send(options: argparse.Namespace, more: dict[str, Any]) -> None:
    async with AsyncEventClient.connect(options.url, spool=options.directory, **more) as client:
        numbers = iter(range(options.first, options.first + options.count))

        async def some() -> None:
            for number in numbers:
                await client.submit(event(number, options.size))
                say(number)

        await asyncio.gather(*(some() for _ in range(options.callers)))
        if options.close:
            await client.flush(30)
        else:
            await asyncio.to_thread(sys.stdin.read)


def send_sync(options: argparse.Namespace, more: dict[str, Any]) -> None:
    with EventClient.connect(options.url, spool=options.directory, **more) as client:
        numbers = iter(range(options.first, options.first + options.count))
        lock = threading.Lock()

        def some() -> None:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                client.submit(event(number, options.size))
                say(number)

        threads = [threading.Thread(target=some) for _ in range(options.callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if options.close:
            client.flush(30)
        else:
            sys.stdin.read()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("directory")
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--sync", action="store_true")
    parser.add_argument("--close", action="store_true")
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--die")
    parser.add_argument("--options", type=json.loads, default={})
    options = parser.parse_args()
    if options.die:
        step, _, nth = options.die.partition(":")
        die_at(step, int(nth))
    more = {**OPTIONS, **options.options}
    if options.sync:
        send_sync(options, more)
    else:
        asyncio.run(send(options, more))


if __name__ == "__main__":
    main()
