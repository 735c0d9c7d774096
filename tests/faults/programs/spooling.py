"""Submits events to a spool, writing down what was accepted and acknowledged.

    spooling.py URL JOURNAL SPOOL FIRST COUNT [STEP]

With STEP it kills itself at that step of the spool's: a call, or a return, in one of its functions
or of what they call in SQLite and the system. Without, it delivers everything, also what earlier
processes left, and prints how many steps that took.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from raccoon_runtime.sync import SyncClient

from tests.faults.events import RAW, event
from tests.faults.journal import Journal

_PART = f"{os.sep}raccoon_runtime{os.sep}spool{os.sep}"


class Steps:
    """Counts the spool's steps, and ends the process at one of them, if told."""

    def __init__(self, last: int | None) -> None:
        self._last = last
        self._counter = itertools.count(1)
        self.taken = 0

    def __call__(self, frame: FrameType, what: str, argument: Any) -> None:
        if _PART in frame.f_code.co_filename:
            self.taken = next(self._counter)
            if self.taken == self._last:
                os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, journal_path: str, spool: str, first: str, count: str, step: str = "") -> None:
    """Run it."""
    steps = Steps(int(step) if step else None)
    threading.setprofile(steps)
    journal = Journal(journal_path)
    quick = {"retry_wait": 0.02, "retry_max_wait": 0.1}
    client = SyncClient.connect(url, spool=spool, serializer=RAW, batch_events=5, **quick)
    journal.follow(client)
    for number in range(int(first), int(first) + int(count)):
        client.submit(event(number))
        journal.accepted(number)
    client.flush(60)
    left = client.close()
    print(steps.taken, len(left), client.stats().pending)


if __name__ == "__main__":
    main(*sys.argv[1:])
