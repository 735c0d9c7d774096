"""Integers to varints."""

from __future__ import annotations

LAST = [bytes((byte,)) for byte in range(128)]
"""The bytes that end a varint."""
MORE = [bytes((byte | 0x80,)) for byte in range(128)]
"""The bytes that others follow."""
UNSIGNED = 0xFFFFFFFFFFFFFFFF
"""What `&` makes of a negative number on the wire: 64 bits of two's complement."""


def varint(value: int) -> bytes:
    """Return a number from 0 to 2**64 - 1 as a varint."""
    if value < 0x80:
        return LAST[value]
    if value < 0x4000:
        return MORE[value & 0x7F] + LAST[value >> 7]
    if value < 0x200000:
        return MORE[value & 0x7F] + MORE[value >> 7 & 0x7F] + LAST[value >> 14]
    low = MORE[value & 0x7F] + MORE[value >> 7 & 0x7F] + MORE[value >> 14 & 0x7F]
    return low + varint(value >> 21)
