"""Closing a client when the process is told to end, for those who ask for it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

from .errors import UsageError

TERM = (signal.SIGTERM,)
_NEVER = frozenset(getattr(signal, name, None) for name in ("SIGKILL", "SIGSTOP"))


class SignalCloser:
    """Begins to close something at a signal, and hands the signal on when that is finished.

    A handler runs between two instructions of the main thread, which may hold any lock: so `begin`
    only begins, and calls what it is given when it is through, from any thread; it says whether
    there is something to wait for. The signal is then raised once more.
    """

    def __init__(self, begin: Callable[[Callable[[], object]], bool]) -> None:
        self._begin = begin
        self._before: dict[int, Any] = {}
        self._came: int | None = None
        self._finished = False

    def install(self, signals: Sequence[int]) -> None:
        """Handle these signals from now on; UsageError outside of the main thread, where an event
        loop handles one, and for what cannot be handled.
        """
        if threading.current_thread() is not threading.main_thread():
            raise UsageError("signals can be handled from the main thread only")
        for number in signals:
            if number not in signal.valid_signals() or number in _NEVER:
                raise UsageError(f"{number!r} is no signal that can be handled")
            # The loop hears of a signal whatever handler there is: the order could not be kept.
            if _is_a_loops(signal.getsignal(number)):
                name = signal.Signals(number).name
                told = f"the event loop handles {name} (add_signal_handler)"
                raise UsageError(f"{told}; close the client in its handler")
        for number in signals:
            self._before[number] = signal.signal(number, self._handle)

    def uninstall(self) -> None:
        """Put back what was there, unless somebody has come after, or this is another thread."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number, before in self._before.items():
            if signal.getsignal(number) == self._handle and self._came is None:
                signal.signal(number, signal.SIG_DFL if before is None else before)

    def _handle(self, number: int, frame: Any) -> None:
        # Who is told a second time does not wait.
        if self._came is not None or self._finished:
            self._hand_on(number, frame)
            return
        self._came = number
        if not self._begin(self._finish):
            self._came = None
            self._hand_on(number, frame)

    def _finish(self) -> None:
        self._finished = True
        if self._came is not None:
            os.kill(os.getpid(), self._came)

    def _hand_on(self, number: int, frame: Any) -> None:
        before = self._before[number]
        if callable(before):
            before(number, frame)
        elif before is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


def _is_a_loops(handler: Any) -> bool:
    """Whether `add_signal_handler` put it there: asyncio's, or uvloop's, which is its method."""
    owner = getattr(handler, "__self__", None)
    asyncios = getattr(handler, "__module__", "") == "asyncio.unix_events"
    return asyncios or isinstance(owner, asyncio.AbstractEventLoop)
