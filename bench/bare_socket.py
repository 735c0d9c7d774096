"""A WebSocket as little as can be: prebuilt frames over a blocking socket, answers counted.

No client can be faster; so where the rate stays below a goal even here, the server is the limit.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from urllib.parse import urlsplit

from raccoon_runtime.wires import PROTO_WIRE

_UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YmFyZSBzb2NrZXQga2V5IQ==\r\n"
    "X-User-ID: bare\r\n\r\n"
)
_STAMP = b"\x08\x80\xe2\xcf\xaa\x06\x10\x95\x9a\xef:"
# The size of a PageEvent.
EVENT = b"\n$3f2b8a52-7d0c-4c1e-9f57-000000000000\x12\x07clicked\x1a\x0b" + _STAMP


def bodies(count: int, batch: int) -> list[tuple[str, bytes]]:
    """So many requests of `batch` events each, with their guids."""
    frames = [PROTO_WIRE.frame("page", EVENT)] * batch
    guids = [os.urandom(16).hex() for _ in range(count)]
    return [(guid, PROTO_WIRE.request(guid, time.time_ns(), frames)) for guid in guids]


class BareSocket:
    """One connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 80))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(_UPGRADE.format(path=parts.path, host=parts.netloc).encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self._socket.recv(1)
        assert answer.startswith(b"HTTP/1.1 101"), answer

    def frames(self, count: int, batch: int) -> list[bytes]:
        """So many requests as frames, with a mask of zeros."""
        return [_frame(body) for _, body in bodies(count, batch)]

    def send(self, frames: list[bytes], in_flight: int) -> None:
        """Send these, so many at a time, and wait for all answers."""
        sent = answered = 0
        left = b""
        while answered < len(frames):
            some = frames[sent : answered + in_flight]
            self._socket.sendall(b"".join(some))
            sent += len(some)
            left += self._socket.recv(1 << 16)
            # Answers are short: the second byte is their size.
            while len(left) > 1 and len(left) >= left[1] + 2:
                left = left[left[1] + 2 :]
                answered += 1

    def close(self) -> None:
        self._socket.close()


def _frame(body: bytes) -> bytes:
    size = len(body)
    head = bytes((0x82, 0x80 | size)) if size < 126 else b"\x82\xfe" + struct.pack("!H", size)
    return head + bytes(4) + body
