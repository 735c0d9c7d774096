"""The end of the process, on whichever way Python gets there."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from . import process

_calls: list[Callable[[], None]] = []
_ready = -1  # the process, by its generation, that `expect` was called in


def at_exit(call: Callable[[], None]) -> Callable[[], None]:
    """Have this called when the process ends; what was named last comes first."""
    _calls.insert(0, call)
    return call


def expect() -> None:
    """Make sure of it in this process: the children of multiprocessing end without atexit."""
    global _ready
    if _ready == process.generation():
        return
    _ready = process.generation()
    multiprocessing: Any = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, _end, exitpriority=0)


@atexit.register
def _end() -> None:
    with ExitStack() as calls:  # so that an interrupt in one does not keep the next from speaking
        for call in reversed(_calls):
            calls.callback(call)
