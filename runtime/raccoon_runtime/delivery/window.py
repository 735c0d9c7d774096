"""The slots for requests in flight: long-lived workers, started when first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from .. import tasks
from .batch import Batch
from .handle import LoopHandle

_PAUSE = 0.1  # seconds until there are workers again, by when a loop that ends has ended


class Source(Protocol):
    """Where batches come from, and go with their outcome."""

    def take(self) -> Batch | None:
        """Return the next batch that may go, if there is one."""
        ...

    def more(self) -> bool:
        """Whether there may be another."""
        ...

    def carry(self, batch: Batch) -> Awaitable[None]:
        """Bring it to the server and deal with what comes of it."""
        ...

    def interrupted(self, batch: Batch) -> None:
        """Hear that a worker was cancelled from outside while it carried this."""
        ...

    def killed(self) -> None:
        """Hear that a worker raised what ends an event loop."""
        ...


class Window:
    """A batch leaves when a slot is free, with what has gathered by then."""

    def __init__(self, size: int, source: Source, handle: LoopHandle) -> None:
        self._size = size
        self._source = source
        self._handle = handle
        self._idle: list[asyncio.Future[None]] = []
        self._workers: set[asyncio.Task[None]] = set()
        self._closing = False
        self.busy = 0

    def wake(self) -> None:
        """Let a slot look for a batch."""
        while self._idle:
            waiter = self._idle.pop()
            if not waiter.done():
                waiter.set_result(None)
                return
        if len(self._workers) < self._size and not self._closing:
            loop, done = self._handle.loop, self._workers.discard
            self._workers.add(tasks.start(self._work(), loop, "raccoon-delivery", done))

    def wake_all(self) -> None:
        """Let every slot look."""
        for _ in range(self._size):
            self.wake()

    def end(self) -> None:
        """Take nothing up any more."""
        self._closing = True

    def cancel(self) -> set[asyncio.Task[None]]:
        """Have the workers end, whatever they are at, and return them."""
        self.end()
        workers = self._workers - {asyncio.current_task()}
        for worker in workers:
            worker.cancel()
        return workers

    async def close(self) -> None:
        """End the workers."""
        if workers := self.cancel():
            await asyncio.wait(workers)

    async def _work(self) -> None:
        try:
            while not self._closing:
                batch = self._source.take()
                if batch is None:
                    await self._rest()
                    continue
                if self._source.more():
                    self.wake()
                await self._carry(batch)
        except asyncio.CancelledError:
            if not self._closing:
                # Whoever cancels all tasks may go on with the loop, and close the client.
                self._handle.loop.call_later(_PAUSE, self.wake_all)
            raise
        except BaseException:  # SystemExit, say, from the function that makes the headers
            if not self._closing:
                self._source.killed()
            raise

    async def _carry(self, batch: Batch) -> None:
        self.busy += 1
        try:
            await self._source.carry(batch)
        except asyncio.CancelledError:
            if not self._closing:
                self._source.interrupted(batch)
            raise
        finally:
            self.busy -= 1

    async def _rest(self) -> None:
        waiter: asyncio.Future[None] = self._handle.loop.create_future()
        self._idle.append(waiter)
        await waiter
