"""The time limits of a WebSocket connection."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from ..errors import ConnectionLostError, SendError
from ..options import TransportOptions
from .ws_frames import PING
from .ws_socket import Socket

_TICKS = 8


class Clock:
    """Pings, and finds what takes too long: one timer for a connection, none for a request.

    It ticks eight times within the shortest limit, and time is counted in ticks; so a limit may be
    passed by an eighth. Time for which the event loop was held up does not count, for it did not
    tick, and nobody could be heard.
    """

    def __init__(
        self,
        socket: Socket,
        options: TransportOptions,
        overdue: Callable[[], SendError | None],
        lost: Callable[[SendError], None],
    ) -> None:
        self._socket = socket
        self._options = options
        self._overdue = overdue
        self._lost = lost
        shortest = min(
            options.ack_timeout, options.ping_interval, options.pong_timeout, options.write_timeout
        )
        self._period = shortest / _TICKS
        self.now = 0
        """How often it has ticked."""
        self._pinged, self.heard = 0, True
        self._flushed, self._flushed_at = 0, 0
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(self._period, self._tick)

    def passed(self, since: int, seconds: float) -> bool:
        """Whether so many seconds have passed since then."""
        return self.now - since > math.ceil(seconds / self._period)

    def stop(self) -> None:
        """Tick no more."""
        self._timer.cancel()

    def _tick(self) -> None:
        self.now += 1
        self._timer = self._loop.call_later(self._period, self._tick)
        lost = self._overdue() or self._stalled() or self._silent()
        if lost is not None:
            self._lost(lost)

    def _stalled(self) -> SendError | None:
        """Whether the peer has read nothing for too long of what was written."""
        left = self._socket.left()
        flushed = self._socket.flushed
        # What TLS adds to a write makes it fall; only what rises was read.
        if left == 0 or flushed > self._flushed:
            self._flushed, self._flushed_at = flushed, self.now
        elif self.passed(self._flushed_at, self._options.write_timeout):
            return ConnectionLostError("the server does not read")
        return None

    def _silent(self) -> SendError | None:
        """Whether nothing came since the last ping; sends the next when it is time."""
        if self.heard:
            due = self.passed(self._pinged, self._options.ping_interval)
            if due and not self._socket.is_closing():
                self._pinged, self.heard = self.now, False
                self._socket.put(PING, b"")
        elif self.passed(self._pinged, self._options.pong_timeout):
            return ConnectionLostError(f"no pong within {self._options.pong_timeout:g} s")
        return None
