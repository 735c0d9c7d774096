"""Timestamps and durations as bytes, both ways.

Events come many in a second, so what the seconds of recent timestamps give is kept.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from .tables import VARINTS
from .times import (
    BILLION,
    EPOCH,
    FIRST_SECOND,
    LAST_SECOND,
    OUT_OF_RANGE,
    Duration,
    Timestamp,
    duration_parts,
    make_duration,
    make_timestamp,
    split_datetime,
    split_timedelta,
    timestamp_parts,
)
from .varints import MORE, UNSIGNED, varint
from .wire import fields

RECENT = 512
"""How many seconds are kept."""
_UTC = timezone.utc

_written: dict[int, tuple[bytes, bytes]] = {}
"""Seconds → the length of the whole, the seconds and the tag of the nanoseconds, for nanoseconds of
four and of five bytes.
"""
_read: dict[bytes, tuple[int, ...]] = {}
"""The field of the seconds → year to second."""


class _LowBits(dict[int, bytes]):
    """The lowest 11 bits of microseconds → the first two bytes of the nanoseconds' varint, which
    depend on nothing else.
    """

    def __missing__(self, bits: int) -> bytes:
        nanos = bits * 1000
        made = self[bits] = MORE[nanos & 0x7F] + MORE[nanos >> 7 & 0x7F]
        return made


_low_bits = _LowBits()


def sized_timestamp(value: Any) -> bytes:
    """Return the bytes of a Timestamp from an aware datetime, behind their length."""
    if value.__class__ is datetime:
        since: timedelta = value - EPOCH
        micros = since.microseconds
        nanos = micros * 1000
        if nanos >> 21:
            seconds = since.days * 86400 + since.seconds
            short, long = _written.get(seconds) or _write_seconds(seconds)
            rest = _low_bits[micros & 0x7FF] + MORE[nanos >> 14 & 0x7F] + VARINTS[nanos >> 21]
            return (long if nanos >> 28 else short) + rest
    body = timestamp_bytes(*timestamp_parts(value))
    return varint(len(body)) + body


def _write_seconds(seconds: int) -> tuple[bytes, bytes]:
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise ValueError(OUT_OF_RANGE)
    if len(_written) >= RECENT:
        _written.clear()
    head = timestamp_bytes(seconds, 0) + b"\x10"
    made = _written[seconds] = varint(len(head) + 4) + head, varint(len(head) + 5) + head
    return made


def timestamp(value: Any) -> bytes:
    """Return the bytes of a Timestamp from an aware datetime."""
    return timestamp_bytes(*timestamp_parts(value))


def timestamp_bytes(seconds: int, nanos: int) -> bytes:
    """Return the bytes of a Timestamp, or of a Duration, which has the same fields."""
    head = b"\x08" + varint(seconds & UNSIGNED) if seconds else b""
    return head + b"\x10" + varint(nanos & UNSIGNED) if nanos else head


def duration(value: Any) -> bytes:
    """Return the bytes of a Duration from a timedelta."""
    return timestamp_bytes(*duration_parts(value))


def read_timestamp(data: bytes, pos: int, end: int, depth: int, previous: Any) -> datetime:
    """Return the datetime of a Timestamp message, merged into a previous one."""
    second = _read.get(data[pos : pos + 6])
    if second is not None and previous is None and end - pos == 12 and data[pos + 6] == 16:
        a, b, c, d, e = data[pos + 7 : end]
        if a & b & c & d & 0x80 and e < 4:
            nanos = a & 0x7F | (b & 0x7F) << 7 | (c & 0x7F) << 14 | (d & 0x7F) << 21 | e << 28
            if nanos < BILLION and not nanos % 1000:
                # mypy cannot see that a second has six numbers.
                return datetime(*second, nanos // 1000, _UTC)  # type: ignore[arg-type,call-arg]
    return _read_timestamp(data, pos, end, previous)


def _read_timestamp(data: bytes, pos: int, end: int, previous: Any) -> datetime:
    before = (0, 0)
    if previous is not None:
        before = previous.raw if isinstance(previous, Timestamp) else split_datetime(previous)
    seconds, nanos = _two_numbers(data, pos, end, *before)
    made = make_timestamp(seconds, nanos)
    head = timestamp_bytes(seconds, 0)
    if len(head) == 6 and made.__class__ is datetime:
        if len(_read) >= RECENT:
            _read.clear()
        _read[head] = made.timetuple()[:6]
    return made


def read_duration(data: bytes, pos: int, end: int, depth: int, previous: Any) -> Any:
    """Return the timedelta of a Duration message, merged into a previous one."""
    before = (0, 0)
    if previous is not None:
        before = previous.raw if isinstance(previous, Duration) else split_timedelta(previous)
    return make_duration(*_two_numbers(data, pos, end, *before))


def _two_numbers(data: bytes, pos: int, end: int, seconds: int, nanos: int) -> tuple[int, int]:
    for tag, _, _, value in fields(data, pos, end):
        if tag == 8:
            seconds = (value ^ 1 << 63) - (1 << 63)
        elif tag == 16:
            nanos = (value & 0xFFFFFFFF ^ 1 << 31) - (1 << 31)
    return seconds, nanos
