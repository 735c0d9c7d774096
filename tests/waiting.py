"""Waiting for a condition that nobody announces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 20.0


async def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Return when the condition holds; fail when it does not in time."""
    end = time.monotonic() + patience
    # There is no event to wait for: what is watched is a counter of the client's or the server's.
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        await asyncio.sleep(0.005)
