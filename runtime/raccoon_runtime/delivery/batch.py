"""The events of one request, from the first that is accepted to the outcome of them all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..envelope import Ack
from ..errors import SendError

if TYPE_CHECKING:
    from ..wires import Wire
    from .future import BaseAckFuture
    from .handle import LoopHandle


class Batch:
    """Gathers frames until it is sealed; from then on its `req_guid` and its bytes never change.

    The guid is there from the start, for the futures to tell.
    """

    __slots__ = (
        "attempts",
        "failures",
        "first_failure",
        "frames",
        "futures",
        "handle",
        "last_error",
        "opened",
        "order",
        "possible_duplicate",
        "req_guid",
        "sent_time",
        "size",
        "unanswered",
        "wire",
    )

    def __init__(self, wire: Wire, handle: LoopHandle, order: int) -> None:
        self.wire = wire
        self.handle = handle
        self.order = order
        self.req_guid = os.urandom(16).hex()
        self.opened = time.monotonic()
        self.sent_time = 0
        self.frames: list[bytes] = []
        self.futures: list[BaseAckFuture] = []
        self.size = 0
        self.attempts = 0
        self.failures = 0
        self.first_failure: float | None = None
        self.last_error: SendError | None = None
        self.possible_duplicate = False
        self.unanswered = False

    def seal(self) -> None:
        """Let nothing more be added."""
        self.sent_time = time.time_ns()

    def body(self) -> bytes:
        """Return the request's bytes, the same each time; kept only while it is under way."""
        return self.wire.request(self.req_guid, self.sent_time, self.frames)

    def split(self) -> tuple[Batch, Batch]:
        """Return its two halves, with guids of their own and its past."""
        middle = len(self.frames) // 2
        return self._part(slice(None, middle)), self._part(slice(middle, None))

    def _part(self, part: slice) -> Batch:
        half = Batch(self.wire, self.handle, self.order)
        half.opened = self.opened
        half.frames, half.futures = self.frames[part], self.futures[part]
        half.size = sum(map(len, half.frames))
        half.failures, half.first_failure = self.failures, self.first_failure
        half.last_error, half.possible_duplicate = self.last_error, self.possible_duplicate
        for future in half.futures:
            future._batch = half  # pyright: ignore[reportPrivateUsage]
        half.seal()
        return half

    def settle(self, outcome: Ack | SendError) -> None:
        """Tell every event's future."""
        wakers: list[Callable[[], object]] = []
        with self.handle.lock:
            for future in self.futures:
                wakers += future._settle(outcome)  # pyright: ignore[reportPrivateUsage]
        for wake in wakers:
            wake()
