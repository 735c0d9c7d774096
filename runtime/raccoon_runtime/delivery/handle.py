"""The event loop on which a delivery lives, as seen from any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from ..errors import UsageError


class LoopHandle:
    """Bound once, to the loop that first uses it. `lock` guards what other threads may touch."""

    __slots__ = ("_loop", "_thread", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    @property
    def bound(self) -> bool:
        """Whether a loop has used it yet."""
        return self._loop is not None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop; UsageError when there is none yet."""
        if self._loop is None:
            raise UsageError("no event loop has used this client yet")
        return self._loop

    def bind(self) -> bool:
        """Bind to the running loop; whether that is new. UsageError when it belongs to another one."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return False
        if self._loop is not None:
            raise UsageError(
                "this client belongs to another event loop; make one client for each loop"
            )
        self._loop = loop
        self._thread = threading.get_ident()
        return True

    def here(self) -> bool:
        """Whether this is the loop's own thread."""
        return threading.get_ident() == self._thread

    def call(self, function: Callable[..., object], *args: Any) -> bool:
        """Have the loop call it soon; whether there is a loop that will."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return False
        if self.here():
            loop.call_soon(function, *args)
            return True
        try:
            loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # closed meanwhile
            return False
        return True
