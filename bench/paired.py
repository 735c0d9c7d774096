"""Two ways to do one thing, timed in turns: the machine's speed wanders, the ratio of neighbours
does not. Times are of the processor, so that who else uses it counts for less.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import thread_time

Action = Callable[[], object]
LONG_ENOUGH = 0.002


@dataclass(frozen=True)
class Pair:
    """Median times in seconds of one call, and the median of the ratios of neighbours."""

    ours: float
    theirs: float
    ratio: float
    """Theirs to ours: above 1 ours is faster."""


def paired(ours: Action, theirs: Action, rounds: int) -> Pair:
    """Time both, in turns, `rounds` times each."""
    sides = [(ours, _calls(ours)), (theirs, _calls(theirs))]
    taken: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            for side in (0, 1) if number % 2 else (1, 0):
                taken[side].append(_time(*sides[side]))
    finally:
        gc.enable()
    ratios = [theirs / ours for ours, theirs in zip(*taken, strict=True)]
    return Pair(median(taken[0]), median(taken[1]), median(ratios))


def _calls(action: Action) -> int:
    """How many calls make a time that a clock can tell."""
    _time(action, 100)  # what is done at first use, and the interpreter's own warming up
    count = 1
    while _time(action, count) * count < LONG_ENOUGH:
        count *= 2
    return count


def _time(action: Action, count: int) -> float:
    turns = range(count)
    started = thread_time()
    for _ in turns:
        action()
    return (thread_time() - started) / count
