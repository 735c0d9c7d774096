"""Lists and maps to ProtoJSON: looked over as a whole, and what is its own JSON is taken as it is."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from .checks import listed, mapped
from .json_out import element, key
from .kinds import SCALARS, Scalar
from .plan import Field


def elements(field: Field) -> Callable[[Any], list[Any]]:
    """Return the function that gives a list's JSON; what is the same there is taken as it is."""
    one, same = element(field), _SAME.get(field.kind)
    if same is None:
        return lambda values: [one(value) for value in listed(values)]

    def many(values: Any) -> Any:
        return (
            values
            if values.__class__ is list and same(values)
            else [one(v) for v in listed(values)]
        )

    return many


def _texts(values: list[Any]) -> bool:
    return {*map(type, values)} == {str}


def _doubles(values: list[Any]) -> bool:
    return {*map(type, values)} == {float} and isfinite(sum(values))


def _bounded(scalar: Scalar) -> Callable[[list[Any]], bool]:
    low, high = scalar.low, scalar.high
    return lambda values: (
        {*map(type, values)} == {int} and low <= min(values) and max(values) <= high
    )


_SAME: dict[str, Callable[[list[Any]], bool]] = {
    "string": _texts,
    "double": _doubles,
    **{s.name: _bounded(s) for s in SCALARS.values() if s.integer and not s.quoted},
}
"""Kind → whether a list of it, which is not empty, is its own JSON."""


def entries(field: Field) -> Callable[[Any], dict[str, Any]]:
    """Return the function that gives a map's JSON, of values that count no levels."""
    assert field.key is not None
    one, many = key(field.key), elements(field)
    plain = field.key.name == "string"

    def all_of(values: Any) -> dict[str, Any]:
        keys = [*mapped(values)]
        if not (plain and _texts(keys)):
            keys = [one(key) for key in keys]
        return dict(zip(keys, many([*values.values()]), strict=True))

    return all_of
