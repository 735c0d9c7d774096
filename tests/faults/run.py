"""One row over one transport: a server, clients, load, and what is watched meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from raccoon_runtime import BatchError, QueueFull, SendTimeoutError
from raccoon_runtime.client import AsyncClient
from raccoon_runtime.delivery.future import BaseAckFuture
from raccoon_runtime.sync import SyncClient

from . import events
from .books import Books, Expected, Outcome, Snapshots
from .proxy import Proxy
from .servers import Server
from .watch import Watch

QUICK: dict[str, Any] = {"retry_wait": 0.02, "retry_max_wait": 0.2}
TICK = 0.01
Client = AsyncClient | SyncClient
C = TypeVar("C", AsyncClient, SyncClient)


class Skip(Exception):
    """The row cannot be run here; the reason is the message."""


class Miss(Exception):
    """The row found something wrong that the audit does not see."""


class Run:
    """What a row is given.

    A row submits events and breaks things. It need not wait for outcomes nor close its clients:
    that, and the audit, come after it. `expected` says what may become of which events.
    """

    def __init__(self, transport: str, server: Server, directory: Path, *, short: bool) -> None:
        self.transport = transport
        self.server = server
        self.directory = directory
        self.journal = directory / "journal.jsonl"
        """Where programs write down what was accepted and acknowledged."""
        self.short = short
        self.minutes = 0.0
        """How long to go on, where a row can; 0 leaves it to the row."""
        self.patience = 60.0
        """How long what is pending at the end may take, in seconds."""
        self.expected = Expected()
        # A first client imports its transport's libraries: a program's start, not a fault's doing.
        AsyncClient.connect(server.url(transport))
        self.watch = Watch(lambda: server.starting)
        self.notes: list[str] = []
        self.books: list[Books] = []
        self.snapshots: list[Snapshots] = []
        self.said: list[tuple[float, str]] = []
        """What the client logged, and when by the monotonic clock."""
        self._clients: dict[Client, dict[int, BaseAckFuture | Outcome]] = {}
        self._unsure: dict[Client, set[int]] = {}
        self._number = 0
        self._stack = AsyncExitStack()

    def either(self, short: Any, full: Any) -> Any:
        """Return one or the other, by the form that is run."""
        return short if self.short else full

    # --- what takes part ----------------------------------------------------------------

    def connect(self, *, via: Proxy | None = None, **options: Any) -> AsyncClient:
        """Return a client of the server, perhaps through a proxy; it is watched from now on."""
        return self._made(AsyncClient, via, options)

    def connect_sync(self, *, via: Proxy | None = None, **options: Any) -> SyncClient:
        """Return a synchronous one."""
        return self._made(SyncClient, via, options)

    def _made(self, kind: type[C], via: Proxy | None, options: dict[str, Any]) -> C:
        url = self.server.url(self.transport)
        if via is not None:
            url = url.replace(f":{self.server.port(self.transport)}", f":{via.port}")
        client = kind.connect(url, **{"serializer": events.RAW, **QUICK, **options})
        bounds = options.get("queue_events", 10_000), options.get("queue_bytes", 64 << 20)
        self.snapshots.append(Snapshots(*bounds))
        self.watch.add(client, self.snapshots[-1])
        self._clients[client] = {}
        return client

    def proxy(self) -> Proxy:
        """Return a proxy before the server, there until the run ends."""
        return self._stack.enter_context(Proxy(self.server.port(self.transport)))

    # --- load -----------------------------------------------------------------------------

    def numbers(self, count: int) -> range:
        """Return numbers for so many new events."""
        first, self._number = self._number, self._number + count
        return range(first, self._number)

    async def submit(
        self, client: AsyncClient, count: int, *, type: str = events.USUAL, size: int = 0
    ) -> Sequence[int]:
        """Submit so many events, waiting for room, and return their numbers."""
        numbers = self.numbers(count)
        for number in numbers:
            future = await client.submit(events.event(number, type, size))
            self.note(client, number, future)
        return numbers

    async def submit_poison(
        self, client: AsyncClient, count: int = 1, *, type: str = events.USUAL
    ) -> Sequence[int]:
        """Submit events that the server's publisher refuses."""
        numbers = self.numbers(count)
        for number in numbers:
            self.note(client, number, await client.submit(events.poison(number, type)))
        return numbers

    def note(self, client: Client, number: int, came: BaseAckFuture | Outcome) -> None:
        """Enter an event that was accepted: its future, or what came of it."""
        self._clients[client][number] = came

    def unsure(self, client: Client, number: int) -> None:
        """Enter an event that may have been accepted or not: its call was cancelled."""
        self._unsure.setdefault(client, set()).add(number)

    @asynccontextmanager
    async def traffic(self, client: AsyncClient, *, pause: float = 0.002) -> AsyncIterator[None]:
        """Keep the client busy while the block lasts, by every kind of call."""
        ended = asyncio.Event()
        task = asyncio.create_task(self._flow(client, pause, ended))
        try:
            yield
        finally:
            ended.set()
            await task

    async def _flow(self, client: AsyncClient, pause: float, ended: asyncio.Event) -> None:
        sends: set[asyncio.Task[None]] = set()
        while not ended.is_set():
            await self.submit(client, 2)
            with contextlib.suppress(QueueFull):
                number = self._number
                self.note(client, number, client.submit_nowait(events.event(number)))
                self._number += 1
            if len(sends) < 8:
                sends.add(task := asyncio.create_task(self._send(client)))
                task.add_done_callback(sends.discard)
            await asyncio.sleep(pause)
        await asyncio.gather(*sends)

    async def _send(self, client: AsyncClient) -> None:
        """Send one event as most callers do, and wait for its ack."""
        (number,) = self.numbers(1)
        try:
            (ack,) = await client.send([events.event(number)], timeout=self.patience)
        except SendTimeoutError as error:
            self.note(client, number, error.futures[0])
        except BatchError as error:
            self.note(client, number, error.failures[0].error)
        else:
            self.note(client, number, ack)

    def outcomes(self, client: Client) -> dict[int, Outcome]:
        """Return what has come of this client's events so far."""
        return {number: _outcome(came) for number, came in self._clients[client].items()}

    # --- what happens ---------------------------------------------------------------------

    def healed(self) -> None:
        """Note that the fault is over: from here on recovery is timed."""
        self.watch.healed()

    async def until(self, condition: Any, what: str, patience: float = 30.0) -> float:
        """Return after how many seconds the condition held; a miss when it does not in time."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > patience:
                raise Miss(f"{what}: not within {patience:g} s")
            await asyncio.sleep(TICK)
        return time.monotonic() - began

    def has_said(self, words: str) -> bool:
        """Whether the client logged something with these words."""
        return any(words in text for _, text in self.said)

    # --- the end --------------------------------------------------------------------------

    async def settle(self) -> None:
        """Wait for what is pending, close the clients, and write up their books."""
        for client in self._clients:
            with contextlib.suppress(SendTimeoutError):
                await _awaited(client, client.flush, self.patience)
            left = await _awaited(client, client.close, 1.0)
            found = Books(self.outcomes(client), self._unsure.get(client, set()))
            found.stats = client.stats()
            returned = {events.number_in(dead.data) for dead in left}
            found.handed_back = {number for number in returned if number is not None}
            self.books.append(found)

    async def __aenter__(self) -> Run:
        logger = logging.getLogger("raccoon_runtime")
        handler = _Said(self.said)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        self._stack.callback(logger.removeHandler, handler)
        self._stack.enter_context(self.watch.watching())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


async def _awaited(client: Client, call: Any, seconds: float) -> Any:
    if isinstance(client, AsyncClient):
        return await call(seconds)
    return await asyncio.to_thread(call, seconds)


def _outcome(came: BaseAckFuture | Outcome) -> Outcome:
    if isinstance(came, BaseAckFuture):
        return came.outcome() if came.done() else None
    return came


class _Said(logging.Handler):
    def __init__(self, said: list[tuple[float, str]]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append((time.monotonic(), record.getMessage()))
