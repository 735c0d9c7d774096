"""What a collector received and stored, and ways to wait for it from any thread or event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Literal, NamedTuple

from ..envelope import Code
from ..message import Message


class Stored(NamedTuple):
    """One event as it was published, which is what a consumer would read.

    `code` is what its request was answered: CODE_INTERNAL_ERROR when another event of the request
    could not be published. `message` is the event decoded, when the collector was given the events;
    `problem` says why it could not be.
    """

    transport: Literal["ws", "rest", "grpc"]
    wire: Literal["JSON", "PROTO"]
    req_guid: str
    type: str
    event_bytes: bytes
    identity: str
    group: str
    code: Code
    time: float
    message: Message | None = None
    problem: str | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether its request was answered OK; faults may have kept the answer from the client."""
        return self.code is Code.CODE_OK


class Received(NamedTuple):
    """One request, whatever came of it; `code` is None when a fault came before publishing."""

    transport: Literal["ws", "rest", "grpc"]
    wire: Literal["JSON", "PROTO"]
    req_guid: str
    types: tuple[str, ...]
    body: bytes
    identity: str
    group: str
    code: Code | None
    time: float


class Ledger:
    """Keeps both in their order, the newest `keep` of them.

    `stored_count` and `received_count` count those that were dropped, too.
    """

    def __init__(self, keep: int | None = None) -> None:
        self._stored: deque[Stored] = deque(maxlen=keep)
        self._received: deque[Received] = deque(maxlen=keep)
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, Callable[[], object]]] = []
        self.stored_count = 0
        self.received_count = 0

    @property
    def stored(self) -> list[Stored]:
        """The events so far."""
        with self._lock:
            return list(self._stored)

    @property
    def received(self) -> list[Received]:
        """The requests so far."""
        with self._lock:
            return list(self._received)

    def clear(self) -> None:
        """Forget all, and count from 0."""
        with self._lock:
            self._stored.clear()
            self._received.clear()
            self.stored_count = self.received_count = 0

    def add(self, received: Received, stored: list[Stored]) -> None:
        """Keep a request and those of its events that were published."""
        with self._lock:
            self._received.append(received)
            self._stored.extend(stored)
            self.received_count += 1
            self.stored_count += len(stored)
            told = [tell for n, tell in self._waiting if n <= self.stored_count]
            self._waiting = [w for w in self._waiting if w[0] > self.stored_count]
        for tell in told:
            tell()

    def wait(self, n: int, timeout: float) -> list[Stored]:
        """Block until `n` events are stored, and return them; else TimeoutError with a count."""
        reached = threading.Event()
        waiter = self._watch(n, reached.set)
        try:
            if not reached.wait(timeout):
                raise self._missed(n, timeout)
        finally:
            self._forget(waiter)
        return self.stored

    async def wait_for(self, n: int, timeout: float) -> list[Stored]:
        """Wait likewise in an event loop, the collector's or another."""
        loop = asyncio.get_running_loop()
        reached = asyncio.Event()
        waiter = self._watch(n, lambda: loop.call_soon_threadsafe(reached.set))
        try:
            await asyncio.wait_for(reached.wait(), timeout)
        except asyncio.TimeoutError:
            raise self._missed(n, timeout) from None
        finally:
            self._forget(waiter)
        return self.stored

    def _watch(self, n: int, tell: Callable[[], object]) -> tuple[int, Callable[[], object]]:
        waiter = (n, tell)
        with self._lock:
            reached = self.stored_count >= n
            if not reached:
                self._waiting.append(waiter)
        if reached:
            tell()
        return waiter

    def _forget(self, waiter: tuple[int, Callable[[], object]]) -> None:
        with self._lock:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _missed(self, n: int, timeout: float) -> TimeoutError:
        return TimeoutError(f"{self.stored_count} of {n} events stored within {timeout:g} s")
