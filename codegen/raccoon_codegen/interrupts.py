"""Ctrl-C and what else ends a run, kept waiting where it must not strike between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

_ENDING = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]


@contextmanager
def held() -> Generator[Callable[[], None], None, None]:
    """Let the signals that end a run wait until the block is left.

    Gives a function to call where the block may be given up: it raises KeyboardInterrupt when one
    waits. A signal that is ignored stays so.
    """
    waiting: list[int] = []
    handlers: dict[int, Any] = {}

    def check() -> None:
        if waiting:
            raise KeyboardInterrupt

    try:
        if threading.current_thread() is threading.main_thread():  # they strike no other
            for number in _ENDING:
                handler = signal.getsignal(number)
                if handler not in (signal.SIG_IGN, None):
                    handlers[number] = handler
                    signal.signal(number, lambda number, _: waiting.append(number))
        yield check
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if waiting:
            signal.raise_signal(waiting[0])
