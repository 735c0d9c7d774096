"""WebSocket frames as gorilla's websocket package reads and writes them (version 1.5.0)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NO_STATUS, PROTOCOL_ERROR, POLICY_VIOLATION = 1005, 1002, 1008
LARGEST_CONTROL = 125

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_RESERVED = ((0x40, "RSV1 set"), (0x20, "RSV2 set"), (0x10, "RSV3 set"))
# Close codes that a client may send, besides 3000 to 4999.
_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013})


class FrameError(Exception):
    """Bytes that are no frame, or none that may come here; what is told is the close's reason."""


class Message(NamedTuple):
    """A whole message, however many frames it came in, or a control frame."""

    opcode: int
    payload: bytes


def accept_key(key: str) -> str:
    """Return what answers a `Sec-WebSocket-Key`."""
    digest = hashlib.sha1(key.encode(errors="surrogateescape") + _GUID, usedforsecurity=False)
    return base64.b64encode(digest.digest()).decode()


def frame(opcode: int, payload: bytes = b"") -> bytes:
    """Return a server's frame: whole, and not masked."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big")
    return head + payload


def close_frame(code: int, reason: bytes = b"") -> bytes:
    """Return a close frame; one of `NO_STATUS` says nothing."""
    if code == NO_STATUS:
        return frame(CLOSE)
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


def close_code(payload: bytes) -> int:
    """Return the code of a client's close frame; FrameError when it may not have sent that."""
    if len(payload) < 2:
        return NO_STATUS
    code = int.from_bytes(payload[:2], "big")
    if code not in _CODES and not 3000 <= code <= 4999:
        raise FrameError(f"bad close code {code}")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameError("invalid utf8 payload in close frame") from None
    return code


class Frames:
    """Takes a client's bytes as they come, and gives messages."""

    def __init__(self) -> None:
        self._left = bytearray()
        self._opcode: int | None = None
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[Message]:
        """Give the messages that are whole now; FrameError after the last good one."""
        self._left += data
        while True:
            found = self._frame()
            if found is None:
                return
            first, payload = found
            opcode, final = first & 0x0F, first & 0x80
            if opcode >= CLOSE:
                yield Message(opcode, payload)
                continue
            if opcode != CONTINUATION:
                self._opcode = opcode
            self._pieces.append(payload)
            if final:
                assert self._opcode is not None
                whole = Message(self._opcode, b"".join(self._pieces))
                self._opcode, self._pieces = None, []
                yield whole

    def _frame(self) -> tuple[int, bytes] | None:
        """Return the next frame's first byte and its payload, when all of it is there."""
        left = self._left
        if len(left) < 2:
            return None
        self._check(left[0], left[1])
        size, at = left[1] & 0x7F, 2
        if size >= 126:
            at = 4 if size == 126 else 10
            if len(left) < at:
                return None
            size = int.from_bytes(left[2:at], "big")
            if size >> 63:
                raise FrameError
        if len(left) < at + 4 + size:
            return None
        first = left[0]
        payload = _unmasked(left[at : at + 4], left[at + 4 : at + 4 + size])
        del left[: at + 4 + size]
        return first, payload

    def _check(self, first: int, second: int) -> None:
        opcode, final = first & 0x0F, first & 0x80
        wrong = [told for bit, told in _RESERVED if first & bit]
        if opcode in (CLOSE, PING, PONG):
            if second & 0x7F > LARGEST_CONTROL:
                wrong.append("len > 125 for control")
            if not final:
                wrong.append("FIN not set on control")
        elif opcode in (TEXT, BINARY):
            if self._opcode is not None:
                wrong.append("data before FIN")
        elif opcode == CONTINUATION:
            if self._opcode is None:
                wrong.append("continuation after FIN")
        else:
            wrong.append(f"bad opcode {opcode}")
        if not second & 0x80:
            wrong.append("bad MASK")
        if wrong:
            raise FrameError(", ".join(wrong))


def _unmasked(key: bytes | bytearray, data: bytes | bytearray) -> bytes:
    size = len(data)
    mask = int.from_bytes((key * (size // 4 + 1))[:size], "little")
    return (int.from_bytes(data, "little") ^ mask).to_bytes(size, "little")
