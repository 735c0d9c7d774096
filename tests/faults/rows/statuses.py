"""What proxies and HTTP/2 servers say instead of an ack."""

from __future__ import annotations

import asyncio
import email.utils
import time

from grpclib import Status
from raccoon_runtime.collector import GoAway, GrpcStatus, HttpStatus, NoAnswer

from ..matrix import GRPC, REST, row
from ..run import Miss, Run

HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


async def _asked_to_wait(run: Run, header: str, least: float, most: float) -> None:
    """Answer one request 429 with this Retry-After, and time how long the client waits."""
    client = run.connect()
    await run.submit(client, 10)
    await client.flush()
    await run.server.add(HttpStatus(429, headers={"Retry-After": header}, times=1))
    began = time.monotonic()
    await run.submit(client, 10)
    await client.flush(most + 5)
    taken = time.monotonic() - began
    run.notes.append(f"Retry-After: {header[:30]} was waited for {taken:.2f} s")
    if not least <= taken <= most + 1:
        raise Miss(f"it waited {taken:.2f} s, not between {least:g} and {most:g}")


@row(REST)
async def status_429_with_Retry_After_0(run: Run) -> None:
    await _asked_to_wait(run, "0", 0.0, 1.0)


@row(REST)
async def status_429_with_Retry_After_in_seconds(run: Run) -> None:
    await _asked_to_wait(run, "1", 1.0, 2.0)


@row(REST)
async def status_429_with_Retry_After_as_a_date(run: Run) -> None:
    # A date has no fractions, so it may be up to a second nearer.
    await _asked_to_wait(run, email.utils.formatdate(time.time() + 2, usegmt=True), 0.5, 3.0)


@row(REST)
async def status_429_with_junk_in_Retry_After(run: Run) -> None:
    for junk in ("1e9", "soon", "-5", "9" * 400 + "x"):
        await _asked_to_wait(run, junk, 0.0, 1.0)


@row(REST, patient=True, limit=400, only_full=True)
async def status_429_with_Retry_After_without_end(run: Run) -> None:
    """It is clamped to 300 s."""
    run.patience = 310
    client = run.connect(retry_budget=900)
    await run.server.add(HttpStatus(429, headers={"Retry-After": "999999999"}, times=1))
    began = time.monotonic()
    await run.submit(client, 10)
    await client.flush(310)
    taken = time.monotonic() - began
    if not 299 <= taken <= 303:
        raise Miss(f"it waited {taken:.1f} s, not 300")


@row(REST)
async def closing_does_not_wait_for_Retry_After(run: Run) -> None:
    client = run.connect()
    await run.server.add(HttpStatus(429, headers={"Retry-After": "999999999"}, times=1))
    await run.submit(client, 10)
    await run.until(lambda: run.has_said("held up"), "the first try")
    began = time.monotonic()
    await client.close(10)
    if time.monotonic() - began > 5:
        raise Miss("it waited")


@row(REST)
async def closing_with_a_request_under_way(run: Run) -> None:
    """What fails after `close` began is not to wait for a Retry-After either."""
    client = run.connect()
    await run.server.add(HttpStatus(429, headers={"Retry-After": "999999999"}, times=1))
    run.server.pause()
    await run.submit(client, 10)
    await run.until(lambda: client.stats().in_flight, "a request is under way")
    closing = asyncio.create_task(client.close(10))
    await asyncio.sleep(0.2)
    run.server.resume()
    began = time.monotonic()
    await closing
    if time.monotonic() - began > 5:
        raise Miss("it waited")


@row(REST)
async def status_502_with_HTML(run: Run) -> None:
    """Before publishing, and after it: a proxy lost the answer."""
    client = run.connect(batch_events=10)
    headers = {"Content-Type": "text/html"}
    for turn in range(run.either(4, 40)):
        await run.server.add(HttpStatus(502, HTML, headers, times=2, published=turn % 2 == 0))
        await run.submit(client, 100)
        await client.flush(30)


@row(REST)
async def status_413_from_a_proxy(run: Run) -> None:
    """The batch is cut until its parts fit."""
    await run.server.add(HttpStatus(413, times=run.either(5, 30)))
    client = run.connect()
    await run.submit(client, run.either(500, 2000))


@row(GRPC)
async def GOAWAY_in_mid_call(run: Run) -> None:
    client = run.connect(batch_events=10)
    for _ in range(run.either(5, 50)):
        await run.server.add(GoAway(times=1))
        await run.submit(client, 100)
        await client.flush(30)


@row(GRPC)
async def DEADLINE_EXCEEDED(run: Run) -> None:
    """By the server's word, and by the client's own clock."""
    client = run.connect(batch_events=10, ack_timeout=0.4)
    for published in (True, False) * run.either(1, 10):
        await run.server.add(
            GrpcStatus(Status.DEADLINE_EXCEEDED, published=published, times=2),
            NoAnswer(published=published, times=1),
        )
        await run.submit(client, 100)
        await client.flush(30)


@row(GRPC, real=True, ceiling=50 + 40 + 60)  # the events, and four requests in three copies
async def request_above_4_MiB(run: Run) -> None:
    """RESOURCE_EXHAUSTED: the batch is cut until its parts fit."""
    client = run.connect(batch_bytes=5 << 20, linger=0.2)
    await run.submit(client, run.either(40, 200), size=200_000)
