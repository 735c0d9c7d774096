"""Messages behind their length, as protobuf's delimited streams have them."""

from __future__ import annotations

from typing import BinaryIO

from ..errors import DecodeError
from .varints import varint


def write_delimited(stream: BinaryIO, data: bytes) -> None:
    stream.write(varint(len(data)))
    stream.write(data)


def read_delimited(stream: BinaryIO) -> bytes:
    """Return the bytes of the next message; DecodeError when the stream ends before they do."""
    size = shift = 0
    while True:
        byte = stream.read(1)
        if not byte or shift > 63:
            raise DecodeError("no length where a delimited message should begin")
        size |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            break
    data = stream.read(size)
    if len(data) < size:
        raise DecodeError(f"the stream ended after {len(data)} of {size} bytes")
    return data
