"""The clients beside what a Python team has today, each with the server in a process of its own.

CPU is the client process's, all threads included; both sides take turns, and the ratio is the
median of the pairs.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
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


class Threads:
    """The synchronous client, called from threads."""

    def __init__(self, url: str, package: Any) -> None:
        self._package = package
        self._client = package.EventClient.connect(url)
        self._client.send_page_event(event_name="hello")

    def batches(self, events: int, batch: int, threads: int) -> Cost:
        """So many threads send([...]) in turn, each list of `batch` events."""
        make, send, given = self._package.PageEvent, self._client.send, values(batch)

        def caller() -> None:
            for _ in range(events // batch // threads):
                now = datetime.now(timezone.utc)
                send([make(event_guid=g, event_name=n, sent_time=now) for g, n in given])

        return self._run(caller, events, threads)

    def singles(self, events: int, threads: int) -> Cost:
        """So many threads send one event a call, from keywords."""
        send = self._client.send_page_event

        def caller() -> None:
            for guid, name in values(events // threads):
                send(event_guid=guid, event_name=name, sent_time=datetime.now(timezone.utc))

        return self._run(caller, events, threads)

    def close(self) -> None:
        self._client.close()

    def _run(self, caller: Callable[[], None], events: int, threads: int) -> Cost:
        started = [threading.Thread(target=caller) for _ in range(threads)]
        with Meter() as meter:
            for thread in started:
                thread.start()
            for thread in started:
                thread.join()
        return Cost(meter.cpu, meter.wall, events)


class Ours:
    """The asynchronous client; each call of a method sends events and waits for all acks."""

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
        make, send = self._package.PageEvent, self._client.send
        given = values(batch)

        async def caller(rounds: int) -> None:
            for _ in range(rounds):
                now = datetime.now(timezone.utc)
                await send([make(event_guid=g, event_name=n, sent_time=now) for g, n in given])

        rounds = max(events // batch // in_flight, 1)
        await asyncio.gather(*(caller(rounds) for _ in range(in_flight)))

    async def _singles(self, events: int, callers: int) -> None:
        send = self._client.send_page_event

        async def caller(rounds: int) -> None:
            for guid, name in values(rounds):
                await send(event_guid=guid, event_name=name, sent_time=datetime.now(timezone.utc))

        await asyncio.gather(*(caller(events // callers) for _ in range(callers)))

    async def _bulk(self, events: int) -> None:
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


def row(
    what: str, pairs: list[tuple[Cost, Cost]], cpu_goal: float = 0, rate_goal: float = 0
) -> None:
    """Print one row; without a goal it only reports."""
    cpu = median(b.micros / a.micros for a, b in pairs)
    rate = median(a.rate / b.rate for a, b in pairs)
    mine, other = median(a.micros for a, _ in pairs), median(b.micros for _, b in pairs)
    missed = "   missed" if cpu < cpu_goal or rate < rate_goal else ""
    goals = f"{_goal(cpu, cpu_goal)} {_goal(rate, rate_goal)}"
    print(f"  {what:40} {mine:8.2f} {other:8.2f} {goals}{missed}", flush=True)


def _goal(found: float, goal: float) -> str:
    return f"{found:8.2f} {f'(≥ {goal:g})' if goal else '':9}"


def table(server: Server, rounds: int) -> None:
    """Print all rows."""
    loop = asyncio.new_event_loop()
    with packages() as (package, events, envelope):
        official = Official(server.rest, events, envelope)
        grpcio = Grpcio(server.grpc, events, envelope)
        ws, rest, grpc = (Ours(u, package, loop) for u in (server.ws, server.rest, server.grpc))
        threads = Threads(server.ws, package)

        def batches(client: Any, count: int, in_flight: int) -> list[tuple[Cost, Cost]]:
            ours = lambda: client.batches(count, 100, in_flight)  # noqa: E731 # one is passed on
            return paired(rounds, ours, lambda: theirs(official, 5_000, 100))

        def singles(client: Any, count: int, callers: int) -> list[tuple[Cost, Cost]]:
            ours = lambda: client.singles(count, callers)  # noqa: E731 # as above
            return paired(rounds, ours, lambda: theirs(official, 400, 1))

        def calls(in_flight: int) -> list[tuple[Cost, Cost]]:
            ours = lambda: grpc.batches(10_000, 100, in_flight)  # noqa: E731 # as above
            return paired(rounds, ours, lambda: theirs(grpcio, 5_000, 100))

        print("\n  µs of CPU an acknowledged event; times less CPU; times the events/s")
        row("ws, batch 100, in flight 64", batches(ws, 32_000, 64), 4, 4)
        row("ws, batch 100, in flight 16", batches(ws, 32_000, 16), 4, 4)
        row("ws, batch 100, in flight 1", batches(ws, 10_000, 1))
        row("ws, batch 100, sync, 16 threads", batches(threads, 32_000, 16))
        row("ws, batch 100, sync, 1 thread", batches(threads, 10_000, 1))
        row(
            "ws, submit() of each, then flush()",
            paired(rounds, lambda: ws.bulk(20_000), lambda: theirs(official, 5_000, 100)),
        )
        row("ws, one event a call, 64 callers", singles(ws, 6_400, 64), 50)
        row("ws, one event a call, 1 caller", singles(ws, 500, 1))
        row("ws, one event a call, sync, 64 threads", singles(threads, 6_400, 64))
        row("ws, one event a call, sync, 1 thread", singles(threads, 500, 1))
        row("REST, batch 100, in flight 4", batches(rest, 10_000, 4), 2.5)
        row("REST, batch 100, in flight 1", batches(rest, 10_000, 1))
        row("gRPC, batch 100, beside grpcio", calls(1), 0.83)
        row("gRPC, batch 100, in flight 4", calls(4))
        for client in (ws, rest, grpc, threads):
            client.close()
    loop.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with running() as server:
        table(server, options.rounds)


if __name__ == "__main__":
    main()
