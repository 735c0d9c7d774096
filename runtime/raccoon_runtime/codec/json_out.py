"""Values to ProtoJSON, kind by kind, as orjson then writes it. Each function checks its value and
raises a TypeError or a ValueError.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from math import copysign, isfinite, isnan
from struct import Struct
from typing import Any, cast

import orjson

from .checks import boolean, enumerated, listed, mapped, number, octets, ranged, text, wrong
from .enums import EnumNames
from .kinds import (
    DURATION,
    LIST_VALUE,
    MAX_DEPTH,
    SCALARS,
    STRUCT,
    TIMESTAMP,
    VALUE,
    WRAPPERS,
    Scalar,
)
from .plan import Field
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
from .wire import too_deep

OPTIONS = orjson.OPT_UTC_Z
"""What orjson has to be told: that UTC is a Z. Everything else it gets is plain."""

_SINGLE = Struct("<f")
_UTC = timezone.utc

Json = Callable[[Any], Any]


def dumps(found: Any) -> bytes:
    """Return the text of what the functions below give."""
    try:
        return orjson.dumps(found, None, OPTIONS)
    except TypeError:
        return dumps_again(found)


def dumps_again(found: Any) -> bytes:
    """Return the text of what orjson refused: it takes a str's subclass, but not as a key."""
    return orjson.dumps(_plain_keys(found), None, OPTIONS)


def _plain_keys(found: Any) -> Any:
    if isinstance(found, dict):
        pairs = cast("dict[str, Any]", found).items()
        return {str.__str__(key): _plain_keys(item) for key, item in pairs}
    if isinstance(found, (list, tuple)):
        return [_plain_keys(item) for item in cast("list[Any]", found)]
    return found


def negative_zero(value: Any) -> bool:
    """Return whether a number that is not true is -0.0, which is not the default."""
    return copysign(1.0, number(value)) < 0


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
    """Return bytes in base64, in the standard alphabet, padded."""
    return b2a_base64(octets(value), newline=False).decode("ascii")


WHOLE: dict[str, Callable[[Any], int]] = {
    name: partial(ranged, scalar) for name, scalar in SCALARS.items() if scalar.integer
}
"""Kind → what gives an integer of that kind from what it is."""


def quoted(scalar: Scalar) -> Json:
    """Return the function that gives an integer of more than 32 bits: as a string."""
    number = WHOLE[scalar.name]
    return lambda value: str(number(value))


def timestamp(value: Any) -> datetime | str:
    """Return an aware datetime as RFC 3339 in UTC, with 0, 3, 6 or 9 digits of the second.

    Or as it is, where orjson writes just that: it knows 0 and 6 digits.
    """
    if value.__class__ is datetime and value.tzinfo is _UTC:
        micros = value.microsecond
        if micros % 1000 or not micros:
            return value
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
        if not found:
            return found if negative_zero(found) else 0
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


_SCALARS: dict[str, Json] = {
    **WHOLE,
    **{name: quoted(scalar) for name, scalar in SCALARS.items() if scalar.quoted},
    "double": double,
    "float": single,
    "bool": boolean,
    "string": text,
    "bytes": base64,
}

FLAT: dict[str, Json] = {
    TIMESTAMP: timestamp,
    DURATION: duration,
    **{name: _SCALARS[kind.name] for name, kind in WRAPPERS.items()},
}
"""Kind → JSON, of the unwrapped types."""

NESTED: dict[str, Callable[[Any, int], Any]] = {
    VALUE: json_value,
    STRUCT: struct,
    LIST_VALUE: list_value,
}
"""The same for those that count levels."""


def element(field: Field) -> Json:
    """Return the function that gives one element's JSON, of a field that counts no levels."""
    if field.kind == "enum":
        return _member(field)
    return _SCALARS.get(field.kind) or FLAT[field.kind]


def _member(field: Field) -> Json:
    cls, names = field.cls, EnumNames(field.cls)
    if field.null:
        return lambda value: enumerated(value, cls) or None
    return lambda value: names[value if value.__class__ is cls else enumerated(value, cls)]


def _texts(values: Any) -> Any:
    """Return a list of strings as it is; to join them finds out whether they are."""
    try:
        "".join(listed(values))
    except TypeError:
        return [text(value) for value in listed(values)]
    return values


def _doubles(values: Any) -> Any:
    """Return a list of floats as it is, where each has a number in JSON."""
    if [*map(type, listed(values))].count(float) == len(values) and isfinite(sum(values)):
        return values
    return [double(value) for value in values]


def _text_map(values: Any) -> Any:
    """Return a map of strings to strings as it is."""
    try:
        "".join([*mapped(values), *values.values()])
    except TypeError:
        return {text(key): text(value) for key, value in values.items()}
    return values


LISTS: dict[str, Callable[[Any], Any]] = {"string": _texts, "double": _doubles}
"""Kind → JSON of a list that is not empty, where to look at all of it at once is quicker."""

MAPS: dict[tuple[str, str], Callable[[Any], Any]] = {("string", "string"): _text_map}
"""Kinds of key and value → JSON of a map that is not empty, likewise."""


def key(scalar: Scalar) -> Callable[[Any], str]:
    """Return the function that gives a map key's JSON."""
    if scalar.name == "string":
        return text
    if scalar.name == "bool":
        return lambda value: "true" if boolean(value) else "false"
    number = WHOLE[scalar.name]
    return lambda value: str(number(value))
