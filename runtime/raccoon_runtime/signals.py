"""Closing a client when the process is told to end, for those who ask for it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from .errors import UsageError

TERM = (signal.SIGTERM,)


class SignalCloser:
    """Begins to close something at a signal, and hands the signal on when that is finished.

    A handler runs between two instructions of the main thread, which may hold any lock: so it only
    begins, and whoever closes calls `finish`, from any thread. The signal is then raised once more.
    """

    def __init__(self, begin: Callable[[], object]) -> None:
        self._begin = begin
        self._before: dict[int, Any] = {}
        self._came: int | None = None
        self._finished = False

    def install(self, *signals: int) -> None:
        """Handle these signals from now on; UsageError outside of the main thread."""
        if threading.current_thread() is not threading.main_thread():
            raise UsageError("signals can be handled from the main thread only")
        for number in signals:
            self._before[number] = signal.signal(number, self._handle)

    def finish(self) -> None:
        """Hand the signal on; it is closed."""
        self._finished = True
        if self._came is not None:
            os.kill(os.getpid(), self._came)

    def _handle(self, number: int, frame: Any) -> None:
        # Who is told a second time does not wait.
        if self._finished or self._came is not None:
            self._hand_on(number, frame)
            return
        self._came = number
        self._begin()

    def _hand_on(self, number: int, frame: Any) -> None:
        before = self._before[number]
        if callable(before):
            before(number, frame)
        elif before is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
