"""A TCP proxy that does to connections what networks do, in a thread of its own.

with Proxy(port) as proxy:
    proxy.plan(Cut(after=17))     # the next connection ends at its 17th byte, by RST
    proxy.pace = Pace(1, 0.001)   # from now on a byte at a time
    proxy.sever(reset=False)      # end the connections that there are
    proxy.freeze()                # forward nothing more on those that there are
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from typing_extensions import Self

Direction = Literal["up", "down"]
_CHUNK = 64 << 10


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Ends a connection once so many bytes of one direction went through, by RST or EOF."""

    after: int
    direction: Direction = "up"
    reset: bool = True


@dataclass(frozen=True)
class Pace:
    """Hands on so many bytes at a time, and pauses for so many seconds after each."""

    bytes: int = _CHUNK
    pause: float = 0.0
    up_only: bool = False


class Proxy:
    """Listens on a port of the system's choice while the `with` block lasts."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.pace: Pace | None = None
        self.mangle: Callable[[bytes], bytes] | None = None
        """Called with each piece that goes up; None hands it on as it is."""
        self.accepted = 0
        """How many connections came."""
        self._plans: deque[Cut] = deque()
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="proxy", daemon=True)
        self._listening = threading.Event()

    def plan(self, *cuts: Cut) -> None:
        """Let the connections that come next be cut, one each."""
        self._plans.extend(cuts)

    def sever(self, *, reset: bool = True) -> None:
        """End the connections that there are."""
        self._call(lambda: [link.end(reset) for link in list(self._links)])

    def freeze(self) -> None:
        """Forward nothing more on the connections that there are, and end none of them."""
        self._call(lambda: [link.freeze() for link in list(self._links)])

    def carried(self) -> tuple[int, int]:
        """Return how many bytes the youngest connection has carried up and down."""
        link = max(self._links, key=lambda link: link.number)
        return link.carried["up"], link.carried["down"]

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, function: Callable[[], object]) -> None:
        """Do it in the loop, and return when it is done."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (function(), done.set()))
        done.wait()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connected, "127.0.0.1", 0)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            self._loop.run_until_complete(self._end_all())

    async def _end_all(self) -> None:
        for link in list(self._links):
            link.end(True)
        # Not cancelled: asyncio's own callback of a connection would print a traceback.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        cut = self._plans.popleft() if self._plans else None
        try:
            far = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _abort(writer)
            return
        link = _Link(self, cut, (reader, writer), far)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Link:
    """One connection, both of its halves."""

    def __init__(self, proxy: Proxy, cut: Cut | None, near: Stream, far: Stream) -> None:
        self.number = proxy.accepted
        self.carried: dict[Direction, int] = {"up": 0, "down": 0}
        self._proxy = proxy
        self._cut = cut
        self._near, self._far = near, far
        self._frozen = False
        self._ways: list[asyncio.Future[None]] = []

    async def run(self) -> None:
        """Carry both directions until one of them ends."""
        (near_in, near_out), (far_in, far_out) = self._near, self._far
        self._ways = [
            asyncio.ensure_future(self._carry("up", near_in, far_out)),
            asyncio.ensure_future(self._carry("down", far_in, near_out)),
        ]
        await asyncio.wait(self._ways, return_when=asyncio.FIRST_COMPLETED)
        self.end(False)
        await asyncio.gather(*self._ways, return_exceptions=True)

    def freeze(self) -> None:
        """Hand on nothing more."""
        self._frozen = True

    def end(self, reset: bool) -> None:
        """End both halves."""
        for _, writer in (self._near, self._far):
            if not writer.is_closing():
                _abort(writer) if reset else writer.close()
        for way in self._ways:
            if way is not asyncio.current_task():
                way.cancel()

    async def _carry(
        self, direction: Direction, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                if direction == "up" and self._proxy.mangle is not None:
                    data = self._proxy.mangle(data)
                if not await self._hand_on(direction, data, sink):
                    return

    async def _hand_on(self, direction: Direction, data: bytes, sink: asyncio.StreamWriter) -> bool:
        """Hand on what may go on; whether the connection does."""
        while data:
            if self._frozen:
                return await asyncio.Event().wait()
            pace = self._proxy.pace
            paced = pace is not None and (direction == "up" or not pace.up_only)
            piece = data[: pace.bytes] if paced and pace is not None else data
            piece, cut_here = self._before_cut(direction, piece)
            sink.write(piece)
            await sink.drain()
            self.carried[direction] += len(piece)
            if cut_here:
                # What was handed on has to leave before a RST would discard it.
                await asyncio.sleep(0.001)
                self.end(self._cut is not None and self._cut.reset)
                return False
            data = data[len(piece) :]
            if paced and pace is not None:
                await asyncio.sleep(pace.pause)
        return True

    def _before_cut(self, direction: Direction, piece: bytes) -> tuple[bytes, bool]:
        if self._cut is None or self._cut.direction != direction:
            return piece, False
        left = self._cut.after - self.carried[direction]
        return (piece[:left], True) if left <= len(piece) else (piece, False)


def _abort(writer: asyncio.StreamWriter) -> None:
    """Close it with RST instead of FIN."""
    found: socket.socket | None = writer.get_extra_info("socket")
    if found is not None and found.fileno() >= 0:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
