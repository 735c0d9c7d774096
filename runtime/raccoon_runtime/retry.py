"""How often to try again, and how long to wait before it."""

from __future__ import annotations

import email.utils
import random
import time
from dataclasses import dataclass
from datetime import timezone

MOST_RETRY_AFTER = 300.0
"""The longest wait that a server's Retry-After is granted, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Full jitter under a doubling ceiling, until the count or the budget is spent.

    `count` is the number of retries, None for as many as the budget allows; times are in seconds,
    the budget from the first failure on.
    """

    count: int | None = None
    wait: float = 0.25
    max_wait: float = 30.0
    budget: float = 300.0

    def delay(self, failures: int, floor: float | None = None) -> float:
        """Return the wait after that many failures in a row: what the server asked for, and the
        jitter on top, or a fleet would come back in the same instant.
        """
        ceiling = min(self.max_wait, self.wait * 2.0 ** min(failures - 1, 60))
        return (floor or 0.0) + random.uniform(0.0, ceiling)

    def spent(self, failures: int, since_first: float) -> bool:
        """Whether there is no retry left."""
        return (self.count is not None and failures > self.count) or since_first >= self.budget


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, clamped; None when it is missing or
    makes no sense.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), MOST_RETRY_AFTER)
    try:
        when = email.utils.parsedate_to_datetime(text)
        if when.tzinfo is None:  # what is meant where "-0000" stands, and by HTTP in any case
            when = when.replace(tzinfo=timezone.utc)
        left = when.timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(left, 0.0), MOST_RETRY_AFTER)
