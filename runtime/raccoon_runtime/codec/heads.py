"""Tags, and tags with a length behind them."""

from __future__ import annotations

from .kinds import SIZED, VARINT
from .plan import Field
from .varints import TABLE, varint

SHORT = 128
"""Lengths below this have a head in the table of their tag."""

_tables: dict[bytes, list[bytes]] = {}


def tag(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def wire_type(field: Field) -> int:
    """Return the wire type of one element, by itself."""
    if field.kind == "enum":
        return VARINT
    return SIZED if field.scalar is None else field.scalar.wire


def table(of: bytes) -> list[bytes]:
    """Return a tag with each short length behind it; all messages share one table a tag."""
    made = _tables.get(of)
    if made is None:
        made = _tables[of] = [of + length for length in TABLE[:SHORT]]
    return made
