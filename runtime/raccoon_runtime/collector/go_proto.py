"""Protobuf as Go's `proto.Unmarshal` reads it.

Written apart from the codec on purpose: what the client writes is read by a reader that shares none
of its mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from .request import Event, Request, RequestError

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)
_LARGEST_NUMBER = (1 << 29) - 1
_LARGEST_NUMBER_IN_A_GROUP = (1 << 31) - 1
_DEEPEST_GROUP = 10_001

Field: TypeAlias = "tuple[int, int, int | bytes]"
"""Number, wire type and value; the value of anything but a varint is its bytes."""


class ProtoError(RequestError):
    """The bytes are not what they should be. The text is Go's."""


def _malformed() -> ProtoError:
    return ProtoError("proto: cannot parse invalid wire-format data")


def fields(data: bytes) -> Iterator[Field]:
    """Give the fields of a message one by one; ProtoError where it breaks off."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not 1 <= number <= _LARGEST_NUMBER:
            raise _malformed()
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, kind, value
        else:
            start, after = _extent(data, at, number, kind)
            yield number, kind, data[start:after]
            at = after


def check(data: bytes) -> None:
    """Raise ProtoError unless the bytes can be a message of some kind."""
    for _ in fields(data):
        pass


def parse_request(data: bytes, request: Request) -> None:
    """Read a `SendEventRequest` into `request`; on ProtoError it holds what came before."""
    for number, kind, value in fields(data):
        # A known number with another wire type is an unknown field.
        if kind != BYTES or not isinstance(value, bytes):
            continue
        if number == 1:
            request.req_guid = _text(value)
        elif number == 2:
            _parse_time(value, request)
        elif number == 3:
            event = Event()
            request.events.append(event)
            _parse_event(value, event)


def _parse_event(data: bytes, event: Event) -> None:
    for number, kind, value in fields(data):
        if kind != BYTES or not isinstance(value, bytes):
            continue
        if number == 1:
            event.event_bytes = value
        elif number == 2:
            event.type = _text(value)


def _parse_time(data: bytes, request: Request) -> None:
    seconds, nanos = request.sent_time or (0, 0)
    for number, kind, value in fields(data):
        if kind != VARINT or not isinstance(value, int):
            continue
        if number == 1:
            seconds = _signed(value, 64)
        elif number == 2:
            nanos = _signed(value, 32)
    request.sent_time = seconds, nanos


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ProtoError("string field contains invalid UTF-8") from None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in data[at : at + 10]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            # The tenth byte has room for one bit.
            if shift == 63 and byte > 1:
                break
            return value, at
        shift += 7
    raise _malformed()


def _extent(data: bytes, at: int, number: int, kind: int) -> tuple[int, int]:
    """Return where a field's value starts and where it ends."""
    if kind == BYTES:
        size, start = _varint(data, at)
        after = start + size
    elif kind == GROUP:
        start, after = at, _group_end(data, at, number)
    elif kind in (FIXED32, FIXED64):
        start, after = at, at + (4 if kind == FIXED32 else 8)
    else:
        raise _malformed()
    if after > len(data):
        raise _malformed()
    return start, after


def _group_end(data: bytes, at: int, number: int) -> int:
    open_groups = [number]
    while open_groups:
        if len(open_groups) > _DEEPEST_GROUP:
            raise _malformed()
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not 1 <= number <= _LARGEST_NUMBER_IN_A_GROUP:
            raise _malformed()
        if kind == GROUP:
            open_groups.append(number)
        elif kind == END_GROUP:
            if open_groups.pop() != number:
                raise _malformed()
        elif kind == VARINT:
            _, at = _varint(data, at)
        else:
            _, at = _extent(data, at, number, kind)
    return at
