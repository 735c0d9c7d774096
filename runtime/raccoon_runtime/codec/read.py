"""Reading what is no varint: packed fields, and well-known types that are plain Python values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from struct import Struct, calcsize, unpack_from
from typing import Any, cast

from .enums import EnumMembers
from .kinds import (
    DURATION,
    LIST_VALUE,
    MAX_DEPTH,
    SIZED,
    STRUCT,
    TIMESTAMP,
    VALUE,
    WRAPPERS,
    Scalar,
)
from .plan import Field
from .source import Source
from .time_bytes import read_duration, read_timestamp
from .unwrapped import NULL
from .wire import fields, read_packed, too_deep, truncated

Reader = Callable[[bytes, int, int, int, Any], Any]
"""(data, position, end, depth, what an earlier occurrence gave) → the value."""


def unpacker(field: Field) -> Callable[[bytes, int, int], list[Any]]:
    """Return the function that reads a packed field."""
    scalar = field.scalar
    if scalar is None:
        members = EnumMembers(field.cls)
        return lambda data, pos, stop: [
            members[(value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000]
            for value in read_packed(data, pos, stop)
        ]
    if scalar.format:
        return partial(_read_fixed, scalar.format, calcsize("<" + scalar.format))
    convert = _VARINTS[scalar.name]
    return lambda data, pos, stop: convert(read_packed(data, pos, stop))


def _read_fixed(format: str, size: int, data: bytes, pos: int, stop: int) -> list[Any]:
    count, rest = divmod(stop - pos, size)
    if rest:
        raise ValueError("a packed field that ends inside of a number")
    if stop > len(data):
        truncated()
    return list(unpack_from(f"<{count}{format}", data, pos))


def from_varint(kind: str, value: int) -> Any:
    """Return what a varint means in a field of that kind."""
    return _VARINTS[kind]([value])[0]


_VARINTS: dict[str, Callable[[list[int]], list[Any]]] = {
    "int32": lambda values: [(v & 0xFFFFFFFF ^ 0x80000000) - 0x80000000 for v in values],
    "int64": lambda values: [(v ^ 0x8000000000000000) - 0x8000000000000000 for v in values],
    "uint32": lambda values: [v & 0xFFFFFFFF for v in values],
    "uint64": lambda values: values,
    "sint32": lambda values: [(v & 0xFFFFFFFF) >> 1 ^ -(v & 1) for v in values],
    "sint64": lambda values: [v >> 1 ^ -(v & 1) for v in values],
    "bool": lambda values: [v != 0 for v in values],
}


def _wrapper(scalar: Scalar) -> Reader:
    wanted = 1 << 3 | scalar.wire

    def read(data: bytes, pos: int, end: int, depth: int, previous: Any) -> Any:
        found = scalar.default if previous is None else previous
        for tag, start, stop, value in fields(data, pos, end):
            if tag != wanted:
                continue
            if scalar.wire == SIZED:
                body = data[start:stop]
                found = body.decode() if scalar.name == "string" else body
            elif scalar.format:
                (found,) = unpack_from("<" + scalar.format, data, start)
            else:
                found = from_varint(scalar.name, value)
        return found

    return read


_double = Struct("<d").unpack_from


def read_value(data: bytes, pos: int, end: int, depth: int, previous: Any) -> Any:
    """Read a google.protobuf.Value of a field: null is NULL, and so is one of no kind."""
    if depth > MAX_DEPTH:
        too_deep()
    found = previous
    for tag, start, stop, number in fields(data, pos, end):
        if tag == 8:
            found = NULL
        elif tag == 17:
            (found,) = _double(data, start)
        elif tag == 26:
            found = data[start:stop].decode()
        elif tag == 32:
            found = number != 0
        elif tag == 42:
            before = cast("dict[str, Any]", found) if isinstance(found, dict) else None
            found = read_struct(data, start, stop, depth + 1, before)
        elif tag == 50:
            already = cast("list[Any]", found) if isinstance(found, list) else None
            found = read_list(data, start, stop, depth + 1, already)
    return NULL if found is None else found


def read_item(data: bytes, pos: int, end: int, depth: int, previous: Any) -> Any:
    """Read a Value where None cannot mean that it is not set: in a list or a map."""
    found = read_value(data, pos, end, depth, previous)
    return None if found is NULL else found


def read_struct(data: bytes, pos: int, end: int, depth: int, previous: Any) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        too_deep()
    found: dict[str, Any] = {} if previous is None else previous
    for tag, start, stop, _ in fields(data, pos, end):
        if tag == 10:
            key, item = "", None
            for inner, at, until, _ in fields(data, start, stop):
                if inner == 10:
                    key = data[at:until].decode()
                elif inner == 18:
                    item = read_item(data, at, until, depth + 2, item)
            found[key] = item
    return found


def read_list(data: bytes, pos: int, end: int, depth: int, previous: Any) -> list[Any]:
    if depth > MAX_DEPTH:
        too_deep()
    found: list[Any] = [] if previous is None else previous
    for tag, start, stop, _ in fields(data, pos, end):
        if tag == 10:
            found.append(read_item(data, start, stop, depth + 1, None))
    return found


READERS: dict[str, Reader] = {
    TIMESTAMP: read_timestamp,
    DURATION: read_duration,
    VALUE: read_value,
    STRUCT: read_struct,
    LIST_VALUE: read_list,
    **{name: _wrapper(scalar) for name, scalar in WRAPPERS.items()},
}


def reader(field: Field) -> Reader:
    """Return what reads one element of a field of an unwrapped type."""
    return read_item if field.kind == VALUE and not field.single else READERS[field.kind]


def default_of(field: Field) -> Any:
    """Return what an element is when the bytes do not say it."""
    if field.kind == "enum":
        return field.cls(0)
    scalar = field.scalar or WRAPPERS.get(field.kind)
    return reader(field)(b"", 0, 0, 0, None) if scalar is None else scalar.default


def show_default(source: Source, field: Field) -> str:
    """Return the expression of `default_of`: a new one each time of what can be changed, and else
    the very object that is the default.
    """
    found = default_of(field)
    if found.__class__ in (dict, list, str, bytes, bool, int):
        return repr(found)
    return source.use(f"__default_{field.number}", found)
