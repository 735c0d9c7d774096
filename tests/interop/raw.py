"""Requests by hand, without a client of ours: what goes out is what a test says, to the byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

PATIENCE = 20.0


@dataclass(frozen=True)
class HttpAnswer:
    """An answer; the names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str | None:
        return self.headers.get("content-type")


class Severed(Exception):
    """The connection ended before an answer."""


async def http(
    url: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "POST",
    path: str | None = None,
) -> HttpAnswer:
    """Send one HTTP request with these headers and no others but Host, Content-Length and
    Connection.
    """
    parts = urlsplit(url)
    lines = [
        f"{method} {parts.path if path is None else path} HTTP/1.1",
        f"Host: {parts.netloc}",
    ]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    answer = await exchange(url, "\r\n".join(lines).encode() + body)
    return parsed(answer, bare=method == "HEAD")


async def exchange(url: str, *pieces: bytes) -> bytes:
    """Send bytes as they are, piece by piece, and return all that comes until the end."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
    except ConnectionError as error:
        raise Severed from error
    finally:
        writer.close()
    if not answer:
        raise Severed
    return answer


def parsed(answer: bytes, *, bare: bool = False) -> HttpAnswer:
    """Return an answer's parts; it has to be whole, and nothing may follow. `bare`: to a HEAD."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in rest:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        assert "content-length" not in headers
        body = _unchunked(body)
    elif not bare:
        assert int(headers.get("content-length", len(body))) == len(body)
    return HttpAnswer(int(first.split()[1]), headers, body)


def _unchunked(body: bytes) -> bytes:
    found = b""
    while True:
        line, _, body = body.partition(b"\r\n")
        size = int(line, 16)
        assert body[size : size + 2] == b"\r\n"
        found += body[:size]
        body = body[size + 2 :]
        if not size:
            assert not body
            return found


@dataclass(frozen=True)
class Frame:
    """A WebSocket frame: text, binary or close. A close frame has a code, and its reason for a
    body.
    """

    opcode: str
    body: bytes
    code: int | None = None


GONE = Frame("gone", b"")
"""The connection ended without a close frame."""


class WebSocket:
    """A connection that answers pings only while somebody reads."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def send(self, opcode: str, body: bytes) -> None:
        if opcode == "text":
            await self.ws.send_frame(body, aiohttp.WSMsgType.TEXT)
        else:
            await self.ws.send_bytes(body)

    async def read(self, timeout: float = PATIENCE) -> Frame:
        """Return the next frame but pings and pongs; asyncio.TimeoutError when there is none."""
        while True:
            message = await self.ws.receive(timeout)
            kind = message.type
            if kind is aiohttp.WSMsgType.TEXT:
                return Frame("text", message.data.encode())
            if kind is aiohttp.WSMsgType.BINARY:
                return Frame("binary", message.data)
            if kind is aiohttp.WSMsgType.CLOSE:
                return Frame("close", (message.extra or "").encode(), message.data)
            if kind is aiohttp.WSMsgType.PING:
                await self.ws.pong(message.data)
            elif kind is not aiohttp.WSMsgType.PONG:
                return GONE

    async def admitted(self) -> None:
        """Wait until the server serves this connection: it answers a ping only then."""
        await self.ws.ping(b"?")
        while (await self.ws.receive(PATIENCE)).type is not aiohttp.WSMsgType.PONG:
            pass

    async def send_together(self, frames: Sequence[tuple[str, bytes]]) -> None:
        """Send frames in one piece, so that they arrive together."""
        first = {"text": 0x81, "binary": 0x82}
        self.write(b"".join(masked(first[opcode], body) for opcode, body in frames))

    async def send_close(self, code: int) -> None:
        """Send a close frame and go on reading."""
        self.write(masked(0x88, code.to_bytes(2, "big")))

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._transport().write(data)

    def stop_reading(self) -> None:
        """Leave what comes in the socket, from now on."""
        self._transport().pause_reading()

    def write_eof(self) -> None:
        """End this side's half of the connection."""
        self._transport().write_eof()

    def _transport(self) -> Any:
        response: Any = self.ws._response
        return response.connection.transport

    def reset(self) -> None:
        """End the connection with RST."""
        transport = self._transport()
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()


def masked(first: int, payload: bytes = b"", key: bytes | None = bytes(4)) -> bytes:
    """A client's frame; `first` is its first byte: FIN and the opcode. No key: not masked."""
    size = len(payload)
    bit = 0 if key is None else 0x80
    if size < 126:
        head = bytes((first, bit | size))
    elif size < 1 << 16:
        head = bytes((first, bit | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, bit | 127)) + size.to_bytes(8, "big")
    if key is None:
        return head + payload
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


@asynccontextmanager
async def websocket(
    url: str, headers: Mapping[str, str] | None = None, **options: Any
) -> AsyncIterator[WebSocket]:
    """Open a connection; aiohttp.WSServerHandshakeError when the server refuses the upgrade."""
    session = aiohttp.ClientSession()
    connect = session.ws_connect(
        url,
        headers=headers,
        autoping=False,
        autoclose=False,
        compress=0,
        max_msg_size=0,
        **options,
    )
    async with session, connect as ws:
        yield WebSocket(ws)
