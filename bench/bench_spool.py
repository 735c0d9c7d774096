"""A client with a spool beside the same client without one, against a server in its own process.

The rate is that of lists of 100 events, sent by several callers and acknowledged. Then the time
that one `submit` takes, by one caller.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from peers import packages
from server import running

AT_ONCE = 64  # callers
BATCH = 100
EVENTS = 32_000
ALONE = 1_000


async def rate(client: Any, make: Callable[[], Any]) -> float:
    """Acknowledged events a second."""

    async def caller() -> None:
        for _ in range(EVENTS // BATCH // AT_ONCE):
            await client.send([make() for _ in range(BATCH)])

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return EVENTS / (time.perf_counter() - started)


async def latencies(
    submit: Callable[[Any], Awaitable[Any]], make: Callable[[], Any]
) -> list[float]:
    """Seconds of each call, one after the other."""
    taken: list[float] = []
    for _ in range(ALONE):
        event = make()
        started = time.perf_counter()
        await submit(event)
        taken.append(time.perf_counter() - started)
    return sorted(taken)


def show(what: str, taken: list[float]) -> None:
    quantiles = (taken[int(share * (len(taken) - 1))] * 1e3 for share in (0.5, 0.99, 0.999))
    p50, p99, p999 = quantiles
    print(f"  {what:44} p50 {p50:7.3f}  p99 {p99:7.3f}  p99.9 {p999:7.3f} ms")


async def compare(url: str, package: Any, rounds: int) -> bool:
    """Print both rates and their ratio, then the latencies; say whether the goal is met."""

    def make() -> Any:
        return package.PageEvent(event_guid="3f2b8a52-7d0c-4c1e-9f57-000000000000", event_name="x")

    connect = package.AsyncEventClient.connect
    ratios: list[float] = []
    rates: tuple[list[float], list[float]] = ([], [])
    with TemporaryDirectory(prefix="raccoon-bench-", dir=Path.cwd()) as folder:
        async with connect(url) as without, connect(url, spool=folder) as with_spool:
            for _ in range(rounds + 1):
                pair = await rate(with_spool, make), await rate(without, make)
                ratios.append(pair[0] / pair[1])
                for side in (0, 1):
                    rates[side].append(pair[side])
            found = median(ratios[1:])  # the first warms up
            on, off = map(median, rates)
            print(f"  events/s with a spool {on:9,.0f}, without {off:9,.0f}")
            print(f"  ratio {found:.2f} (at least 0.5){'' if found >= 0.5 else '   missed'}")
            show("submit with a spool, one caller", await latencies(with_spool.submit, make))
            show("submit without, one caller", await latencies(without.submit, make))
    return found >= 0.5


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("\n  spool, ws, batch 100; its directory is made in the current one")
    with running() as server, packages() as (package, _, _):
        asyncio.run(compare(server.ws, package, options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
