"""A WebSocket over a connection of aiohttp's: the handshake, and frames out and in.

aiohttp's own reader is a queue, and answers no ping unless somebody waits at its end. Here each
message is handled in the turn of the event loop in which it came, and nothing waits for the peer:
not a write, for the window bounds what is under way, and not a close.

For that `Socket` takes of aiohttp what it does not document: a connection's `protocol` and its
`set_parser`, and `WebSocketWriter`, whose frames are written when it is asked for them.
tests/transports/test_seams.py holds what it expects of these.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import sys
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp.http import WebSocketWriter
from yarl import URL

from ..errors import AnswerError, ConnectionLostError, SendError
from .ws_frames import CLOSE, NO_STATUS, PONG, FrameError, Frames

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_LONGEST_ANSWER = 1 << 20
_ENOUGH = 64 << 10
_MOST_PONGS = 1000


class UpgradeError(Exception):
    """The server answered, but not with a WebSocket."""

    def __init__(self, message: str, response: aiohttp.ClientResponse) -> None:
        super().__init__(message)
        self.status = response.status
        self.headers = response.headers


async def upgrade(
    session: aiohttp.ClientSession, url: URL, headers: dict[str, str], proxy: URL | None
) -> Socket:
    """Return a new WebSocket; UpgradeError when the server does not give one.

    A redirect is not followed, nor is an Origin sent.
    """
    key = base64.b64encode(os.urandom(16))
    asked = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key.decode(),
    }
    response = await session.get(
        url, headers=headers | asked, proxy=proxy, allow_redirects=False, read_until_eof=False
    )
    try:
        wrong = _wrong(response, key)
        if wrong:
            raise UpgradeError(wrong, response)
        return Socket(response)
    except BaseException:
        response.close()
        raise


def _wrong(response: aiohttp.ClientResponse, key: bytes) -> str:
    if response.status != 101:
        return "no upgrade"
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    headers = response.headers
    tokens = [token.strip().lower() for token in headers.get("Connection", "").split(",")]
    if headers.get("Upgrade", "").lower() != "websocket" or "upgrade" not in tokens:
        return "an upgrade to something else"
    if headers.get("Sec-WebSocket-Accept") != base64.b64encode(digest).decode():
        return "an upgrade of another request"
    if "Sec-WebSocket-Extensions" in headers or "Sec-WebSocket-Protocol" in headers:
        return "an upgrade to what was not asked for"
    return ""


class Cork(asyncio.Transport):
    """Gathers what is written in one turn of the event loop, and writes it at once.

    A system call for each frame would cost as much as all else that it needs. One for more than the
    system's buffer holds would cost more.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._gathered: list[Any] = []
        self.size = 0
        """How many bytes wait for the end of the turn."""

    def write(self, data: Any) -> None:
        """Gather."""
        if not self._gathered:
            self._loop.call_soon(self.flush)
        self._gathered.append(data)
        self.size += len(data)
        if self.size >= _ENOUGH:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        gathered, self._gathered, self.size = self._gathered, [], 0
        if gathered and not self._transport.is_closing():
            self._transport.writelines(gathered)

    def is_closing(self) -> bool:
        """Whether nothing can be written any more."""
        return self._transport.is_closing()


class Socket:
    """Open until the peer or `abort` ends it."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        connection = response.connection
        assert connection is not None
        protocol, transport = connection.protocol, connection.transport
        assert protocol is not None and transport is not None
        self._response = response
        self._protocol, self._transport = protocol, transport
        self._frames = Frames(_LONGEST_ANSWER)
        self._parted = False
        self._spoke = False
        self._cork = Cork(transport)
        # Beyond its limit a writer waits for the peer to read.
        self._writer, self._gathering = (
            WebSocketWriter(protocol, end, use_mask=True, limit=sys.maxsize)
            for end in (transport, self._cork)
        )
        self.written = 0
        """How many bytes of frames were given to `put`."""
        self._pongs, self._last_pong = 0, 0
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is no more."""

    def listen(
        self, heard: Callable[[int, bytes], None], lost: Callable[[SendError], None]
    ) -> None:
        """Have `heard` called with each message's opcode and payload, those included that came with
        the handshake, and `lost` with the reason when there will be no more.
        """
        self._heard, self._lost = heard, lost
        # What speaks on after an upgrade is put there, aiohttp's own WebSocket too.
        self._protocol.set_parser(self, None)

    def put(self, kind: int, data: bytes) -> None:
        """Write a frame; ClientConnectionResetError when the connection is closing.

        The first since something was heard goes out at once, those that follow it go together. One
        of which nobody can say whether it was written loses the connection.
        """
        size = len(data)
        self.written += size + (6 if size < 126 else 8 if size < 1 << 16 else 14)
        writer = self._gathering if self._spoke or self._cork.size else self._writer
        self._spoke = True
        try:  # it never waits; and a `suppress` costs a third of what the frame does
            writer.send_frame(data, kind).send(None)
        except StopIteration:
            return
        self._lost(ConnectionLostError("a frame was not written at once"))

    def pong(self, payload: bytes) -> None:
        """Answer a ping, unless many answers wait to be read: a server that only pings shall not
        fill the memory.
        """
        if self.flushed >= self._last_pong:
            self._pongs = 0
        if self._pongs < _MOST_PONGS and not self.is_closing():
            self.put(PONG, payload)
            self._pongs, self._last_pong = self._pongs + 1, self.written

    @property
    def flushed(self) -> int:
        """How many bytes the system has taken."""
        return self.written - self.left()

    def left(self) -> int:
        """Return how many bytes the system has not taken yet."""
        return self._transport.get_write_buffer_size() + self._cork.size

    def is_closing(self) -> bool:
        """Whether nothing can be written any more."""
        return self._transport.is_closing()

    def part(self, code: int) -> None:
        """Send a close frame, unless one was sent."""
        parted, self._parted = self._parted, True
        if not parted and not self.is_closing():
            self.put(CLOSE, b"" if code == NO_STATUS else code.to_bytes(2, "big"))
            self._cork.flush()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()
        self._response.close()

    # --- what aiohttp calls ---------------------------------------------------------------

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Handle what came."""
        self._spoke = False
        try:
            for kind, payload in self._frames.feed(data):
                self._heard(kind, payload)
        except FrameError as error:
            self.part(error.code)
            told = AnswerError(str(error))
            told.__cause__ = error
            self._lost(told)
        return False, b""

    def feed_eof(self) -> None:
        """Hear that the connection is no more."""
        if not self.gone.done():
            self.gone.set_result(None)
        self._lost(ConnectionLostError("end of the stream"))
