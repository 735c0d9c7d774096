"""Reading the wire below the level of messages: varints, and fields that nobody knows."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import NoReturn

from .kinds import END_GROUP, FIXED32, FIXED64, MAX_DEPTH, SIZED, START_GROUP, VARINT
from .varints import UNSIGNED


def truncated() -> NoReturn:
    raise ValueError("truncated")


class TooDeep(ValueError):
    """Messages are nested too deeply, wherever that is."""


def too_deep() -> NoReturn:
    raise TooDeep(f"nested more than {MAX_DEPTH} levels deep")


def read_varint(data: bytes, pos: int) -> tuple[int, int]:
    """Return the varint at `pos`, below 2**64, and the position behind it."""
    byte = data[pos]
    if byte < 0x80:
        return byte, pos + 1
    value = byte & 0x7F
    byte = data[pos + 1]
    if byte < 0x80:
        return value | byte << 7, pos + 2
    value |= (byte & 0x7F) << 7
    pos, shift = pos + 2, 14
    while shift < 70:
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & UNSIGNED, pos
        shift += 7
    raise ValueError("a varint longer than ten bytes")


def read_length(data: bytes, pos: int) -> tuple[int, int]:
    """Return the length at `pos` and the position behind it. It has at most five bytes, as in
    google's parsers.
    """
    byte = data[pos]
    if byte < 0x80:
        return byte, pos + 1
    more = data[pos + 1]
    if more < 0x80:
        return byte & 0x7F | more << 7, pos + 2
    size, behind = read_varint(data, pos)
    if behind - pos > 5:
        raise ValueError("a length longer than five bytes")
    return size, behind


def read_tag(data: bytes, pos: int) -> tuple[int, int]:
    """Return the tag at `pos`, its field number and wire type checked, and the position behind it.
    It has at most five bytes, as in google's parsers.
    """
    tag, behind = read_varint(data, pos)
    if not 7 < tag < 1 << 32 or tag & 7 > 5 or behind - pos > 5:
        raise ValueError("no such tag")
    return tag, behind


def skip_value(data: bytes, pos: int, tag: int, depth: int) -> int:
    """Return the position behind the value of a field whose tag was just read; groups are skipped
    whole.
    """
    wire = tag & 7
    if wire == VARINT:
        return read_varint(data, pos)[1]
    if wire == SIZED:
        size, pos = read_length(data, pos)
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


class Overlong(ValueError):
    """A tag that is known, in another spelling than the shortest."""


def skip_unknown(data: bytes, pos: int, end: int, known: Container[int], depth: int) -> int:
    """Return the position behind the unknown fields at `pos`, of which there is at least one; an
    Overlong when the first of them is a known one after all.
    """
    first = pos
    while pos < end:
        tag, behind = read_tag(data, pos)
        if tag in known:
            if pos == first:
                raise Overlong("a tag that is spelled too long")
            break
        pos = skip_value(data, behind, tag, depth)
        if pos > end:
            truncated()
    return pos


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


def fields(data: bytes, pos: int, end: int, depth: int = 0) -> Iterator[tuple[int, int, int, int]]:
    """Yield each field's tag, the start of its value (behind a length), the value's end, and its
    varint if it is one.
    """
    while pos < end:
        tag, pos = read_tag(data, pos)
        wire, value = tag & 7, 0
        if wire == VARINT:
            value, stop = read_varint(data, pos)
        elif wire == SIZED:
            size, pos = read_length(data, pos)
            stop = pos + size
        else:
            stop = skip_value(data, pos, tag, depth)
        if stop > end or stop > len(data):
            truncated()
        yield tag, pos, stop, value
        pos = stop
    if pos != end:
        truncated()
