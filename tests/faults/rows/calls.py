"""What callers do to a client: cancel at each await, many threads, a clock that jumps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

from raccoon_runtime import SendTimeoutError
from raccoon_runtime.client import AsyncClient
from raccoon_runtime.sync import SyncClient

from .. import events
from ..matrix import row
from ..run import Run

HOUR = 3600.0


@row(real=True)
async def cancellation_at_each_await(run: Run) -> None:
    """A call is cancelled after each number of turns of the event loop that it takes."""
    client = run.connect(queue_events=40, batch_events=4)
    calls: list[Callable[[int], Awaitable[object]]] = [
        lambda number: client.send([events.event(number)]),
        lambda number: client.submit(events.event(number)),
    ]
    for call in calls:
        for turns in range(run.either(30, 300)):
            async with run.traffic(client, pause=0.0) if turns % 5 == 0 else nullcontext():
                await _cancelled(run, client, call, turns % 60)
    await _cancel_flush_and_full(run, client)


async def _cancelled(
    run: Run, client: AsyncClient, call: Callable[[int], Awaitable[object]], turns: int
) -> None:
    (number,) = run.numbers(1)
    task = asyncio.ensure_future(call(number))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    if task.cancelled():
        run.unsure(client, number)
        return
    came = task.result()
    run.note(client, number, came[0] if isinstance(came, list) else came)


async def _cancel_flush_and_full(run: Run, client: AsyncClient) -> None:
    """Cancel who waits for a flush, and who waits for room."""
    await run.server.stop()
    await run.submit(client, 40 - client.stats().pending)
    for turns in range(10):
        await _cancelled(run, client, lambda number: client.submit(events.event(number)), turns)
        flush = asyncio.create_task(client.flush())
        for _ in range(turns):
            await asyncio.sleep(0)
        flush.cancel()
        await asyncio.wait([flush])
    await run.server.start()


@row(real=True)
async def thirty_two_threads_and_a_loop(run: Run) -> None:
    """One synchronous client from 32 threads, and an asynchronous one beside it."""
    sync, client = run.connect_sync(), run.connect()
    each = run.either(30, 1000)
    numbers = [run.numbers(each) for _ in range(32)]
    async with run.traffic(client):
        with ThreadPoolExecutor(32) as threads:
            loop = asyncio.get_running_loop()
            work = [loop.run_in_executor(threads, _load, run, sync, mine) for mine in numbers]
            await asyncio.gather(*work)


def _load(run: Run, client: SyncClient, numbers: range) -> None:
    for number in numbers:
        if number % 3:
            run.note(client, number, client.submit(events.event(number)))
            continue
        try:
            (ack,) = client.send([events.event(number)])
            run.note(client, number, ack)
        except SendTimeoutError as error:
            run.note(client, number, error.futures[0])


@row(real=True)
async def clock_jumps_of_an_hour(run: Run) -> None:
    """The wall clock jumps, while the server restarts: only the monotonic clock may count."""
    true, true_ns, jump = time.time, time.time_ns, 0.0
    time.time = lambda: true() + jump  # type: ignore[assignment]  # this process's alone
    time.time_ns = lambda: true_ns() + int(jump * 1e9)  # type: ignore[assignment]
    try:
        client = run.connect(ack_timeout=5.0, retry_budget=60.0)
        async with run.traffic(client):
            for hours in (1, -1, 0, 24, -24):
                jump = hours * HOUR
                await asyncio.sleep(0.15)
                await run.server.kill()
                await run.server.start()
        run.healed()
    finally:
        time.time, time.time_ns = true, true_ns
