"""The clients beside what a Python team has today, each with the server in a process of its own.

CPU is the client process's, all threads included; both sides take turns, and the ratio is the
median of the pairs.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from peers import Grpcio, Official, packages
from server import Server, running

Values = list[tuple[str, str]]


@dataclass
class Cost:
    """What so many events took."""

    cpu: float
    wall: float
    events: int

    @property
    def micros(self) -> float:
        return self.cpu / self.events * 1e6

    @property
    def rate(self) -> float:
        return self.events / self.wall


class Meter:
    def __enter__(self) -> Meter:
        gc.collect()
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu = time.process_time() - self._cpu
        self.wall = time.perf_counter() - self._wall


def values(count: int) -> Values:
    return [(f"3f2b8a52-7d0c-4c1e-9f57-{n:012x}", "clicked") for n in range(count)]


class Ours:
    """A client kept open; each call of a method sends events and waits for all acks."""

    def __init__(self, url: str, package: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._package = package
        self._client = package.AsyncEventClient.connect(url)
        loop.run_until_complete(self._client.send_page_event(event_name="hello"))

    def batches(self, events: int, batch: int, in_flight: int) -> Cost:
        """So many callers send([...]) in turn, each list of `batch` events."""
        return self._run(self._batches(events, batch, in_flight), events)

    def singles(self, events: int, callers: int) -> Cost:
        """So many callers send one event a call, from keywords."""
        return self._run(self._singles(events, callers), events)

    def bulk(self, events: int) -> Cost:
        """Everything is handed over from keywords' values, then flushed."""
        return self._run(self._bulk(events), events)

    def close(self) -> None:
        self._loop.run_until_complete(self._client.close())

    def _run(self, work: Any, events: int) -> Cost:
        with Meter() as meter:
            self._loop.run_until_complete(work)
        return Cost(meter.cpu, meter.wall, events)

    async def _batches(self, events: int, batch: int, in_flight: int) -> None:
        from datetime import datetime, timezone

        make, send = self._package.PageEvent, self._client.send
        given = values(batch)

        async def caller(rounds: int) -> None:
            for _ in range(rounds):
                now = datetime.now(timezone.utc)
                await send([make(event_guid=g, event_name=n, sent_time=now) for g, n in given])

        rounds = max(events // batch // in_flight, 1)
        await asyncio.gather(*(caller(rounds) for _ in range(in_flight)))

    async def _singles(self, events: int, callers: int) -> None:
        from datetime import datetime, timezone

        send = self._client.send_page_event

        async def caller(rounds: int) -> None:
            for guid, name in values(rounds):
                await send(event_guid=guid, event_name=name, sent_time=datetime.now(timezone.utc))

        await asyncio.gather(*(caller(events // callers) for _ in range(callers)))

    async def _bulk(self, events: int) -> None:
        from datetime import datetime, timezone

        make, submit = self._package.PageEvent, self._client.submit
        for guid, name in values(events):
            await submit(
                make(event_guid=guid, event_name=name, sent_time=datetime.now(timezone.utc))
            )
        await self._client.flush()


def theirs(peer: Any, events: int, batch: int) -> Cost:
    given = values(batch)
    with Meter() as meter:
        for _ in range(events // batch):
            peer.send(given)
    return Cost(meter.cpu, meter.wall, events)


def paired(
    rounds: int, ours: Callable[[], Cost], peer: Callable[[], Cost]
) -> list[tuple[Cost, Cost]]:
    ours(), peer()  # warm
    return [(ours(), peer()) for _ in range(rounds)]


def row(what: str, pairs: list[tuple[Cost, Cost]], goal: str, *, rate: str = "") -> None:
    cpu = median(b.micros / a.micros for a, b in pairs)
    speed = median(a.rate / b.rate for a, b in pairs)
    mine, other = median(a.micros for a, _ in pairs), median(b.micros for _, b in pairs)
    print(
        f"  {what:44} {mine:8.2f} {other:9.2f}   {cpu:6.2f} times less CPU ({goal})"
        f"   {speed:6.2f} times the events/s {rate}"
    )


def table(server: Server, rounds: int) -> None:
    loop = asyncio.new_event_loop()
    with packages() as (package, events, envelope):
        official = Official(server.rest, events, envelope)
        grpcio = Grpcio(server.grpc, events, envelope)
        print(f"  {'':44} {'ours':>8} {'theirs':>9}   µs CPU an event")
        ws = Ours(server.ws, package, loop)
        rest = Ours(server.rest, package, loop)
        grpc = Ours(server.grpc, package, loop)
        hundred = lambda: theirs(official, 5_000, 100)  # noqa: E731
        one = lambda: theirs(official, 400, 1)  # noqa: E731
        row(
            "ws, batch 100, bulk",
            paired(rounds, lambda: ws.bulk(20_000), hundred),
            "≥ 4",
            rate="(≥ 4)",
        )
        row(
            "ws, batch 100, in flight 1",
            paired(rounds, lambda: ws.batches(10_000, 100, 1), hundred),
            "≥ 4",
            rate="(≥ 4)",
        )
        row(
            "ws, batch 100, in flight 16",
            paired(rounds, lambda: ws.batches(20_000, 100, 16), hundred),
            "≥ 4",
            rate="(≥ 4)",
        )
        row(
            "ws, one event a call, 64 callers",
            paired(rounds, lambda: ws.singles(6_400, 64), one),
            "≥ 50",
        )
        row(
            "ws, one event a call, 1 caller",
            paired(rounds, lambda: ws.singles(500, 1), one),
            "report",
        )
        row(
            "REST, batch 100",
            paired(rounds, lambda: rest.batches(10_000, 100, 4), hundred),
            "≥ 2.5",
        )
        calls = lambda: theirs(grpcio, 5_000, 100)  # noqa: E731
        row(
            "gRPC, batch 100, against grpcio",
            paired(rounds, lambda: grpc.batches(10_000, 100, 1), calls),
            "≥ 0.83",
        )
        row(
            "gRPC, batch 100, in flight 4",
            paired(rounds, lambda: grpc.batches(10_000, 100, 4), calls),
            "report",
        )
        for ours in (ws, rest, grpc):
            ours.close()
    loop.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with running() as server:
        table(server, options.rounds)


if __name__ == "__main__":
    main()
