"""What encoders look up: the bytes of a length, of a number, of an enum's member, behind a tag.

The tables fill themselves and keep what is small, for that is what comes again. A dict that does so
costs an encoder no test of its own for what is rare.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .kinds import ENUM, SCALARS, Scalar
from .varints import LAST, MORE, UNSIGNED, varint

KEPT = 1024
"""Lengths and numbers below this are kept."""


def tag(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


class Heads(dict[int, bytes]):
    """A length → its varint behind a tag."""

    def __init__(self, tag: bytes, implicit: bool) -> None:
        super().__init__({0: b""} if implicit else {})
        self._tag = tag

    def __missing__(self, length: int) -> bytes:
        made = self._tag + varint(length)
        if length < KEPT:
            self[length] = made
        return made


VARINTS = Heads(b"", False)
"""A number from 0 on → its varint."""


class Integers(dict[int, bytes]):
    """A number of one kind → its varint behind a tag; a ValueError when it is out of range."""

    def __init__(self, scalar: Scalar, tag: bytes, implicit: bool) -> None:
        super().__init__({0: b""} if implicit else {})
        self._tag = tag
        self._name, self._low, self._high = scalar.name, scalar.low, scalar.high
        self._zigzag = scalar.zigzag

    def __missing__(self, number: int) -> bytes:
        if not self._low <= number <= self._high:
            raise ValueError(f"out of range for {self._name}")
        unsigned = number << 1 ^ number >> 63 if self._zigzag else number & UNSIGNED
        if unsigned < 0x80:
            made = self._tag + LAST[unsigned]
        else:
            made = self._tag + MORE[unsigned & 0x7F] + VARINTS[unsigned >> 7]
        if -KEPT < number < KEPT:
            self[number] = made
        return made


class Members(Integers):
    """An enum's member, or any number that it may have, → its varint behind a tag."""

    def __init__(self, cls: Any, tag: bytes, implicit: bool) -> None:
        super().__init__(ENUM, tag, implicit)
        self.update(
            (member, tag + varint(member & UNSIGNED) if member or not implicit else b"")
            for member in cls._value2member_map_.values()
        )


# By tag and kind there are few tables, and messages share them.


@lru_cache(None)
def heads(tag: bytes, implicit: bool = False) -> Heads:
    """Return the table of lengths behind a tag; with `implicit` a length of 0 is not written."""
    return Heads(tag, implicit)


@lru_cache(None)
def integers(kind: str, tag: bytes = b"", implicit: bool = False) -> Integers:
    """Return the table of a varint kind's numbers behind a tag; `implicit`: 0 is not written."""
    return Integers(SCALARS[kind], tag, implicit)
