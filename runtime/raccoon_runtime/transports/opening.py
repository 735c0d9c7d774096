"""Opening a connection once for all who need it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from .. import tasks
from ..errors import ConnectError, SendError

T = TypeVar("T")


class Opening(Generic[T]):
    """One attempt at a time, in a task of its own, so that who stops waiting does not stop it for
    the others.

    `opened` is called with what came of it, even if nobody waits any more.
    """

    def __init__(
        self, open: Callable[[], Coroutine[Any, Any, T]], opened: Callable[[T], None]
    ) -> None:
        self._open = open
        self._opened = opened
        self._task: asyncio.Task[T] | None = None

    async def connection(self, req_guid: str) -> T:
        """Return a new connection; SendError, told to this request, when there is none."""
        task = self._task
        if task is None:
            loop = asyncio.get_running_loop()
            task = self._task = tasks.start(self._open(), loop, "raccoon-connect", self._done)
        await asyncio.wait([task])
        if task.cancelled():
            raise ConnectError("closed meanwhile", req_guid=req_guid)
        error = task.exception()
        if isinstance(error, SendError):
            raise error.about(req_guid, "no") from error.__cause__
        return task.result()

    async def close(self) -> None:
        """Give the attempt up, if there is one; `opened` has been called when it succeeded."""
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def abandon(self) -> None:
        """The same, without waiting."""
        if self._task is not None:
            self._task.cancel()

    def _done(self, task: asyncio.Task[T]) -> None:
        if self._task is task:
            self._task = None
        # Asked for its error, for perhaps nobody waits for it any more.
        if not task.cancelled() and task.exception() is None:
            self._opened(task.result())
