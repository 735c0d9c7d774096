"""What a signal's handler raises amid a call, as Ctrl-C does: the books stay right.

The exception is raised by a trace function before each line in turn, where a signal's may come.
"""

from __future__ import annotations

import itertools
import linecache
import logging
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from raccoon_runtime.delivery import batch, queue
from raccoon_runtime.delivery.batch import Batch
from raccoon_runtime.delivery.callbacks import Callbacks
from raccoon_runtime.delivery.handle import LoopHandle
from raccoon_runtime.delivery.queue import Bounds, Queue
from raccoon_runtime.envelope import Ack, Code, Status
from raccoon_runtime.errors import DroppedError
from raccoon_runtime.spool import SpooledQueue
from raccoon_runtime.spool.row import Amount
from raccoon_runtime.wires import PROTO_WIRE

TRACED = {batch.__file__, queue.__file__}
ACK = Ack("", Status.STATUS_SUCCESS, Code.CODE_OK)


class Interrupt(BaseException):
    pass


def interrupted(call: Callable[[], object], nth: int) -> bool:
    """Call it, and raise before the nth line; whether it came so far."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        if frame.f_code.co_filename not in TRACED:
            return None
        # No handler comes at a `try`, nor between a lock's release and the end of its `with`.
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if event == "line" and not text.startswith(("with ", "try:")):
            count += 1
            if count == nth:
                sys.settrace(None)
                raise Interrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except Interrupt:
        return True
    finally:
        sys.settrace(before)
    return False


class Case:
    """A queue with some events in it, and what it signals."""

    def __init__(self, begun: int, linger: float) -> None:
        bounds = Bounds(events=20, bytes=1000, batch_events=3, batch_bytes=100, linger=linger)
        handle = LoopHandle(Callbacks(logging.getLogger("test")))
        self.signals = 0
        self.queue = Queue(bounds, PROTO_WIRE, handle, self._signal)
        for _ in range(begun):
            assert self.queue.put(b"before")

    def _signal(self) -> None:
        self.signals += 1

    def taken(self) -> Iterator[Batch]:
        self.queue.live()  # ends the linger
        while (found := self.queue.take()) is not None:
            yield found


CALLS: dict[str, Callable[[Queue], object]] = {
    "put": lambda queue: queue.put(b"event", object()),
    "put_all": lambda queue: queue.put_all([b"event"] * 5, context=object()),
    "refuse": lambda queue: queue.refuse(refused(), DroppedError()),
}


def refused() -> Batch:
    found = Batch(PROTO_WIRE)
    found.add(b"event", 5)
    return found


@pytest.mark.parametrize("linger", [0.0, 60.0])
@pytest.mark.parametrize("begun", range(4))
@pytest.mark.parametrize("name", CALLS)
def test_wherever_it_comes_the_books_are_right(name: str, begun: int, linger: float) -> None:
    for nth in itertools.count(1):
        case = Case(begun, linger)
        queue = case.queue
        if not interrupted(lambda queue=queue: CALLS[name](queue), nth):
            break
        counts = queue.counts()
        assert counts.accepted == counts.pending + counts.failed
        assert begun <= counts.pending <= begun + 5
        assert case.signals or not counts.pending, "nobody would send it"
        assert queue.put(b"after")
        told = list(case.taken())
        frames = [frame for one in told for frame in one.frames]
        assert len(frames) == counts.pending + 1
        assert frames[:begun] == [b"before"] * begun
        assert queue.counts().pending_bytes == sum(map(len, frames))
        for one in told:
            assert (one.count, one.size) == (len(one.frames), sum(map(len, one.frames)))
            queue.done(one, ACK)
        after = queue.counts()
        assert (after.pending, after.pending_bytes) == (0, 0)
        assert after.accepted == after.delivered + after.failed
        assert not queue.live()
    assert nth > 3


def test_what_lies_on_the_disk_alone_still_counts() -> None:
    for nth in itertools.count(1):
        bounds = Bounds(events=20, bytes=1000, batch_events=3, batch_bytes=100)
        handle = LoopHandle(Callbacks(logging.getLogger("test")))
        spooled = SpooledQueue(bounds, PROTO_WIRE, handle, lambda: None, 10_000)
        spooled.adopted(Amount(2, 7, 70), 2)
        if not interrupted(lambda queue=spooled: queue.put(b"event"), nth):
            break
        counts = spooled.counts()
        assert counts.accepted == counts.pending
        assert (counts.pending, counts.pending_bytes) in {(7, 70), (8, 75)}
    assert nth > 3
