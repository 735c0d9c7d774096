"""The way of an event that failed to `on_failure`, which may be slow: bounded like the queue."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

from .callbacks import Callbacks
from .queue import Bounds
from .stats import Counters
from .undelivered import Undelivered


class DeadLetters:
    """Holds as many as the queue does; what is more is counted, and said once."""

    def __init__(
        self,
        on_failure: Callable[[Undelivered], object],
        callbacks: Callbacks,
        bounds: Bounds,
        counters: Counters,
        logger: logging.Logger,
    ) -> None:
        self._on_failure = on_failure
        self._callbacks = callbacks
        self._bounds = bounds
        self._counters = counters
        self._log = logger
        self._lock = threading.Lock()
        self._events = 0
        self._bytes = 0
        self._dropping = False

    def put(self, letters: Sequence[Undelivered], *, last: bool) -> None:
        """Have it called for each; for the last ones, of a client that ends, whatever waits."""
        for letter in letters:
            if self._has_room(len(letter.data)) or last:
                with self._lock:
                    self._events += 1
                    self._bytes += len(letter.data)
                self._callbacks.run(partial(self._give, letter))
            else:
                self._drop()

    def _has_room(self, size: int) -> bool:
        events, most = self._events, self._bounds
        return events < most.events and (not events or self._bytes + size <= most.bytes)

    def _drop(self) -> None:
        with self._lock:
            self._counters.letters_dropped += 1
            again, self._dropping = self._dropping, True
        if not again:
            told = "on_failure is too slow; as many events as may be pending wait for it, and what"
            self._log.error("%s fails now is not given to it", told)

    def _give(self, letter: Undelivered) -> None:
        with self._lock:
            self._events -= 1
            self._bytes -= len(letter.data)
            self._dropping &= self._events > 0
        self._on_failure(letter)
