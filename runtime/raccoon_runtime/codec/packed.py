"""Packed fields: a whole list to bytes at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import error, pack
from typing import Any

from .checks import boolean, enumerated, integer, listed, number
from .kinds import SIZED, Scalar
from .plan import Field
from .tables import Members, heads, integers, tag

Bytes = Callable[[Sequence[Any]], bytes]


def packer(field: Field) -> Bytes:
    """Return the function that gives a packed field's bytes."""
    head, body = heads(tag(field.number, SIZED)), _bodies(field)

    def packed(values: Sequence[Any]) -> bytes:
        written = body(listed(values))
        return head[len(written)] + written if written else b""

    return packed


def _bodies(field: Field) -> Bytes:
    scalar = field.scalar
    if scalar is None:
        return _enums(field.cls)
    if scalar.name == "bool":
        return _bools
    return _fixed(scalar) if scalar.format else _varints(scalar)


def _enums(cls: Any) -> Bytes:
    numbers = Members(cls, b"", False)

    def body(values: Sequence[Any]) -> bytes:
        if {*map(type, values)} != {cls}:
            values = [enumerated(value, cls) for value in values]
        return b"".join(map(numbers.__getitem__, values))

    return body


def _bools(values: Sequence[Any]) -> bytes:
    if {*map(type, values)} != {bool}:
        values = [boolean(value) for value in values]
    return bytes(values)


def _fixed(scalar: Scalar) -> Bytes:
    check = integer if scalar.integer else number

    def body(values: Sequence[Any]) -> bytes:
        if {*map(type, values)} != {scalar.python}:
            values = [check(value) for value in values]
        try:
            return pack(f"<{len(values)}{scalar.format}", *values)
        except (error, OverflowError):
            raise ValueError(f"out of range for {scalar.name}") from None

    return body


def _varints(scalar: Scalar) -> Bytes:
    numbers = integers(scalar.name)

    def body(values: Sequence[Any]) -> bytes:
        if {*map(type, values)} != {int}:
            values = [integer(value) for value in values]
        return b"".join(map(numbers.__getitem__, values))

    return body
