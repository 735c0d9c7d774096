"""The way to the server: connections cut at every byte, slow, trickled, split and delayed."""

from __future__ import annotations

import asyncio

from ..matrix import row
from ..proxy import Cut, Direction, Pace
from ..run import Miss, Run

SMALL = {"retry_wait": 0.001, "retry_max_wait": 0.002}
MEGABYTE = 1 << 20


async def _cut_at_each_byte(run: Run, *, reset: bool) -> None:
    """Cut a new connection at each byte of the handshake and of the first requests on it."""
    proxy = run.proxy()
    client = run.connect(via=proxy, batch_events=1, in_flight=4, **SMALL)
    await run.submit(client, 3)
    await client.flush()
    up, down = proxy.carried()
    run.notes.append(f"{up} bytes up, {down} down")
    lengths: list[tuple[Direction, int]] = [("up", up), ("down", down)]
    for direction, length in lengths:
        # Another prime stride in each, so that the short form meets other bytes than its neighbour.
        for byte in range(0, length + 1, run.either(23, 1)):
            proxy.plan(Cut(after=byte, direction=direction, reset=reset))
            proxy.sever()
            await run.submit(client, 3)
            await client.flush(20)


# A closed HTTP/2 connection is garbage in cycles, which Python collects when there is much of it.
@row(real=True, limit=400, ceiling=120)
async def reset_at_each_byte(run: Run) -> None:
    await _cut_at_each_byte(run, reset=True)


@row(real=True, limit=400, ceiling=120)
async def end_of_stream_at_each_byte(run: Run) -> None:
    await _cut_at_each_byte(run, reset=False)


@row(real=True)
async def cut_again_and_again_under_load(run: Run) -> None:
    proxy = run.proxy()
    client = run.connect(via=proxy, **SMALL)
    async with run.traffic(client, pause=0.001):
        for turn in range(run.either(20, 400)):
            await asyncio.sleep(0.02)
            proxy.sever(reset=turn % 2 == 0)
    run.healed()


@row(real=True, ceiling=50 + 8)
async def slow_link(run: Run) -> None:
    """What cannot leave piles up to the bound, and callers wait."""
    proxy, bound = run.proxy(), 8 * MEGABYTE
    client = run.connect(via=proxy, queue_bytes=bound, batch_bytes=64 << 10)
    proxy.pace = Pace(64 << 10, 0.05, up_only=True)  # 1.3 MB/s
    slow = asyncio.create_task(run.submit(client, run.either(250, 500), size=100_000))
    await run.until(lambda: client.stats().pending_bytes > bound - 200_000, "the bound is reached")
    await asyncio.sleep(0.5)
    if slow.done():
        raise Miss("the caller did not wait")
    proxy.pace = None
    run.healed()
    await slow


@row(real=True, limit=300)
async def trickled_bytes(run: Run) -> None:
    """A byte at a time, either way."""
    proxy = run.proxy()
    proxy.pace = Pace(1, 0.0)
    client = run.connect(via=proxy)
    await run.submit(client, run.either(300, 3000))


@row(real=True)
async def split_frames(run: Run) -> None:
    """Pieces of 7 bytes, which no frame ends with."""
    proxy = run.proxy()
    proxy.pace = Pace(7, 0.0)
    client = run.connect(via=proxy, batch_events=7)
    await run.submit(client, run.either(700, 7000))


@row(real=True)
async def delayed_link(run: Run) -> None:
    proxy = run.proxy()
    proxy.pace = Pace(64 << 10, 0.2)
    client = run.connect(via=proxy, batch_events=10)
    await run.submit(client, run.either(300, 3000))
