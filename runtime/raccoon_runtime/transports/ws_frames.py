"""WebSocket frames as a server sends them (RFC 6455, section 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NORMAL, PROTOCOL_ERROR, NO_STATUS, TOO_BIG = 1000, 1002, 1005, 1009
_FINAL, _RESERVED, _OPCODE = 0x80, 0x70, 0x0F
_WHOLE = (_FINAL | TEXT, _FINAL | BINARY)


class FrameError(Exception):
    """Bytes that are no frame, or none that may come here; `code` is the close code for it."""

    def __init__(self, message: str, code: int = PROTOCOL_ERROR) -> None:
        super().__init__(message)
        self.code = code


class Frames:
    """Takes a server's bytes as they come, and gives messages of up to `longest` bytes."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._left = bytearray()
        self._kind = CONTINUATION
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterable[tuple[int, bytes]]:
        """Give the messages and control frames that are whole now, each with its opcode."""
        # Nearly always it is one short message.
        if (
            data[0] in _WHOLE
            and 1 < len(data) == data[1] + 2 < 128
            and not (self._left or self._kind)
        ):
            return ((data[0] & _OPCODE, data[2:]),)
        return self._feed(data)

    def _feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        left: bytes | bytearray = data
        if self._left:
            self._left += data
            left = self._left
        at, end = 0, len(left)
        while end - at >= 2:
            first, size = left[at], left[at + 1]
            start = at + 2
            # Many acks come in one piece when many requests are in flight.
            if first in _WHOLE and size < 126 and size <= self._longest and not self._kind:
                if end - start < size:
                    break
                at = start + size
                yield first & _OPCODE, bytes(left[start:at])
                continue
            if size >= 126:
                if size > 127:
                    raise FrameError("a masked frame")
                start += 2 if size == 126 else 8
                if end < start:
                    break
                size = int.from_bytes(left[at + 2 : start], "big")
            self._check(first, size)
            if end - start < size:
                break
            at = start + size
            message = self._message(first, bytes(left[start:at]))
            if message is not None:
                yield message
        if left is data:
            self._left += data[at:]
        else:
            del self._left[:at]

    def _check(self, first: int, size: int) -> None:
        opcode, final = first & _OPCODE, first & _FINAL
        if first & _RESERVED:
            raise FrameError("reserved bits are set")
        if opcode >= CLOSE:
            if opcode > PONG or not final or size > 125:
                raise FrameError("a malformed control frame")
        elif opcode > BINARY or (opcode == CONTINUATION) is not bool(self._kind):
            raise FrameError("a data frame that may not come here")
        elif size > self._longest - self._size:
            raise FrameError(f"a message of more than {self._longest} bytes", TOO_BIG)

    def _message(self, first: int, payload: bytes) -> tuple[int, bytes] | None:
        """Return what is whole with this frame."""
        opcode, final = first & _OPCODE, first & _FINAL
        if opcode >= CLOSE or (final and opcode):
            return opcode, payload
        self._kind = self._kind or opcode
        if payload:  # the empty ones would never come to an end
            self._pieces.append(payload)
        self._size += len(payload)
        if not final:
            return None
        whole = self._kind, b"".join(self._pieces)
        self._kind, self._pieces, self._size = CONTINUATION, [], 0
        return whole
