"""Reading the wire below the level of messages: varints, and fields that nobody knows."""

from __future__ import annotations

from collections.abc import Container
from typing import NoReturn

from .kinds import END_GROUP, FIXED32, FIXED64, MAX_DEPTH, SIZED, START_GROUP, VARINT
from .varints import varint


def truncated() -> NoReturn:
    raise ValueError("truncated")


def too_deep() -> NoReturn:
    raise ValueError(f"nested more than {MAX_DEPTH} levels deep")


def read_varint(data: bytes, pos: int) -> tuple[int, int]:
    """Return the varint at `pos`, below 2**64, and the position behind it."""
    byte = data[pos]
    value = byte & 0x7F
    shift = 7
    while byte > 0x7F:
        pos += 1
        byte = data[pos]
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 70:
            raise ValueError("a varint longer than ten bytes")
    return value & 0xFFFFFFFFFFFFFFFF, pos + 1


def read_tag(data: bytes, pos: int) -> tuple[int, int]:
    """Return the tag at `pos`, its field number and wire type checked, and the position behind it."""
    tag, pos = read_varint(data, pos)
    if not 7 < tag < 1 << 32 or tag & 7 > 5:
        raise ValueError("no such tag")
    return tag, pos


def skip_value(data: bytes, pos: int, tag: int, depth: int) -> int:
    """Return the position behind the value of a field whose tag was just read; groups are skipped
    whole.
    """
    wire = tag & 7
    if wire == VARINT:
        return read_varint(data, pos)[1]
    if wire == SIZED:
        size, pos = read_varint(data, pos)
        return pos + size
    if wire == FIXED64:
        return pos + 8
    if wire == FIXED32:
        return pos + 4
    if wire == END_GROUP:
        raise ValueError("the end of a group that was not begun")
    return _skip_group(data, pos, tag, depth)


def _skip_group(data: bytes, pos: int, tag: int, depth: int) -> int:
    open_groups = [tag]
    while open_groups:
        if depth + len(open_groups) > MAX_DEPTH:
            too_deep()
        inner, pos = read_tag(data, pos)
        wire = inner & 7
        if wire == START_GROUP:
            open_groups.append(inner)
        elif wire == END_GROUP:
            if inner >> 3 != open_groups.pop() >> 3:
                raise ValueError("the end of a group that was not begun")
        else:
            pos = skip_value(data, pos, inner, depth)
    return pos


def skip_field(data: bytes, pos: int, end: int, known: Container[int], depth: int) -> int:
    """Return the position behind the unknown field at `pos`; -1 when it is a known one whose tag is
    spelled too long.
    """
    tag, behind = read_tag(data, pos)
    if tag in known:
        return -1
    stop = skip_value(data, behind, tag, depth)
    if stop > end:
        truncated()
    return stop


def plain_tags(data: bytes, pos: int, end: int, depth: int) -> bytes:
    """Return the fields of a message with every tag in its shortest form."""
    parts: list[bytes] = []
    while pos < end:
        tag, behind = read_tag(data, pos)
        pos = skip_value(data, behind, tag, depth)
        if pos > end:
            truncated()
        parts += varint(tag), data[behind:pos]
    return b"".join(parts)


def read_packed(data: bytes, pos: int, stop: int) -> list[int]:
    """Return the varints of a packed field."""
    chunk = data[pos:stop]
    if len(chunk) < stop - pos:
        truncated()
    if chunk.isascii():
        return list(chunk)
    values: list[int] = []
    at, size = 0, len(chunk)
    while at < size:
        value = chunk[at]
        at += 1
        if value > 0x7F:
            value, at = read_varint(chunk, at - 1)
        values.append(value)
    return values
