"""Waiting in line for room in a queue: from an event loop, or from a thread."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Sequence

from .future import resolve, wake
from .queue import Place, Queue


async def put_in_turn(
    queue: Queue, frames: Sequence[bytes], start: int, seconds: float, context: object = None
) -> list[Place]:
    """Wait for a turn, and put what there is room for then, from `start` on; nothing when it does
    not come in time.
    """
    end = time.monotonic() + seconds
    turn = _LoopTurn()
    try:
        while True:
            queue.when_room(len(frames[start]), turn)
            if not await turn.comes(end - time.monotonic()):
                return []
            if places := queue.put_all(frames, start, turn, context):
                return places
    finally:
        queue.no_room_needed(turn)


def put_in_turn_for_thread(
    queue: Queue, frames: Sequence[bytes], start: int, seconds: float, context: object = None
) -> list[Place]:
    """The same, for a thread to wait."""
    end = time.monotonic() + seconds
    turn = _ThreadTurn()
    try:
        while True:
            queue.when_room(len(frames[start]), turn)
            if not turn.comes(end - time.monotonic()):
                return []
            if places := queue.put_all(frames, start, turn, context):
                return places
    finally:
        queue.no_room_needed(turn)


class _LoopTurn:
    """One who waits in an event loop; called, from any thread, when it is time to try."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[bool] = self._loop.create_future()

    def __call__(self) -> None:
        wake(self._loop, self._waiter)

    async def comes(self, seconds: float) -> bool:
        """Wait for it; whether it came in time."""
        timer = None
        if seconds != math.inf:
            timer = self._loop.call_later(seconds, resolve, self._waiter, False)
        try:
            return await self._waiter
        finally:
            if timer is not None:
                timer.cancel()
            self._waiter = self._loop.create_future()


class _ThreadTurn:
    """One who waits in a thread."""

    def __init__(self) -> None:
        self._came = threading.Event()

    def __call__(self) -> None:
        self._came.set()

    def comes(self, seconds: float) -> bool:
        """Wait for it; whether it came in time."""
        came = self._came.wait(None if seconds == math.inf else max(seconds, 0.0))
        self._came.clear()
        return came
