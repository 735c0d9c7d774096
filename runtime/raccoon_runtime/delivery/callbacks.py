"""A thread in which a client's callbacks run: they may be slow, and nothing waits for them but
`close`.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable


class Callbacks:
    """Runs what it is given, in order, in a thread that is there while it is needed."""

    def __init__(self, logger: logging.Logger) -> None:
        self._log = logger
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], object]] = deque()
        self._running = False
        self._thread: int | None = None

    @property
    def busy(self) -> bool:
        """Whether something is running, or waits to."""
        return self._running

    def here(self) -> bool:
        """Whether one of them runs this very code."""
        return self._running and self._thread == threading.get_ident()

    def run(self, callback: Callable[[], object]) -> None:
        """Have it called soon. An exception in it is logged."""
        with self._lock:
            self._waiting.append(callback)
            if self._running:
                return
            self._running = True
        try:
            threading.Thread(target=self._work, name="raccoon-callbacks", daemon=True).start()
        except RuntimeError:  # the interpreter is ending, and takes no new threads
            self._work()

    def _work(self) -> None:
        self._thread = threading.get_ident()
        while True:
            with self._lock:
                if not self._waiting:
                    self._running = False
                    return
                callback = self._waiting.popleft()
            try:
                callback()
            except BaseException:  # SystemExit too, which would end the thread and not the process
                self._log.exception("a callback failed")
