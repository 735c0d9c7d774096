"""How long to wait, as callers say it."""

from __future__ import annotations

import math
import threading

LONGEST = threading.TIMEOUT_MAX
"""The longest wait that a thread can be told, in seconds: 292 years on most systems."""


def seconds(timeout: float | None) -> float:
    """Return how long to wait: infinity for None, and for what no thread could wait.

    TypeError when it is no number, ValueError when it is NaN.
    """
    given: object = timeout
    if timeout is None:
        return math.inf
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise TypeError(f"timeout is a number of seconds, not {type(given).__name__}")
    if math.isnan(timeout):
        raise ValueError("timeout is a number of seconds, not NaN")
    return bounded(timeout)


def bounded(wait: float) -> float:
    """Return a wait, or infinity for what no thread could wait."""
    return math.inf if wait > LONGEST else wait
