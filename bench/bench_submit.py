"""What `submit_nowait` adds to encoding an event, and the memory that a stall and its end take.

The hot loop hands over bursts that the queue has room for, beside the codec's `encode_event` of the
same events, in turns; what the wire's frame has of the difference is told too. The memory is of a
process of its own, which submits a million events to a server that answers nothing at first (Linux
only).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from peers import packages
from raccoon_runtime import codec
from raccoon_runtime.envelope import framer_proto
from server import bare, running

BURST = 5_000
MILLION = 1_000_000
AT_MOST = 2.0
"""Microseconds an event."""
SPARE = 50
"""MB beside the queue's bound."""


def burst(act: Callable[[Any], object], events: list[Any]) -> float:
    """CPU seconds of this thread, an event."""
    started = time.thread_time()
    for event in events:
        act(event)
    return (time.thread_time() - started) / len(events)


async def hot_loop(url: str, package: Any, rounds: int) -> None:
    """Print what submit_nowait adds, and its quantiles."""
    events = [package.PageEvent(event_guid=f"{n:032x}", event_name="x") for n in range(BURST)]
    encode, frame = codec.of(package.PageEvent).encode_event, framer_proto("page_event")
    async with package.AsyncEventClient.connect(url) as client:
        encoded = [encode(event) for event in events]
        added: list[float] = []
        framing: list[float] = []
        for _ in range(rounds + 1):
            gc.collect()
            alone = burst(encode, events)
            framing.append(burst(frame, encoded) * 1e6)
            added.append((burst(client.submit_nowait, events) - alone) * 1e6)
            await client.flush()
        told = median(added[1:])  # the first warms up
        print(
            f"  submit_nowait takes {told:.2f} µs more than encoding alone (≤ {AT_MOST:g})"
            f" {_verdict(told <= AT_MOST)}; the frame is {median(framing[1:]):.2f} of them"
        )
        taken: list[float] = []
        for event in events:
            started = time.perf_counter()
            client.submit_nowait(event)
            taken.append((time.perf_counter() - started) * 1e6)
        taken.sort()
        await client.flush()
    p50, p99, p999 = (taken[int(share * (BURST - 1))] for share in (0.5, 0.99, 0.999))
    print(f"  submit_nowait, each: p50 {p50:.2f}, p99 {p99:.2f}, p99.9 {p999:.2f} µs")


async def million(url: str, package: Any) -> None:
    """Submit a million events and print how the process grew; the first line asks to go on."""
    async with package.AsyncEventClient.connect(url) as client:
        guid = "3f2b8a52-7d0c-4c1e-9f57-000000000000"
        make = package.PageEvent
        gc.collect()
        before = most = _resident()
        task = asyncio.ensure_future(_submit_all(client, make, guid))
        stalled = client.stats()
        while not task.done():
            if stalled.pending < 10_000 <= client.stats().pending:
                stalled = client.stats()
                print("go", flush=True)
            most = max(most, _resident())
            await asyncio.sleep(0.01)
        await client.flush(120)
        stats = client.stats()
    found = {
        "grown": most - before,
        "stalled": stalled.pending_bytes / 1e6,
        "delivered": stats.delivered,
    }
    print(json.dumps(found), flush=True)


async def _submit_all(client: Any, make: Any, guid: str) -> None:
    for _ in range(MILLION):
        await client.submit(make(event_guid=guid, event_name="clicked"))


def _resident() -> float:
    """The memory that this process has, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def memory() -> None:
    """Have a process of its own do it, and print what it found."""
    with bare(stalled=True) as server:
        command = [sys.executable, __file__, "--million", server.ws]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "go\n"
        server.go()
        found = json.loads(process.stdout.readline())
        process.wait()
    bound = found["stalled"] + SPARE
    met = found["grown"] <= bound and found["delivered"] == MILLION
    print(
        f"  {found['delivered']:,} events through a stall: {found['grown']:.0f} MB more at the most"
        f" (≤ {bound:.0f}: what was queued, and {SPARE}) {_verdict(met)}"
    )


def _verdict(met: bool) -> str:
    return "met" if met else "missed"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--million", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with packages() as (package, _, _):
        if options.million:
            asyncio.run(million(options.million, package))
            return
        print()
        with running() as server:
            asyncio.run(hot_loop(server.ws, package, options.rounds))
    memory()


if __name__ == "__main__":
    main()
