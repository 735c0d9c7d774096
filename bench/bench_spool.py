"""A client with a spool beside the same client without one, against a server in its own process.

The rate is that of lists of 100 events, sent by several callers and acknowledged. Then the time
that one `submit` takes, by one caller.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from peers import packages, values
from server import running

BATCH = 100
EVENTS = 64_000
LEAST = 0.5
ALONE = 1_000


async def rate(client: Any, make: Any, callers: int) -> float:
    """Acknowledged events a second."""
    given = values(BATCH)

    async def caller() -> None:
        for _ in range(EVENTS // BATCH // callers):
            events = [make(event_guid=g, event_name=n, sent_time=t) for g, n, t in given]
            await client.send(events)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return EVENTS / (time.perf_counter() - started)


async def rates(with_spool: Any, without: Any, make: Any, callers: int, rounds: int) -> None:
    """Print both rates and their ratio."""
    pairs: list[tuple[float, float]] = []
    for _ in range(rounds + 1):
        pairs.append((await rate(with_spool, make, callers), await rate(without, make, callers)))
    pairs = pairs[1:]  # the first warms up
    ratio = median(on / off for on, off in pairs)
    on, off = (median(side) for side in zip(*pairs, strict=True))
    print(
        f"  {callers} callers: {on:,.0f} events/s with a spool, {off:,.0f} without;"
        f" {ratio:.2f} (≥ {LEAST}) {'met' if ratio >= LEAST else 'missed'}",
        flush=True,
    )


async def latencies(submit: Callable[[Any], Awaitable[Any]], make: Any) -> list[float]:
    """Seconds of each call, one after the other."""
    taken: list[float] = []
    for guid, name, at in values(ALONE):
        event = make(event_guid=guid, event_name=name, sent_time=at)
        started = time.perf_counter()
        await submit(event)
        taken.append(time.perf_counter() - started)
    return sorted(taken)


def show(what: str, taken: list[float]) -> None:
    quantiles = (taken[int(share * (len(taken) - 1))] * 1e3 for share in (0.5, 0.99, 0.999))
    p50, p99, p999 = quantiles
    print(f"  {what:44} p50 {p50:7.3f}  p99 {p99:7.3f}  p99.9 {p999:7.3f} ms")


async def compare(url: str, package: Any, rounds: int) -> None:
    """Print the rates, then the latencies."""
    make, connect = package.PageEvent, package.AsyncEventClient.connect
    with TemporaryDirectory(prefix="raccoon-bench-", dir=Path.cwd()) as folder:
        async with connect(url) as without, connect(url, spool=folder) as with_spool:
            for callers in (64, 16):
                await rates(with_spool, without, make, callers, rounds)
            show("submit with a spool, one caller", await latencies(with_spool.submit, make))
            show("submit without, one caller", await latencies(without.submit, make))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("\n  spool, ws, batch 100; its directory is made in the current one")
    with running() as server, packages() as (package, _, _):
        asyncio.run(compare(server.ws, package, options.rounds))


if __name__ == "__main__":
    main()
