"""The event loop on which a delivery lives, as seen from any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from ..errors import SendError, UsageError
from .callbacks import Callbacks
from .wheel import Wheel


class LoopHandle:
    """Bound once, to the loop that first uses it. `lock` guards what other threads may touch."""

    __slots__ = ("_loop", "bound", "callbacks", "lock", "trouble", "wheel")

    def __init__(self, callbacks: Callbacks) -> None:
        self.lock = threading.Lock()
        self.callbacks = callbacks
        self.wheel = Wheel()
        self.bound = False
        """Whether a loop has used it yet."""
        self.trouble: SendError | None = None
        """Why nothing gets through now."""
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop; UsageError when there is none yet."""
        if self._loop is None:
            raise UsageError("no event loop has used this client yet")
        return self._loop

    def bind(self) -> bool:
        """Bind to the running loop; whether that is new. UsageError when it belongs to another."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return False
        if self._loop is not None:
            told = "this client belongs to another event loop; make one client for each loop"
            raise UsageError(told)
        self._loop = loop
        self.bound = True
        return True

    def unbind(self) -> None:
        """Take it back, for it did not come to anything."""
        self._loop, self.bound = None, False

    @property
    def is_over(self) -> bool:
        """Whether its loop is closed."""
        return self._loop is not None and self._loop.is_closed()

    def is_on(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether this is the loop."""
        return self._loop is loop

    def here(self) -> bool:
        """Whether the loop runs this very code."""
        return self._loop is not None and asyncio._get_running_loop() is self._loop

    def call(self, function: Callable[..., object], *args: Any) -> bool:
        """Have the loop call it soon; whether there is a loop that will."""
        loop = self._loop
        if loop is not None and self.here() and not loop.is_closed():
            loop.call_soon(function, *args)
            return True
        return self.wake_and_call(function, *args)

    def wake_and_call(self, function: Callable[..., object], *args: Any) -> bool:
        """The same, also in a signal's handler, which may have come while this loop waits."""
        loop = self._loop
        if loop is None:
            return False
        try:
            loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # closed
            return False
        return True
