"""ProtoJSON to values, kind by kind. Each function raises a TypeError or a ValueError for what is
no such value.

What `to_dict` gives in its Python form is taken too: bytes, datetimes, timedeltas.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from math import isfinite
from struct import Struct
from typing import Any, cast

from . import kinds
from .checks import text, wrong
from .kinds import DURATION, LIST_VALUE, MAX_DEPTH, STRUCT, TIMESTAMP, VALUE, WRAPPERS, Scalar
from .times import (
    FIRST_SECOND,
    LAST_SECOND,
    LONGEST,
    make_duration,
    make_timestamp,
    split_datetime,
)
from .unwrapped import NULL
from .wire import too_deep

_INTEGER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NAMED = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
EDGE = -(1 << 63)
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_DURATION = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))?s")
_SINGLE = Struct("<f")
_BASE64 = re.compile(r"([A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}")
_URL_SAFE = str.maketrans("-_", "+/")


def integer(scalar: Scalar) -> Callable[[Any], int]:
    """Return the function that takes an integer: a number, or a string of one."""

    def parse(value: Any) -> int:
        if value.__class__ is str and value.isdecimal() and value.isascii() and len(value) < 19:
            found = int(value)
        else:
            found = _whole(value)
        if not scalar.low <= found <= scalar.high:
            raise ValueError(f"out of range for {scalar.name}")
        return found

    return parse


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        # More digits than any 64-bit number has are not worth converting.
        if _INTEGER.fullmatch(value) and len(value) < 40:
            return int(value)
        if not _NUMBER.fullmatch(value):
            raise ValueError("a str that is no integer")
        value = float(value)
        if value == EDGE:
            return EDGE
    if not isinstance(value, float):
        wrong(value, "an integer")
    # The parser gives integers that 64 bits cannot hold as floats, so a float that large may be
    # none of what was written. Of the edge, `edge_told_apart` makes an int.
    if not value.is_integer() or not EDGE < value < -2 * EDGE:
        raise ValueError("a number that is no integer, or out of range")
    return int(value)


def double(value: Any) -> float:
    """Take a number, a string of one, or the name of what JSON has no number for."""
    if isinstance(value, str):
        named = _NAMED.get(value)
        if named is not None:
            return named
        if not _NUMBER.fullmatch(value):
            raise ValueError("a str that is no number")
        found = float(value)
    elif isinstance(value, float):
        return float(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:
            found = float("inf")
    else:
        wrong(value, "a number")
    if not isfinite(found):
        raise ValueError("out of range for double")
    return found


def single(value: Any) -> float:
    found = double(value)
    try:
        return cast(float, _SINGLE.unpack(_SINGLE.pack(found))[0])
    except OverflowError:
        raise ValueError("out of range for float") from None


def boolean(value: Any) -> bool:
    if value is True or value is False:
        return value
    wrong(value, "true or false")


def base64(value: Any) -> bytes:
    """Take base64, in its standard or its URL-safe alphabet, with or without padding."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if not isinstance(value, str):
        wrong(value, "base64")
    found = _canonical_base64(value)
    if found is not None:
        return found
    match = _BASE64.fullmatch(value)
    if match is None or len(match[1]) % 4 == 1:
        raise ValueError("a str that is no base64")
    bare = match[1].translate(_URL_SAFE)
    return a2b_base64(bare + "=" * (-len(bare) % 4))


def _canonical_base64(value: str) -> bytes | None:
    """Return the bytes of what is written as we write it: what comes back the same."""
    try:
        found = a2b_base64(value)
    except ValueError:
        return None
    return found if b2a_base64(found, newline=False).decode() == value else None


def timestamp(value: Any) -> datetime:
    """Take RFC 3339 with an offset; digits beyond microseconds are kept."""
    if (
        value.__class__ is str
        and len(value) == 27
        # With these marks in place `fromisoformat` takes nothing but the common form.
        and (value[26] == "Z" and value[19] == "." and value[10] == "T")
        and (value[4] == value[7] == "-" and value[13] == value[16] == ":")
    ):
        return datetime.fromisoformat(value[:26] + "+00:00")
    if isinstance(value, datetime):
        return value
    match = _TIMESTAMP.fullmatch(text(value))
    if match is None:
        raise ValueError("a str that is no RFC 3339 time with an offset")
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups()
    local = datetime(
        int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=timezone.utc
    )
    nanos = int(fraction.ljust(9, "0")) if fraction else 0
    seconds, _ = split_datetime(local)
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            raise ValueError("no such offset")
        seconds -= int(sign + "1") * (int(hours) * 3600 + int(minutes) * 60)
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise ValueError("out of range for a Timestamp")
    return make_timestamp(seconds, nanos)


def duration(value: Any) -> timedelta:
    """Take seconds with an `s`."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(text(value))
    if match is None:
        raise ValueError("a str that is no number of seconds with an s")
    sign, whole, fraction = match.groups()
    seconds, nanos = int(whole), int(fraction.ljust(9, "0")) if fraction else 0
    if seconds > LONGEST:
        raise ValueError("out of range for a Duration")
    return make_duration(-seconds, -nanos) if sign else make_duration(seconds, nanos)


def json_value(value: Any, depth: int) -> Any:
    """Take any JSON where None is null: inside of lists and objects."""
    if depth > MAX_DEPTH:
        too_deep()
    if value is None or value is NULL:
        return None
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if int(found := float(value)) == value else found
    if isinstance(value, float):
        return value
    if isinstance(value, dict):
        return struct(value, depth + 1)
    if isinstance(value, (list, tuple)):
        return list_value(value, depth + 1)
    wrong(value, "a JSON value")


def field_value(value: Any, depth: int) -> Any:
    """Take any JSON where None would mean that a field is not set: null is NULL."""
    return NULL if value is None else value if value is NULL else json_value(value, depth)


def struct(value: Any, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        too_deep()
    return {text(key): json_value(item, depth + 2) for key, item in mapping(value).items()}


def list_value(value: Any, depth: int) -> list[Any]:
    if depth > MAX_DEPTH:
        too_deep()
    return [json_value(item, depth + 1) for item in sequence(value)]


def mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value)
    wrong(value, "an object")


def sequence(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return cast("list[Any]", value)
    wrong(value, "an array")


SCALARS: dict[str, Callable[[Any], Any]] = {
    **{name: integer(scalar) for name, scalar in kinds.SCALARS.items() if scalar.integer},
    "double": double,
    "float": single,
    "bool": boolean,
    "string": text,
    "bytes": base64,
}
"""Kind → what takes a scalar's JSON."""

RIGHT: dict[str, type] = {"string": str, "double": float, "bool": bool}
"""Kind → the type that its JSON has when it needs nothing done."""


def map_key(kind: Scalar) -> Callable[[Any], Any]:
    """Return the function that takes a map key's JSON."""
    if kind.name == "string":
        return text
    if kind.name == "bool":
        return _bool_key
    return SCALARS[kind.name]


def _bool_key(value: Any) -> bool:
    if value in ("true", "false") or isinstance(value, bool):
        return value is True or value == "true"
    wrong(value, "true or false")


FLAT: dict[str, Callable[[Any], Any]] = {
    **SCALARS,
    TIMESTAMP: timestamp,
    DURATION: duration,
    **{name: SCALARS[kind.name] for name, kind in WRAPPERS.items()},
}
"""Kind → what takes its JSON, where that needs to know neither a class nor how deep it is."""

NESTED: dict[str, Callable[[Any, int], Any]] = {
    VALUE: json_value,
    STRUCT: struct,
    LIST_VALUE: list_value,
}
