"""Messages behind their length, as protobuf's delimited streams have them."""

from __future__ import annotations

from typing import BinaryIO

from ..errors import DecodeError
from .varints import varint

_PIECE = 1 << 20


def write_delimited(stream: BinaryIO, data: bytes) -> None:
    stream.write(varint(len(data)))
    stream.write(data)


def read_delimited(stream: BinaryIO) -> bytes:
    """Return the bytes of the next message; DecodeError when the stream ends before they do, or its
    length has more than the five bytes that google's parsers take.
    """
    size = 0
    for shift in range(0, 35, 7):
        byte = stream.read(1)
        if not byte:
            raise DecodeError("no length where a delimited message should begin")
        size |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return read_sized(stream, size)
    raise DecodeError("a length longer than five bytes")


def read_sized(stream: BinaryIO, size: int) -> bytes:
    """Return the next `size` bytes; DecodeError when the stream ends before."""
    pieces: list[bytes] = []
    left = size
    # A stream may reserve memory for all that it is asked for.
    while left and (piece := stream.read(min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    if left:
        raise DecodeError(f"the stream ended after {size - left} of {size} bytes")
    return b"".join(pieces)
