"""The server is away: not there yet, restarted, killed, stopped, or behind a dead link."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from raccoon_runtime import IdentityTakenError
from raccoon_runtime.collector import Full, Taken

from ..books import Expected
from ..matrix import WS, row
from ..run import Miss, Run

SWIFT = {"ack_timeout": 1.0, "ping_interval": 0.6, "pong_timeout": 0.4, "connect_timeout": 0.5}
DETECTED = 35.0  # by which a dead link has to be noticed, in seconds


@row(real=True, patient=True)
async def server_starts_late(run: Run) -> None:
    await run.server.stop()
    client = run.connect()
    await run.submit(client, 1000)
    await asyncio.sleep(run.either(1.0, 20.0))
    await run.server.start()
    run.healed()


@row(real=True, patient=True, limit=240)
async def black_hole_by_SIGSTOP(run: Run) -> None:
    client = run.connect(**run.either(SWIFT, {}))
    await run.submit(client, 100)
    await client.flush()
    run.server.pause()
    async with run.traffic(client, pause=run.either(0.01, 0.2)):
        try:
            await _noticed(run, run.either(1.5, DETECTED))
            await asyncio.sleep(run.either(0.5, 15))
        finally:
            run.server.resume()
        run.healed()


@row(real=True, patient=True, limit=240)
async def half_open_connection(run: Run) -> None:
    """The way is gone without a word, for the connections that there are."""
    proxy = run.proxy()
    client = run.connect(via=proxy, **run.either(SWIFT, {}))
    await run.submit(client, 100)
    await client.flush()
    proxy.freeze()
    began = time.monotonic()
    await run.submit(client, 100)
    run.healed()
    await run.until(lambda: client.stats().delivered == 200, "delivered", DETECTED + 10)
    taken, most = time.monotonic() - began, run.either(2.0, DETECTED)
    run.notes.append(f"noticed and delivered after {taken:.1f} s")
    if taken > most:
        raise Miss(f"that took {taken:.1f} s, of {most:g} at most")


@row(real=True, limit=300)
async def rolling_restart(run: Run) -> None:
    client = run.connect()
    async with run.traffic(client):
        for _ in range(run.either(2, 10)):
            await asyncio.sleep(0.3)
            await run.server.stop()
            await run.server.start()
            run.healed()


async def _kill_and_start(run: Run, times: int) -> None:
    client = run.connect()
    async with run.traffic(client):
        for _ in range(times):
            await asyncio.sleep(0.2)
            await run.server.kill()
            await run.server.start()
            run.healed()


@row(real=True, limit=400)
async def kill_9_of_the_server(run: Run) -> None:
    await _kill_and_start(run, run.either(3, 50))


@row(real=True, event_ack=0, limit=400)
async def kill_9_with_async_acks(run: Run) -> None:
    """The documented loss, measured: what a Raccoon had acknowledged and not published yet."""
    run.expected = Expected(loses=True)
    await _kill_and_start(run, run.either(3, 50))


@row(WS, patient=True)
async def ghost_of_ones_own(run: Run) -> None:
    """Code 5: the server holds the identity of a connection that died."""
    client = run.connect()
    await run.submit(client, 100)
    await client.flush()
    await run.server.add(Taken())
    await asyncio.to_thread(run.server.faults.sever, reset=True)
    await run.submit(client, 100)
    await asyncio.sleep(run.either(1, 60))
    await run.server.clear()
    run.healed()


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    before, IdentityTakenError.patience = IdentityTakenError.patience, seconds
    try:
        yield
    finally:
        IdentityTakenError.patience = before


@row(WS, patient=True, limit=180)
async def identity_taken_for_good(run: Run) -> None:
    """Code 5 without an end: it says so after 75 s."""
    await run.server.add(Taken())
    client = run.connect()
    began = time.monotonic()
    with _patience(1.0 if run.short else IdentityTakenError.patience):
        numbers = await run.submit(client, 100)
        run.expected = Expected(failures=dict.fromkeys(numbers, IdentityTakenError))
        await run.until(lambda: client.stats().failed == 100, "it says so", 120)
    run.notes.append(f"said so after {time.monotonic() - began:.1f} s")


@row(WS)
async def too_many_connections(run: Run) -> None:
    """Code 4."""
    await run.server.add(Full())
    client = run.connect()
    await run.submit(client, 100)
    await asyncio.sleep(run.either(1, 10))
    await run.server.clear()
    run.healed()


@row(WS)
async def PROTO_refusal_to_a_JSON_client(run: Run) -> None:
    await run.server.add(Taken(times=2), Full(times=2))
    client = run.connect(wire="json")
    await run.submit(client, 100)


async def _noticed(run: Run, within: float) -> None:
    """Wait until the client says that delivery is held up."""
    taken = await run.until(lambda: run.has_said("held up"), "a dead link noticed", within)
    run.notes.append(f"noticed after {taken:.1f} s")
