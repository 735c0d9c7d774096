"""Answers that are lost, late, out of order, doubled, to nobody, or that change their mind."""

from __future__ import annotations

import asyncio
import time

from raccoon_runtime import RejectedError
from raccoon_runtime.collector import (
    Close,
    Delay,
    Double,
    Foreign,
    LateError,
    NoAnswer,
    Reorder,
    Unpublishable,
)

from ..books import Expected
from ..matrix import WS, row
from ..run import Miss, Run
from .broker import publishing

MANY = {"batch_events": 10}


@row()
async def ack_dropped(run: Run) -> None:
    """Published, and never answered; every few requests."""
    client = run.connect(ack_timeout=0.4, **MANY)
    for _ in range(run.either(3, 20)):
        await run.server.add(NoAnswer(published=True, times=1))
        await run.submit(client, 100)
        await client.flush(30)


@row()
async def connection_ends_instead_of_the_ack(run: Run) -> None:
    client = run.connect(**MANY)
    for turn in range(run.either(6, 60)):
        await run.server.add(Close(published=turn % 3 > 0, reset=turn % 2 == 0, times=1))
        await run.submit(client, 100)
        await client.flush(30)


@row()
async def ack_late(run: Run) -> None:
    """Later than the client waits, so that it has sent the request again meanwhile."""
    await run.server.add(Delay(0.6, times=run.either(3, 30)))
    client = run.connect(ack_timeout=0.3, in_flight=1, **MANY)
    await run.submit(client, run.either(100, 1000))


@row(WS)
async def acks_reordered(run: Run) -> None:
    await run.server.add(Reorder(8))
    client = run.connect(batch_events=1, in_flight=8)
    await run.submit(client, run.either(800, 8000))
    await asyncio.sleep(0.2)
    await run.server.clear()
    # What is held back now is answered to nobody: the next connection has it.
    await asyncio.to_thread(run.server.faults.sever)


@row(WS)
async def acks_doubled(run: Run) -> None:
    await run.server.add(Double())
    client = run.connect(**MANY)
    await run.submit(client, run.either(2000, 20_000))


@row(WS)
async def acks_of_unknown_requests(run: Run) -> None:
    await run.server.add(Foreign())
    client = run.connect(**MANY)
    await run.submit(client, run.either(2000, 20_000))


@row(WS, dedup=True)
async def OK_and_later_code_3(run: Run) -> None:
    await run.server.add(LateError())
    client = run.connect(**MANY)
    await run.submit(client, run.either(2000, 20_000))


@row(WS, dedup=True)
async def never_a_false_OK_by_dedup(run: Run) -> None:
    """A server that drops doubles answers OK to a guid that it has not published yet."""
    await run.server.add(NoAnswer(times=run.either(3, 20)))
    client = run.connect(ack_timeout=0.3, in_flight=4, **MANY)
    await run.submit(client, 200)


@row(WS, real=True)
async def bad_payload_with_an_empty_guid(run: Run) -> None:
    """One of 16 requests in flight is garbled on the way: that one is blamed."""
    proxy = run.proxy()
    client = run.connect(via=proxy, batch_events=1, in_flight=16)
    await run.submit(client, 1)
    await client.flush()
    garbled: list[bytes] = []

    def garble(data: bytes) -> bytes:
        if garbled or data[0] & 0x0F != 2:  # only a binary frame, and only one
            return data
        head = 2 + {126: 2, 127: 8}.get(data[1] & 0x7F, 0) + 4  # its length and its mask
        garbled.append(data)
        # 0x0A, the guid's tag, becomes 0x0F: a field of no known kind.
        return data[:head] + bytes([data[head] ^ 0x05]) + data[head + 1 :]

    proxy.mangle = garble
    await run.submit(client, 64)
    await client.flush(20)
    failed = [n for n, came in run.outcomes(client).items() if isinstance(came, RejectedError)]
    if len(failed) != 1:
        raise Miss(f"{len(failed)} requests were blamed, not one")
    run.expected = Expected(failures={failed[0]: RejectedError})


@row(patient=True, limit=240)
async def slow_user_callback(run: Run) -> None:
    """`on_failure` sleeps for longer than the server's patience; the connection stays."""
    asleep = run.either(1.5, 70.0)
    client = run.connect(on_failure=lambda _: time.sleep(asleep), retry_budget=0.0)
    await run.submit(client, 10)
    await client.flush()
    await run.server.add(Unpublishable(type="refused"))
    failed = await run.submit(client, 2, type="refused")
    run.expected = Expected(failures=publishing(failed))
    await run.until(lambda: client.stats().failed == 2, "they fail")
    end = time.monotonic() + asleep
    while time.monotonic() < end:
        await run.submit(client, 10)
        await asyncio.sleep(0.1)
    await client.flush(10)
    if client.stats().connections != 1:
        raise Miss(f"{client.stats().connections} connections, not one")
