"""The clients beside what a Python team has today, each with the server in a process of its own.

CPU is the client process's, all threads included; both sides take turns, and the ratio is the
median of the pairs. Both are given an event's values and turn them into bytes. With RACCOON_BIN
set, the server is that Raccoon.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bare_socket import BareSocket
from peers import Grpcio, Official, Values, packages, values
from server import Server, running

BATCH = 100
WIDTH = 38


@dataclass(frozen=True)
class Cost:
    """What so many events took, in seconds."""

    cpu: float
    wall: float
    events: int

    @property
    def micros(self) -> float:
        return self.cpu / self.events * 1e6

    @property
    def rate(self) -> float:
        return self.events / self.wall


Action = Callable[[], Cost]


@dataclass(frozen=True)
class Row:
    """One way to send, one to compare it with, and how many times better it has to be."""

    what: str
    ours: Action
    peer: Action
    cpu: float = 0
    rate: float = 0


class Meter:
    def __enter__(self) -> Meter:
        gc.collect()
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu = time.process_time() - self._cpu
        self.wall = time.perf_counter() - self._wall

    def cost(self, events: int) -> Cost:
        return Cost(self.cpu, self.wall, events)


class Threads:
    """The synchronous client, called from threads."""

    def __init__(self, url: str, package: Any) -> None:
        self._make = package.PageEvent
        self._client = package.EventClient.connect(url)
        self._client.send_page_event(event_name="hello")

    def batches(self, events: int, threads: int) -> Cost:
        """So many threads send([...]) in turn, each list of a batch."""
        make, send, given = self._make, self._client.send, values(BATCH)

        def caller() -> None:
            for _ in range(events // BATCH // threads):
                send([make(event_guid=g, event_name=n, sent_time=t) for g, n, t in given])

        return self._run(caller, events, threads)

    def singles(self, events: int, threads: int) -> Cost:
        """So many threads send one event a call, from keywords."""
        send, given = self._client.send_page_event, values(events // threads)

        def caller() -> None:
            for guid, name, at in given:
                send(event_guid=guid, event_name=name, sent_time=at)

        return self._run(caller, events, threads)

    def bulk(self, events: int) -> Cost:
        """One thread submits each, then flushes."""
        make, submit, given = self._make, self._client.submit, values(events)

        def caller() -> None:
            for guid, name, at in given:
                submit(make(event_guid=guid, event_name=name, sent_time=at))
            self._client.flush()

        return self._run(caller, events, 1)

    def close(self) -> None:
        self._client.close()

    def _run(self, caller: Callable[[], None], events: int, threads: int) -> Cost:
        started = [threading.Thread(target=caller) for _ in range(threads)]
        with Meter() as meter:
            for thread in started:
                thread.start()
            for thread in started:
                thread.join()
        return meter.cost(events)


class Tasks:
    """The asynchronous client, called from tasks of one loop."""

    def __init__(
        self, url: str, package: Any, loop: asyncio.AbstractEventLoop, **options: Any
    ) -> None:
        self._loop = loop
        self._make = package.PageEvent
        self._client = package.AsyncEventClient.connect(url, **options)
        loop.run_until_complete(self._client.send_page_event(event_name="hello"))

    def batches(self, events: int, callers: int) -> Cost:
        """So many callers send([...]) in turn, each list of a batch."""
        make, send, given = self._make, self._client.send, values(BATCH)

        async def caller() -> None:
            for _ in range(events // BATCH // callers):
                await send([make(event_guid=g, event_name=n, sent_time=t) for g, n, t in given])

        return self._run(caller, events, callers)

    def singles(self, events: int, callers: int) -> Cost:
        """So many callers send one event a call, from keywords."""
        send, given = self._client.send_page_event, values(events // callers)

        async def caller() -> None:
            for guid, name, at in given:
                await send(event_guid=guid, event_name=name, sent_time=at)

        return self._run(caller, events, callers)

    def bulk(self, events: int) -> Cost:
        """One caller submits each, then flushes."""
        make, submit, given = self._make, self._client.submit, values(events)

        async def caller() -> None:
            for guid, name, at in given:
                await submit(make(event_guid=guid, event_name=name, sent_time=at))
            await self._client.flush()

        return self._run(caller, events, 1)

    def close(self) -> None:
        self._loop.run_until_complete(self._client.close())

    def _run(self, caller: Callable[[], Any], events: int, callers: int) -> Cost:
        async def run() -> None:
            await asyncio.gather(*(caller() for _ in range(callers)))

        with Meter() as meter:
            self._loop.run_until_complete(run())
        return meter.cost(events)


def one_by_one(send: Callable[[Values], object], events: int, batch: int) -> Cost:
    """Requests of `batch` events, each when the one before is answered."""
    given = values(batch)
    with Meter() as meter:
        for _ in range(events // batch):
            send(given)
    return meter.cost(events)


def prebuilt(socket: BareSocket, events: int, in_flight: int) -> Cost:
    """Frames that were built before: what is left is the server's work and the system's."""
    frames = socket.frames(events // BATCH, BATCH)
    with Meter() as meter:
        socket.send(frames, in_flight)
    return meter.cost(events)


def rows(server: Server, loop: asyncio.AbstractEventLoop, made: Any, open_: list[Any]) -> list[Row]:
    """All that is compared; what has to be closed is added to `open_`."""
    package, events, envelope = made
    official, grpcio = Official(server.rest, events, envelope), Grpcio(
        server.grpc, events, envelope
    )
    ws, rest, grpc = (Tasks(url, package, loop) for url in (server.ws, server.rest, server.grpc))
    wide = Tasks(server.ws, package, loop, in_flight=64)  # others have the window of their default
    threads, bare = Threads(server.ws, package), BareSocket(server.ws)
    open_ += [ws, wide, rest, grpc, threads, bare]
    posts: Action = lambda: one_by_one(official.send, 5_000, BATCH)  # noqa: E731 # as the rows are
    post_each: Action = lambda: one_by_one(official.send, 400, 1)  # noqa: E731 # likewise
    calls: Action = lambda: one_by_one(grpcio.send, 5_000, BATCH)  # noqa: E731 # likewise
    return [
        Row("ws, batch 100, in flight 64", lambda: wide.batches(32_000, 64), posts, 4, 4),
        Row("ws, batch 100, in flight 16", lambda: ws.batches(32_000, 16), posts, 4, 4),
        Row("ws, batch 100, in flight 1", lambda: ws.batches(10_000, 1), posts),
        Row("ws, batch 100, sync, 16 threads", lambda: threads.batches(32_000, 16), posts),
        Row("ws, batch 100, sync, 1 thread", lambda: threads.batches(10_000, 1), posts),
        Row("ws, submit() of each, then flush()", lambda: ws.bulk(20_000), posts),
        Row("the same, sync", lambda: threads.bulk(20_000), posts),
        Row("bare socket, prebuilt, in flight 16", lambda: prebuilt(bare, 32_000, 16), posts),
        Row("ws, one event a call, 64 callers", lambda: ws.singles(6_400, 64), post_each, 50),
        Row("ws, one event a call, 1 caller", lambda: ws.singles(500, 1), post_each),
        Row("the same, sync, 64 threads", lambda: threads.singles(6_400, 64), post_each),
        Row("the same, sync, 1 thread", lambda: threads.singles(500, 1), post_each),
        Row("REST, batch 100, in flight 4", lambda: rest.batches(10_000, 4), posts, 2.5),
        Row("REST, batch 100, in flight 1", lambda: rest.batches(10_000, 1), posts),
        Row("gRPC, batch 100, beside grpcio", lambda: grpc.batches(10_000, 1), calls, 1 / 1.2),
        Row("gRPC, batch 100, in flight 4", lambda: grpc.batches(10_000, 4), calls),
    ]


def show(row: Row, rounds: int) -> None:
    """Measure one row in turns and print it."""
    row.ours(), row.peer()  # to warm up
    pairs = [(row.ours(), row.peer()) for _ in range(rounds)]
    cpu = median(theirs.micros / ours.micros for ours, theirs in pairs)
    rate = median(ours.rate / theirs.rate for ours, theirs in pairs)
    mine, others = (median(side.micros for side in sides) for sides in zip(*pairs, strict=True))
    per_second = median(ours.rate for ours, _ in pairs)
    goals = [(found, goal) for found, goal in ((cpu, row.cpu), (rate, row.rate)) if goal]
    verdict = ("met" if all(found >= goal for found, goal in goals) else "missed") if goals else ""
    print(
        f"  {row.what:{WIDTH}}{mine:7.2f}{others:8.2f}{cpu:8.2f}{_goal(row.cpu)}"
        f"{per_second:11,.0f}{rate:8.2f}{_goal(row.rate)} {verdict}".rstrip(),
        flush=True,
    )


def _goal(goal: float) -> str:
    return f" {f'(≥ {goal:.2g})' if goal else '':8}"


def table(server: Server, rounds: int) -> None:
    """Print all rows."""
    loop = asyncio.new_event_loop()
    open_: list[Any] = []
    with packages() as made:
        print("\n  against requests.Session and upb, one POST at a time; µs of CPU an acked event")
        heads = (
            f"{'ours':>7}{'theirs':>8}{'times less CPU':>17}{'events/s':>11}{'times theirs':>16}"
        )
        print(f"  {'':{WIDTH}}{heads}")
        for row in rows(server, loop, made, open_):
            show(row, rounds)
        for thing in open_:
            thing.close()
    loop.close()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    with running() as server:
        table(server, options.rounds)


if __name__ == "__main__":
    main()
