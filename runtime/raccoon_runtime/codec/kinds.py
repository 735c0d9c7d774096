"""The scalar kinds of proto3, as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import Any

VARINT, FIXED64, SIZED, START_GROUP, END_GROUP, FIXED32 = range(6)
"""Wire types."""

MAX_DEPTH = 100
"""How deeply messages may be nested, as in protobuf's own libraries."""

ZERO = 0.0
"""The default of every float field: the very object, so that codecs may ask `is`."""


@lru_cache(None)
def form(format: str) -> Struct:
    """Return the struct of a format, little-endian as the wire is."""
    return Struct("<" + format)


@dataclass(frozen=True)
class Scalar:
    """One scalar kind: how it lies on the wire and what Python gives for it."""

    name: str
    wire: int
    python: type
    default: Any
    low: int = 0
    high: int = 0
    """The range, of integers."""
    format: str = ""
    """What `struct` calls it, for the fixed sizes."""

    @property
    def integer(self) -> bool:
        return self.high > 0

    @property
    def zigzag(self) -> bool:
        """Whether its varint's lowest bit is the sign."""
        return self.wire == VARINT and self.name.startswith("s")

    @property
    def quoted(self) -> bool:
        """Whether ProtoJSON writes it as a string although it is a number."""
        return self.high > 0xFFFFFFFF


def _integer(name: str, wire: int, bits: int, signed: bool, format: str = "") -> Scalar:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return Scalar(name, wire, int, 0, low, high, format)


SCALARS: dict[str, Scalar] = {
    scalar.name: scalar
    for scalar in (
        _integer("int32", VARINT, 32, True),
        _integer("int64", VARINT, 64, True),
        _integer("uint32", VARINT, 32, False),
        _integer("uint64", VARINT, 64, False),
        _integer("sint32", VARINT, 32, True),
        _integer("sint64", VARINT, 64, True),
        _integer("fixed32", FIXED32, 32, False, "I"),
        _integer("fixed64", FIXED64, 64, False, "Q"),
        _integer("sfixed32", FIXED32, 32, True, "i"),
        _integer("sfixed64", FIXED64, 64, True, "q"),
        Scalar("float", FIXED32, float, ZERO, format="f"),
        Scalar("double", FIXED64, float, ZERO, format="d"),
        Scalar("bool", VARINT, bool, False),
        Scalar("string", SIZED, str, ""),
        Scalar("bytes", SIZED, bytes, b""),
    )
}

ENUM = _integer("an enum", VARINT, 32, True)

_WELL_KNOWN = "google.protobuf."

TIMESTAMP = _WELL_KNOWN + "Timestamp"
DURATION = _WELL_KNOWN + "Duration"
STRUCT = _WELL_KNOWN + "Struct"
VALUE = _WELL_KNOWN + "Value"
LIST_VALUE = _WELL_KNOWN + "ListValue"
ANY = _WELL_KNOWN + "Any"
FIELD_MASK = _WELL_KNOWN + "FieldMask"
EMPTY = _WELL_KNOWN + "Empty"
NULL_VALUE = _WELL_KNOWN + "NullValue"

WRAPPERS: dict[str, Scalar] = {
    _WELL_KNOWN + name: SCALARS[kind]
    for name, kind in {
        "DoubleValue": "double",
        "FloatValue": "float",
        "Int64Value": "int64",
        "UInt64Value": "uint64",
        "Int32Value": "int32",
        "UInt32Value": "uint32",
        "BoolValue": "bool",
        "StringValue": "string",
        "BytesValue": "bytes",
    }.items()
}

NESTING = frozenset({STRUCT, VALUE, LIST_VALUE})
"""Unwrapped types that may hold themselves."""

UNWRAPPED = frozenset({TIMESTAMP, DURATION, *NESTING, *WRAPPERS})
"""Message types that are plain Python values in a field."""

MAP_KEYS = frozenset(SCALARS) - {"float", "double", "bytes"}
