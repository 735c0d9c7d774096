"""A time limit around awaits, as `asyncio.timeout` is from Python 3.11 on."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any


class deadline:
    """`async with deadline(seconds)`: raises asyncio.TimeoutError when the block takes longer.

    A cancellation from outside stays a CancelledError. Not so on Python 3.10, which does not count
    them: there one that has not ended the block yet when the time is up, or comes between that and
    the block's end, passes for the timeout.
    """

    __slots__ = ("_expired", "_handle", "_seconds", "_task", "_was_cancelling")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._expired = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._was_cancelling = cancellations(task)
        self._handle = asyncio.get_running_loop().call_later(self._seconds, self._expire)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._handle.cancel()
        if not self._expired:
            return
        if forgive(self._task, self._was_cancelling) and kind is asyncio.CancelledError:
            raise asyncio.TimeoutError from error

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()


def cancellations(task: asyncio.Task[Any]) -> int:
    """Return how many cancellations of the task are pending; 0 where Python does not count them."""
    count = getattr(task, "cancelling", None)  # from 3.11 on
    return 0 if count is None else count()


def forgive(task: asyncio.Task[Any], before: int) -> bool:
    """Take back one cancellation of our own; whether there was no other. `before` is the count that
    was there.
    """
    uncancel = getattr(task, "uncancel", None)
    return True if uncancel is None else uncancel() <= before
