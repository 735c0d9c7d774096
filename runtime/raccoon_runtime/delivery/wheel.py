"""Time limits of many waits at once: exact to a tick, and cheap when they are not reached."""

from __future__ import annotations

import asyncio
import contextvars
from collections import defaultdict

TICK = 0.1
"""Seconds. A limit may be noticed so much later, never earlier."""


class Wheel:
    """The waits of one event loop, by the tick in which their time is up.

    A timer for each of them would cost more than all the rest of a wait: loops keep timers sorted.
    """

    def __init__(self) -> None:
        self._ticks: defaultdict[int, set[asyncio.Future[bool]]] = defaultdict(set)
        self._turning = False
        self._context = contextvars.Context()  # for it goes on longer than who sets it off

    def put(
        self, waiter: asyncio.Future[bool], seconds: float, loop: asyncio.AbstractEventLoop
    ) -> set[asyncio.Future[bool]]:
        """Resolve this with False when the time is up, unless it is taken out of the set before."""
        tick = self._ticks[int((loop.time() + max(seconds, 0.0)) / TICK) + 1]
        tick.add(waiter)
        if not self._turning:
            self._turning = True
            loop.call_later(TICK, self._turn, loop, context=self._context)
        return tick

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        now = int(loop.time() / TICK)
        for number in [number for number in self._ticks if number <= now]:
            for waiter in self._ticks.pop(number):
                if not waiter.done():
                    waiter.set_result(False)
        # Ticks in which nobody waits any more are let go, or it would turn until their time.
        for number in [n for n, waiting in self._ticks.items() if not waiting]:
            del self._ticks[number]
        self._turning = bool(self._ticks)
        if self._turning:
            loop.call_later(TICK, self._turn, loop, context=self._context)
