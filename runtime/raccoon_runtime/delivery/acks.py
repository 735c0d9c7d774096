"""`acks()`: the answers to requests as they come, for whoever iterates."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ClassVar, TypeVar
from weakref import WeakSet

from ..envelope import Ack, Code, Status
from ..errors import SendError
from .future import wake
from .stats import Counters

KEPT = 10_000


def failure_ack(error: SendError) -> Ack:
    """Return a failed request as an ack that says so; code UNSPECIFIED when no Raccoon answered."""
    code = Code.CODE_UNSPECIFIED if error.code is None else error.code
    told = error.reason or error.summary
    return Ack(
        error.req_guid,
        Status.STATUS_ERROR,
        code,
        reason=told,
        possible_duplicate=error.persisted == "possibly",
    )


class _Stream:
    """Keeps what nobody has taken yet, the newest when it is too much."""

    _over: ClassVar[type[Exception]]
    """What ends an iteration."""

    def __init__(self, counters: Counters) -> None:
        self.dropped = 0
        """How many were lost because nobody took them in time."""
        self._counters = counters
        self._lock = threading.Lock()
        self._kept: deque[Ack] = deque(maxlen=KEPT)
        self._wakers: list[Callable[[], object]] = []
        self._ended = False

    def put(self, ack: Ack) -> None:
        """Add one."""
        with self._lock:
            if len(self._kept) == KEPT:
                self.dropped += 1
                self._counters.acks_dropped += 1
            self._kept.append(ack)
        self._wake()

    def end(self) -> None:
        """Let the iteration stop after what is kept."""
        with self._lock:
            self._ended = True
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            wakers, self._wakers = self._wakers, []
        for waker in wakers:
            waker()

    def _take(self, waker: Callable[[], object]) -> Ack | None:
        """Return the next; None when it is still to come, and the waker will be called then."""
        with self._lock:
            if self._kept:
                return self._kept.popleft()
            if self._ended:
                raise self._over
            self._wakers.append(waker)
        return None

    def _forget(self, waker: Callable[[], object]) -> None:
        """Take back what still waits: whoever did was cancelled, or interrupted."""
        with self._lock, suppress(ValueError):
            self._wakers.remove(waker)


class AckStream(_Stream):
    """An asynchronous iterator over acks; it stops when the client is closed.

    Of several tasks that share one, each gets some.
    """

    _over = StopAsyncIteration

    def __aiter__(self) -> AckStream:
        return self

    async def __anext__(self) -> Ack:
        while True:
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[bool] = loop.create_future()
            waker = partial(wake, loop, waiter)
            ack = self._take(waker)
            if ack is not None:
                return ack
            try:
                await waiter
            finally:
                self._forget(waker)


class SyncAckStream(_Stream):
    """An iterator over acks that waits for the next; it stops when the client is closed.

    Of several threads that share one, each gets some.
    """

    _over = StopIteration

    def __iter__(self) -> SyncAckStream:
        return self

    def __next__(self) -> Ack:
        while True:
            came = threading.Event()
            ack = self._take(came.set)
            if ack is not None:
                return ack
            try:
                came.wait()
            finally:
                self._forget(came.set)


S = TypeVar("S", AckStream, SyncAckStream)


class Streams:
    """The iterators that there are; any thread may make one."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._lock = threading.Lock()
        self._open: WeakSet[AckStream | SyncAckStream] = WeakSet()
        self._ended = False

    def __len__(self) -> int:
        return len(self._open)

    def new(self, kind: type[S]) -> S:
        """Return another, which gets what comes from now on."""
        stream = kind(self._counters)
        with self._lock:
            self._open.add(stream)
            ended = self._ended
        if ended:
            stream.end()
        return stream

    def put(self, outcome: Ack | SendError) -> None:
        """Give a request's outcome to each."""
        if self._open:
            ack = outcome if isinstance(outcome, Ack) else failure_ack(outcome)
            for stream in self._all():
                stream.put(ack)

    def end(self) -> None:
        """Let each stop after what it holds, and those that are still to come."""
        with self._lock:
            self._ended = True
        for stream in self._all():
            stream.end()

    def _all(self) -> list[AckStream | SyncAckStream]:
        with self._lock:
            return list(self._open)
