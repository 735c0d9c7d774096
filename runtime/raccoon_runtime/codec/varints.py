"""Integers to varints: a table for the short ones, functions that check what the table does not
hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .checks import integer
from .kinds import SCALARS

TABLE_SIZE = 2048


def varint(value: int) -> bytes:
    """Return a number below 2**64 as a varint."""
    if value < 0x4000:
        return (
            bytes((value & 0x7F | 0x80, value >> 7))
            if value > 0x7F
            else value.to_bytes(1, "little")
        )
    if value < 0x200000:
        return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14))
    if value < 0x10000000:
        return bytes(
            (value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14 & 0x7F | 0x80, value >> 21)
        )
    return bytes(
        (
            value & 0x7F | 0x80,
            value >> 7 & 0x7F | 0x80,
            value >> 14 & 0x7F | 0x80,
            value >> 21 & 0x7F | 0x80,
        )
    ) + varint(value >> 28)


TABLE = [varint(value) for value in range(TABLE_SIZE)]
"""The varints of small numbers: most lengths, most counts."""


def ranged(kind: str, value: Any) -> int:
    """Return `value` as the int it is; TypeError or ValueError when it is none or out of its kind's
    range.
    """
    number = value if value.__class__ is int else integer(value)
    scalar = SCALARS[kind]
    if not scalar.low <= number <= scalar.high:
        raise ValueError(f"out of range for {kind}")
    return number


def int32(value: Any) -> bytes:
    return varint(ranged("int32", value) & 0xFFFFFFFFFFFFFFFF)


def int64(value: Any) -> bytes:
    return varint(ranged("int64", value) & 0xFFFFFFFFFFFFFFFF)


def uint32(value: Any) -> bytes:
    return varint(ranged("uint32", value))


def uint64(value: Any) -> bytes:
    return varint(ranged("uint64", value))


def sint32(value: Any) -> bytes:
    number = ranged("sint32", value)
    return varint(number << 1 if number >= 0 else ~(number << 1))


def sint64(value: Any) -> bytes:
    number = ranged("sint64", value)
    return varint(number << 1 if number >= 0 else ~(number << 1))


ENCODERS: dict[str, Callable[[Any], bytes]] = {
    encoder.__name__: encoder for encoder in (int32, int64, uint32, uint64, sint32, sint64)
}
"""Each checks its value, whatever it is."""

_INT = {int}


def packed(encoder: Callable[[Any], bytes], values: Sequence[Any]) -> bytes:
    """Return a list of integers as varints one behind the other."""
    if {*map(type, values)} != _INT:
        return b"".join([encoder(value) for value in values])
    return b"".join(
        [TABLE[value] if 0 <= value < TABLE_SIZE else encoder(value) for value in values]
    )


def packed_zigzag(encoder: Callable[[Any], bytes], values: Sequence[Any]) -> bytes:
    """Return a list of integers as zigzag varints one behind the other."""
    if {*map(type, values)} != _INT:
        return b"".join([encoder(value) for value in values])
    return b"".join(
        [TABLE[value << 1] if 0 <= value < TABLE_SIZE // 2 else encoder(value) for value in values]
    )
