"""Packed fields: a whole list to bytes at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from struct import error, pack
from typing import Any

from .checks import boolean, enumerated, integer, number
from .enums import EnumBytes
from .kinds import Scalar
from .plan import Field
from .varints import ENCODERS, packed, packed_zigzag


def packer(field: Field) -> Callable[[Any], bytes]:
    """Return the function that gives a packed field's bytes, without tag and length, from a list."""
    scalar = field.scalar
    if scalar is None:
        return partial(_enums, EnumBytes(field.cls, b""), field.cls)
    if scalar.name == "bool":
        return _bools
    if scalar.format:
        return partial(_fixed, scalar)
    encoder = ENCODERS[scalar.name]
    return partial(packed_zigzag if scalar.name[0] == "s" else packed, encoder)


def _enums(numbers: EnumBytes, cls: Any, values: Sequence[Any]) -> bytes:
    if {*map(type, values)} != {cls}:
        values = [enumerated(value, cls) for value in values]
    return b"".join([numbers[value] for value in values])


def _bools(values: Sequence[Any]) -> bytes:
    if {*map(type, values)} != {bool}:
        for value in values:
            boolean(value)
    return bytes(values)


def _fixed(scalar: Scalar, values: Sequence[Any]) -> bytes:
    if {*map(type, values)} != {scalar.python}:
        check = integer if scalar.integer else number
        values = [check(value) for value in values]
    try:
        return pack(f"<{len(values)}{scalar.format}", *values)
    except (error, OverflowError):
        raise ValueError(f"out of range for {scalar.name}") from None
