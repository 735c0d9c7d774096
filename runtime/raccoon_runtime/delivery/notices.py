"""What delivery says in the log: each change of state once, failures now and then."""

from __future__ import annotations

import logging
import time
from collections import Counter
from contextlib import suppress

from ..errors import SendError
from ..plural import were

_QUIET = 10.0  # seconds in which one kind of failure is told once


class Notices:
    """Speaks of one client's delivery. Never of an event's content, nor of what a server wrote.

    What the log raises, out of a filter of the application's say, ends here.
    """

    def __init__(self, logger: logging.Logger, address: str) -> None:
        self._log = logger
        self._address = address
        self._held_up = ""
        self._told: dict[str, float] = {}
        self._untold: Counter[str] = Counter()

    def held_up(self, error: SendError) -> None:
        """Say that nothing gets through, and why, when that is new."""
        kind = type(error).__name__
        if not self._held_up:
            told = "delivery to %s is held up, trying again: %s"
            self._say(logging.WARNING, told, self._address, error.brief())
        self._held_up = kind

    def goes_on(self) -> None:
        """Say that the server answers again, if it was said that it does not."""
        if self._held_up:
            self._say(logging.INFO, "delivery to %s goes on", self._address)
            self._held_up = ""

    def failed(self, count: int, error: SendError) -> None:
        """Say that events failed for good; how many, now and then."""
        kind = type(error).__name__
        self._untold[kind] += count
        now = time.monotonic()
        if now - self._told.get(kind, -_QUIET) >= _QUIET:
            self._told[kind] = now
            self._say_failed(kind, error.brief())

    def stumbled(self) -> None:
        """Tell of an error of ours, or of one that the log itself raised."""
        told = "an outcome could not be dealt with; the request is tried again"
        self._say(logging.ERROR, told, exc_info=True)

    def rest(self) -> None:
        """Say what was not said yet; the client is closed."""
        for kind in list(self._untold):
            self._say_failed(kind, kind)

    def _say_failed(self, kind: str, why: str) -> None:
        count = self._untold.pop(kind, 0)
        if count:
            told = "%d event%s not delivered: %s"
            self._say(logging.WARNING, told, count, were(count), why)

    def _say(self, level: int, told: str, *arguments: object, exc_info: bool = False) -> None:
        with suppress(Exception):
            self._log.log(level, told, *arguments, exc_info=exc_info)
