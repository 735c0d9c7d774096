"""Load and random faults together, for as long as it is told."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from grpclib import Status
from raccoon_runtime.collector import (
    Close,
    Delay,
    Double,
    Fault,
    Foreign,
    Full,
    GoAway,
    GrpcStatus,
    HttpStatus,
    LateError,
    NoAnswer,
    Reorder,
    Taken,
    Unpublishable,
)

from ..matrix import row
from ..proxy import Cut, Pace, Proxy
from ..run import Run

Disturb = Callable[[Run, Proxy, random.Random], Awaitable[None]]
IMPATIENT = {"ack_timeout": 1.0, "connect_timeout": 1.0, "ping_interval": 1.0, "pong_timeout": 1.0}

EVERYWHERE: list[Fault] = [
    Unpublishable(times=2),
    Unpublishable(times=7),
    NoAnswer(times=1),
    NoAnswer(published=True, times=2),
    Close(times=2),
    Close(published=True, reset=True, times=2),
    Delay(0.5, times=5),
    Delay(1.5, times=2),
]
ONLY_ON: dict[str, list[Fault]] = {
    "ws": [Double(times=5), Foreign(times=5), LateError(times=3), Taken(times=2), Full(times=2)],
    "rest": [
        HttpStatus(503, headers={"Retry-After": "1"}, times=2),
        HttpStatus(502, "<html>", published=True, times=2),
    ],
    "grpc": [
        GoAway(times=2),
        GrpcStatus(Status.UNAVAILABLE, times=2),
        GrpcStatus(Status.DEADLINE_EXCEEDED, published=True, times=2),
    ],
}


async def kill(run: Run, proxy: Proxy, chance: random.Random) -> None:
    await run.server.kill()
    await asyncio.sleep(chance.uniform(0, 0.5))
    await run.server.start()


async def restart(run: Run, proxy: Proxy, chance: random.Random) -> None:
    await run.server.stop()
    await run.server.start()


async def pause(run: Run, proxy: Proxy, chance: random.Random) -> None:
    run.server.pause()
    await asyncio.sleep(chance.uniform(0, 2))
    run.server.resume()


async def sever(run: Run, proxy: Proxy, chance: random.Random) -> None:
    proxy.plan(Cut(after=chance.randrange(2000), reset=chance.random() < 0.5))
    proxy.sever(reset=chance.random() < 0.5)


async def freeze(run: Run, proxy: Proxy, chance: random.Random) -> None:
    proxy.freeze()
    await asyncio.sleep(chance.uniform(0, 1.5))


async def slow_down(run: Run, proxy: Proxy, chance: random.Random) -> None:
    proxy.pace = Pace(chance.choice([1, 100, 5000]), chance.choice([0.0, 0.005]))
    await asyncio.sleep(chance.uniform(0, 1))
    proxy.pace = None


async def misbehave(run: Run, proxy: Proxy, chance: random.Random) -> None:
    await run.server.add(chance.choice([*EVERYWHERE, *ONLY_ON[run.transport]]))


async def reorder(run: Run, proxy: Proxy, chance: random.Random) -> None:
    await run.server.add(Reorder(3, transport="ws"))
    await asyncio.sleep(chance.uniform(0, 0.5))
    await run.server.clear()


REAL: list[Disturb] = [kill, restart, pause, sever, freeze, slow_down]
ALL: list[Disturb] = [*REAL, *[misbehave] * 6, reorder]


@row(real=True, quick=False, patient=True, limit=180)
async def soak(run: Run) -> None:
    seed = random.randrange(1 << 32)
    run.notes.append(f"seed {seed}")
    chance, proxy = random.Random(seed), run.proxy()
    client = run.connect(via=proxy, **IMPATIENT)
    end = time.monotonic() + (run.minutes * 60 or run.either(5, 60))
    async with run.traffic(client, pause=0.02):
        while time.monotonic() < end:
            await chance.choice(REAL if run.server.is_real else ALL)(run, proxy, chance)
            await asyncio.sleep(chance.uniform(0, 0.6))
        if not run.server.is_real:
            await run.server.clear()
        run.healed()
