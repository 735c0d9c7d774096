"""What a value must be to be taken for a field. Each returns the value to encode, or raises a
TypeError or a ValueError that names the value's type and never the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, NoReturn, cast

from .kinds import ENUM, Scalar

LISTS = (list, tuple)


def wrong(value: Any, wanted: str) -> NoReturn:
    raise TypeError(f"{type(value).__name__} where {wanted} belongs")


def integer(value: Any) -> int:
    """Return an int (or a subclass's) as a plain int."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    wrong(value, "an int")


def ranged(scalar: Scalar, value: Any) -> int:
    """Return an int within the range of its kind."""
    found = integer(value)
    if not scalar.low <= found <= scalar.high:
        raise ValueError(f"out of range for {scalar.name}")
    return found


def number(value: Any) -> float:
    """Return a float or an int as a plain float."""
    if isinstance(value, (float, int)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise ValueError("an int too large for a float") from None
    wrong(value, "a float")


def boolean(value: Any) -> bool:
    if value is True or value is False:
        return value
    wrong(value, "a bool")


def text(value: Any) -> str:
    """Return a str; a lone surrogate has no bytes and is a ValueError."""
    if not isinstance(value, str):
        wrong(value, "a str")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("a str with a lone surrogate, which no UTF-8 can hold") from None
    return value


def octets(value: Any) -> bytes:
    """Return bytes, a bytearray or a memoryview as bytes."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", value))
    wrong(value, "bytes")


def listed(value: Any) -> Sequence[Any]:
    """Return a list or a tuple as it is."""
    if isinstance(value, LISTS):
        return cast("Sequence[Any]", value)
    wrong(value, "a list")


def mapped(value: Any) -> dict[Any, Any]:
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value)
    wrong(value, "a dict")


def instance(value: Any, cls: type[Any]) -> Any:
    """Return a message of that class or of a subclass."""
    if isinstance(value, cls):
        return value
    wrong(value, cls.__qualname__.rpartition("<locals>.")[2])


def enumerated(value: Any, cls: type[Any]) -> int:
    """Return the number of an enum's value: of a member, or any int32. Another enum's member is a
    TypeError.
    """
    if not isinstance(value, cls) and (not isinstance(value, int) or isinstance(value, Enum)):
        wrong(value, cls.__qualname__.rpartition("<locals>.")[2])
    return ranged(ENUM, value)
