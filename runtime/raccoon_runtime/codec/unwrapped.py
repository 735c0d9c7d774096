"""The well-known types that are plain Python values: their bytes."""

from __future__ import annotations

import enum
from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Any, Union

from .checks import integer, listed, mapped, number, octets, text, wrong
from .kinds import (
    DURATION,
    FIXED64,
    LIST_VALUE,
    MAX_DEPTH,
    STRUCT,
    TIMESTAMP,
    VALUE,
    WRAPPERS,
    Scalar,
)
from .tables import integers
from .time_bytes import duration, timestamp
from .varints import varint
from .wire import too_deep

if TYPE_CHECKING:
    from typing import TypeAlias


class Null(enum.Enum):
    """The type of `NULL`."""

    NULL = "null"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "NULL"


NULL = Null.NULL
"""JSON's null in a field of type google.protobuf.Value, where None says that the field is not set.
"""

JsonValue: TypeAlias = Union[
    bool, int, float, str, Null, "list[JsonValue]", "dict[str, JsonValue]", None
]
"""What a google.protobuf.Value may be."""

_DOUBLE = Struct("<d").pack


def sized(tag: bytes, body: bytes) -> bytes:
    return b"%b%b%b" % (tag, varint(len(body)), body)


def wrapper(scalar: Scalar) -> Callable[[Any], bytes]:
    """Return the function that gives the bytes of a wrapper message from its value."""
    if scalar.name == "string":
        return lambda value: sized(b"\n", text(value).encode()) if value != "" else b""
    if scalar.name == "bytes":
        return lambda value: sized(b"\n", body) if (body := octets(value)) else b""
    if scalar.name == "bool":
        return _bool_value
    if scalar.format:
        pack = Struct("<" + scalar.format).pack
        zero = pack(0)
        check = integer if scalar.integer else number
        tag = b"\x09" if scalar.wire == FIXED64 else b"\x0d"
        return lambda value: b"" if (body := pack(check(value))) == zero else tag + body
    numbers = integers(scalar.name, b"\x08", implicit=True)
    return lambda value: numbers[integer(value)]


def _bool_value(value: Any) -> bytes:
    if value is True:
        return b"\x08\x01"
    return b"" if value is False else wrong(value, "a bool")


def value(value: Any, depth: int) -> bytes:
    """Return the bytes of a google.protobuf.Value."""
    if depth > MAX_DEPTH:
        too_deep()
    if value is None or value is NULL:
        return b"\x08\x00"
    if value is True:
        return b"\x20\x01"
    if value is False:
        return b"\x20\x00"
    if isinstance(value, str):
        return sized(b"\x1a", value.encode())
    if isinstance(value, (float, int)):
        return b"\x11" + _DOUBLE(exact(value))
    if isinstance(value, dict):
        return sized(b"\x2a", struct(value, depth + 1))
    if isinstance(value, (list, tuple)):
        return sized(b"\x32", list_value(value, depth + 1))
    wrong(value, "a JSON value")


def exact(value: float | int) -> float:
    """Return a number as a float; a ValueError if that would be another number."""
    found = number(value)
    if isinstance(value, int) and int(found) != value:
        raise ValueError("an int that a JSON number cannot hold exactly")
    return found


def struct(value_: Any, depth: int) -> bytes:
    """Return the bytes of a Struct from a dict."""
    if depth > MAX_DEPTH:
        too_deep()
    parts: list[bytes] = []
    for key, item in mapped(value_).items():
        name = text(key).encode()
        body = value(item, depth + 2)
        entry = b"\n%b%b\x12%b%b" % (varint(len(name)), name, varint(len(body)), body)
        parts.append(sized(b"\n", entry))
    return b"".join(parts)


def list_value(value_: Any, depth: int) -> bytes:
    """Return the bytes of a ListValue from a list."""
    if depth > MAX_DEPTH:
        too_deep()
    return b"".join([sized(b"\n", value(item, depth + 1)) for item in listed(value_)])


FLAT: dict[str, Callable[[Any], bytes]] = {
    TIMESTAMP: timestamp,
    DURATION: duration,
    **{name: wrapper(scalar) for name, scalar in WRAPPERS.items()},
}
"""Kind → bytes of its message."""

NESTED: dict[str, Callable[[Any, int], bytes]] = {
    VALUE: value,
    STRUCT: struct,
    LIST_VALUE: list_value,
}
"""The same for those that count levels."""
