"""The time limits of a WebSocket connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..errors import ConnectionLostError, SendError
from ..options import TransportOptions
from .ws_frames import PING
from .ws_socket import Socket


class Clock:
    """Pings, and finds what takes too long: one timer for a connection, none for a request.

    It looks eight times within the shortest limit, so a limit may be passed by an eighth of that.
    Time for which the event loop was held up does not count: nobody could be heard then.
    """

    def __init__(
        self,
        socket: Socket,
        options: TransportOptions,
        overdue: Callable[[float], SendError | None],
        lost: Callable[[SendError], None],
    ) -> None:
        self._socket = socket
        self._options = options
        self._overdue = overdue
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        shortest = min(
            options.ack_timeout, options.ping_interval, options.pong_timeout, options.write_timeout
        )
        self._period = shortest / 8
        self._held_up = 0.0
        now = self._loop.time()
        self._pinged, self.heard = now, True
        self._flushed, self._flushed_at = 0, now
        self._due = now + self._period
        self._timer = self._loop.call_at(self._due, self._tick)

    def now(self) -> float:
        """Return the time, by the event loop's clock without what does not count."""
        return self._loop.time() - self._held_up

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _tick(self) -> None:
        time = self._loop.time()
        if time - self._due > self._period:
            self._held_up += time - self._due
        self._due = time + self._period
        self._timer = self._loop.call_at(self._due, self._tick)
        now = self.now()
        lost = self._overdue(now) or self._stalled(now) or self._silent(now)
        if lost is not None:
            self._lost(lost)

    def _stalled(self, now: float) -> SendError | None:
        """Whether the peer has read nothing for too long of what was written."""
        left = self._socket.left()
        flushed = self._socket.written - left
        if left == 0 or flushed != self._flushed:
            self._flushed, self._flushed_at = flushed, now
        elif now - self._flushed_at >= self._options.write_timeout:
            return ConnectionLostError("the server does not read")
        return None

    def _silent(self, now: float) -> SendError | None:
        """Whether nothing came since the last ping; sends the next when it is time."""
        since = now - self._pinged
        if self.heard:
            if since >= self._options.ping_interval and not self._socket.is_closing():
                self._pinged, self.heard = now, False
                self._socket.put(PING, b"")
        elif since >= self._options.pong_timeout:
            return ConnectionLostError(f"no pong within {self._options.pong_timeout:g} s")
        return None
