"""Values to ProtoJSON, kind by kind. Each function checks its value and raises a TypeError or a
ValueError.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from math import isfinite, isnan
from struct import Struct
from typing import Any

from .checks import boolean, listed, mapped, number, octets, text, wrong
from .kinds import DURATION, LIST_VALUE, MAX_DEPTH, STRUCT, TIMESTAMP, VALUE, WRAPPERS, Scalar
from .times import (
    BILLION,
    EPOCH,
    FIRST_SECOND,
    LAST_SECOND,
    LONGEST,
    duration_parts,
    timestamp_parts,
)
from .unwrapped import NULL, exact
from .varints import ranged
from .wire import too_deep

_SINGLE = Struct("<f")


def double(value: Any) -> float | str:
    """Return a double as a number, or as the name of what JSON has no number for."""
    found = number(value)
    if isfinite(found):
        return found
    if isnan(found):
        return "NaN"
    return "Infinity" if found > 0 else "-Infinity"


def single(value: Any) -> float | str:
    """Return a float with as few digits as tell it from its neighbours."""
    found = double(value)
    if isinstance(found, str):
        return found
    try:
        (exactly,) = _SINGLE.unpack(_SINGLE.pack(found))
    except OverflowError:
        raise ValueError("out of range for float") from None
    for digits in (6, 7, 8):
        short = float(f"{exactly:.{digits}g}")
        try:
            if _SINGLE.unpack(_SINGLE.pack(short))[0] == exactly:
                return short
        except OverflowError:
            continue
    return float(f"{exactly:.9g}")


def base64(value: Any) -> str:
    return b2a_base64(octets(value), newline=False).decode("ascii")


def quoted(kind: str) -> Callable[[Any], str]:
    """Return the function that gives a 64-bit integer as a string."""
    return lambda value: str(ranged(kind, value))


def timestamp(value: Any) -> str:
    """Return an aware datetime as RFC 3339 in UTC, with 0, 3, 6 or 9 digits of the second."""
    if value.__class__ is datetime and value.tzinfo is timezone.utc:
        micros = value.microsecond
        if micros:
            return (
                value.isoformat("T", "microseconds" if micros % 1000 else "milliseconds")[:-6] + "Z"
            )
        return value.isoformat()[:-6] + "Z"
    seconds, nanos = timestamp_parts(value)
    if not (FIRST_SECOND <= seconds <= LAST_SECOND and 0 <= nanos < BILLION):
        raise ValueError("out of range for a Timestamp in JSON")
    whole = EPOCH + timedelta(0, seconds)
    return f"{whole.isoformat()[:-6]}{_fraction(nanos)}Z"


def duration(value: Any) -> str:
    """Return a timedelta as seconds with an `s`, with 0, 3, 6 or 9 digits behind the point."""
    seconds, nanos = duration_parts(value)
    if (
        abs(seconds) > LONGEST
        or abs(nanos) >= BILLION
        or (seconds < 0 < nanos or nanos < 0 < seconds)
    ):
        raise ValueError("out of range for a Duration in JSON")
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def _fraction(nanos: int) -> str:
    if not nanos:
        return ""
    if nanos % 1_000_000 == 0:
        return f".{nanos // 1_000_000:03}"
    return f".{nanos // 1000:06}" if nanos % 1000 == 0 else f".{nanos:09}"


def json_value(value: Any, depth: int) -> Any:
    """Return what a google.protobuf.Value holds; a number must be one in JSON too."""
    if depth > MAX_DEPTH:
        too_deep()
    if value is None or value is NULL:
        return None
    if value is True or value is False:
        return value
    if isinstance(value, str):
        return value
    if isinstance(value, (float, int)):
        found = exact(value)
        if not isfinite(found):
            raise ValueError("NaN or infinity, which a JSON value cannot be")
        return int(found) if found.is_integer() and abs(found) < 1 << 53 else found
    if isinstance(value, dict):
        return struct(value, depth + 1)
    if isinstance(value, (list, tuple)):
        return list_value(value, depth + 1)
    wrong(value, "a JSON value")


def struct(value: Any, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        too_deep()
    return {text(key): json_value(item, depth + 2) for key, item in mapped(value).items()}


def list_value(value: Any, depth: int) -> list[Any]:
    if depth > MAX_DEPTH:
        too_deep()
    return [json_value(item, depth + 1) for item in listed(value)]


def scalar(kind: Scalar) -> Callable[[Any], Any]:
    """Return the function that gives a scalar's JSON."""
    if kind.integer:
        return quoted(kind.name) if kind.quoted else lambda value: ranged(kind.name, value)
    return {
        "double": double,
        "float": single,
        "bool": boolean,
        "string": text,
        "bytes": base64,
    }[kind.name]


def map_key(kind: Scalar) -> Callable[[Any], str]:
    """Return the function that gives a map key's JSON."""
    if kind.name == "string":
        return text
    if kind.name == "bool":
        return lambda value: "true" if boolean(value) else "false"
    return lambda value: str(ranged(kind.name, value))


FLAT: dict[str, Callable[[Any], Any]] = {
    TIMESTAMP: timestamp,
    DURATION: duration,
    **{name: scalar(kind) for name, kind in WRAPPERS.items()},
}

NESTED: dict[str, Callable[[Any, int], Any]] = {
    VALUE: json_value,
    STRUCT: struct,
    LIST_VALUE: list_value,
}
