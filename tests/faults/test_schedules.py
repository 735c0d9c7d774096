"""Random schedules: a whole client against a server whose every answer Hypothesis decides.

Real sockets, the client's own queue, window, gate and broker; the model is the books of the audit.
Nothing may be left in limbo, and the counts have to hold in between and at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from raccoon_runtime import BatchError, ClosedError, QueueFull, RejectedError, SendTimeoutError
from raccoon_runtime.client import AsyncClient
from raccoon_runtime.collector import (
    Answered,
    Close,
    Collector,
    Delay,
    Fault,
    NoAnswer,
    Unpublishable,
)
from raccoon_runtime.delivery.future import BaseAckFuture
from raccoon_runtime.envelope import Code

from .books import Books, Expected, Outcome, Snapshots, audit
from .events import RAW, event, number_in

OPTIONS: dict[str, Any] = {
    "serializer": RAW,
    "retry_wait": 0.001,
    "retry_max_wait": 0.004,
    "ack_timeout": 0.08,
    "connect_timeout": 1.0,
    "queue_events": 30,
    "batch_events": 4,
    "in_flight": 3,
}
BOUNDS = Snapshots(most_events=30, most_bytes=64 << 20)
FAULTS: list[Fault] = [
    Unpublishable(times=1),
    Unpublishable(times=4),
    Answered(code=Code.CODE_BAD_REQUEST, times=1),
    Close(reset=True, published=True, times=1),
    Close(times=2),
    NoAnswer(published=True, times=1),
    NoAnswer(times=1),
    Delay(0.02, times=3),
    Delay(0.12, times=1),
]


class ClientAgainstServer(RuleBasedStateMachine):
    """Rules call the client and decide what the server does next; turns of the loop lie between."""

    @initialize(transport=st.sampled_from(["ws", "rest", "grpc"]))
    def begin(self, transport: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.server = Collector(event_ack=1)
        self.run(self.server.start())
        urls = {"ws": self.server.ws_url, "rest": self.server.http_url}
        url = urls.get(transport, self.server.grpc_url)
        self.client = AsyncClient.connect(url, **OPTIONS)
        self.snapshots = Snapshots(BOUNDS.most_events, BOUNDS.most_bytes)
        self.came: dict[int, BaseAckFuture | Outcome] = {}
        self.unsure: set[int] = set()
        self.tasks: dict[int, asyncio.Task[Any]] = {}
        self.others: list[asyncio.Task[Any]] = []
        self.back: set[int] = set()
        self.number = 0
        self.closed = False

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    # --- what the server does -------------------------------------------------------------

    @rule(fault=st.sampled_from(FAULTS))
    def misbehave(self, fault: Fault) -> None:
        self.server.faults.add(fault)

    @rule(reset=st.booleans())
    def sever(self, reset: bool) -> None:
        self.server.sever(reset=reset)

    @rule(turns=st.integers(0, 3))
    def restart(self, turns: int) -> None:
        self.run(self.server.stop())
        self.wait(turns)
        self.run(self.server.start())

    # --- what the caller does -------------------------------------------------------------

    @precondition(lambda self: not self.closed)
    @rule(count=st.integers(1, 12))
    def submit(self, count: int) -> None:
        for _ in range(count):
            self.call(self.client.submit)

    @precondition(lambda self: not self.closed)
    @rule(timeout=st.sampled_from([0.001, 0.05, 30.0]))
    def send(self, timeout: float) -> None:
        self.call(lambda one: self.client.send([one], timeout=timeout))

    @rule(data=st.data())
    @precondition(lambda self: self.tasks)
    def cancel(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.tasks)))
        self.tasks[number].cancel()

    @rule()
    def flush(self) -> None:
        self.others.append(self.loop.create_task(self.client.flush(0.05)))

    @precondition(lambda self: not self.closed)
    @rule(timeout=st.sampled_from([0.0, 0.02, 5.0]))
    def close(self, timeout: float) -> None:
        self.closed = True
        left = self.run(self.client.close(timeout))
        self.back = {n for n in (number_in(dead.data) for dead in left) if n is not None}

    @rule(turns=st.integers(1, 40))
    def wait(self, turns: int) -> None:
        async def pass_by() -> None:
            for _ in range(turns):
                await asyncio.sleep(0.0005)

        self.run(pass_by())
        self.collect()

    def call(self, make: Any) -> None:
        number, self.number = self.number, self.number + 1
        self.tasks[number] = self.loop.create_task(make(event(number)))

    def collect(self) -> None:
        """Enter what has come of the calls that have ended."""
        for number, task in list(self.tasks.items()):
            if task.done():
                del self.tasks[number]
                self.enter(number, task)

    def enter(self, number: int, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self.unsure.add(number)
            return
        error = task.exception()
        if error is None:
            came = task.result()
            self.came[number] = came[0] if isinstance(came, list) else came
        elif isinstance(error, SendTimeoutError):
            self.came[number] = error.futures[0]
        elif isinstance(error, BatchError):
            self.came[number] = error.failures[0].error
        else:  # not accepted
            assert isinstance(error, ClosedError | QueueFull), error

    # --- what always holds ------------------------------------------------------------------

    @invariant()
    def the_books_hold(self) -> None:
        if hasattr(self, "client"):
            self.snapshots.look(self.client.stats())
            assert self.snapshots.problems == []

    def teardown(self) -> None:
        if not hasattr(self, "client"):
            return
        try:
            self.settle()
        finally:
            self.run(self.server.stop())
            self.run(asyncio.sleep(0))
            self.loop.close()

    def settle(self) -> None:
        """The faults end: now everything gets its outcome."""
        self.server.faults.clear()
        tasks = [*self.tasks.values(), *self.others]
        if tasks:
            _, late = self.run(asyncio.wait(tasks, timeout=20))
            assert not late, "a call never ended"
            for task in self.others:
                assert isinstance(task.exception(), SendTimeoutError | None)
        if not self.closed:
            with contextlib.suppress(SendTimeoutError):
                self.run(self.client.flush(20))
            assert self.client.stats().pending == 0, "in limbo"
            self.close(5.0)
        self.collect()
        found = audit([self.books()], self.ledger(), self.expected())
        assert found.misses == []

    def books(self) -> Books:
        outcomes = {
            number: came.outcome() if isinstance(came, BaseAckFuture) else came
            for number, came in self.came.items()
        }
        return Books(outcomes, self.unsure, self.back, None if self.unsure else self.client.stats())

    def expected(self) -> Expected:
        """A code-2 answer fails its events, and no other error may."""
        rejected = {
            number: RejectedError
            for number, outcome in self.books().outcomes.items()
            if isinstance(outcome, RejectedError)
        }
        return Expected(failures=rejected, hands_back=True)

    def ledger(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = defaultdict(list)
        for one in self.server.stored:
            number = number_in(one.event_bytes)
            assert number is not None
            found[number].append(one.req_guid)
        # That fault answers code 2 to what was published: a lie, which is not the client's.
        for number in self.expected().failures:
            found.pop(number, None)
        return dict(found)


ClientAgainstServer.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None
)
TestSchedules = ClientAgainstServer.TestCase
