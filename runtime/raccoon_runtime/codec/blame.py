"""Finds out which field an encoder failed on: walks the values again, slowly, with the path in
hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

from ..errors import SerializationError
from . import checks
from .kinds import MAX_DEPTH, Scalar
from .plan import Field, Plan, default, plan_of
from .unwrapped import FLAT, NESTED
from .varints import ranged

Blame = Callable[[Any, Exception], SerializationError]
Check = Callable[[Any], object]
TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"


class _Found(Exception):
    """The path to a value that cannot be encoded, and why."""

    def __init__(self, path: str, reason: object) -> None:
        super().__init__(f"{path}: {reason}")


def of_message(plan: Plan, event: bool, checks_of: Mapping[str, Check] | None = None) -> Blame:
    """Return what turns a failed encoding of a message into an error that says where and why."""

    def blame(message: Any, error: Exception) -> SerializationError:
        return _blame(plan, lambda name: getattr(message, name), error, event, checks_of)

    return blame


def of_keywords(plan: Plan, checks_of: Mapping[str, Check] | None = None) -> Blame:
    """The same for fields that are keywords; what is left out has its default."""

    def blame(fields: dict[str, Any], error: Exception) -> SerializationError:
        def get(name: str) -> Any:
            return fields[name] if name in fields else default(plan.cls, name)

        return _blame(plan, get, error, True, checks_of)

    return blame


def _blame(
    plan: Plan,
    get: Callable[[str], Any],
    error: Exception,
    event: bool,
    checks_of: Mapping[str, Check] | None,
) -> SerializationError:
    try:
        _Walk(event, checks_of or {}).message(plan, get, plan.name, 0)
    except _Found as found:
        return SerializationError(str(found))
    return SerializationError(f"{plan.name}: {error}")


class _Walk:
    def __init__(self, event: bool, checks_of: Mapping[str, Check]) -> None:
        self._event = event
        self._checks_of = checks_of

    def message(self, plan: Plan, get: Callable[[str], Any], path: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _Found(plan.name, TOO_DEEP)
        members: dict[str, str] = {}
        for field in plan.fields:
            where = f"{path}.{field.name}"
            try:
                value = get(field.name)
            except AttributeError:
                raise _Found(where, "missing") from None
            if field.oneof is not None and value is not None:
                other = members.setdefault(field.oneof, field.name)
                if other != field.name:
                    raise _Found(where, f"set although {other} is, of the same oneof")
            self._field(field, value, where, depth)

    def _field(self, field: Field, value: Any, where: str, depth: int) -> None:
        if self._event and field.required and field.auto is None and field.empty(value):
            raise _Found(where, "required, and not set")
        if value is None and field.presence:
            return
        if field.key is not None:
            key = field.key
            self._try(checks.mapped, value, where)
            for index, (name, item) in enumerate(value.items()):
                self._try(lambda name: scalar_check(key)(name), name, f"{where}[key {index}]")
                self._element(field, item, f"{where}[value {index}]", depth)
        elif field.repeated:
            self._try(checks.listed, value, where)
            for index, item in enumerate(value):
                self._element(field, item, f"{where}[{index}]", depth)
        else:
            self._element(field, value, where, depth)

    def _element(self, field: Field, value: Any, where: str, depth: int) -> None:
        if field.kind == "message":
            self._try(lambda value: checks.instance(value, field.cls), value, where)
            if field.kind in self._checks_of:
                self._try(lambda value: self._checks_of[field.kind](value), value, where)
            self.message(plan_of(field.cls), lambda name: getattr(value, name), where, depth + 1)
        elif field.kind == "enum":
            self._try(lambda value: checks.enumerated(value, field.cls), value, where)
        elif field.kind in self._checks_of:
            self._try(self._checks_of[field.kind], value, where)
        elif field.kind in NESTED:
            self._try(lambda value: NESTED[field.kind](value, depth + 1), value, where)
        elif field.kind in FLAT:
            self._try(FLAT[field.kind], value, where)
        elif field.scalar is not None:
            self._try(scalar_check(field.scalar), value, where)

    def _try(self, check: Check, value: Any, where: str) -> None:
        try:
            check(value)
        except (TypeError, ValueError, AttributeError) as error:
            raise _Found(where, error) from None


def scalar_check(scalar: Scalar) -> Check:
    """Return what raises for values that a scalar field cannot take."""
    if scalar.integer:
        return lambda value: ranged(scalar.name, value)
    if scalar.name == "float":
        return _single
    return {
        "double": checks.number,
        "bool": checks.boolean,
        "string": checks.text,
        "bytes": checks.octets,
    }[scalar.name]


def _single(value: Any) -> None:
    try:
        Struct("<f").pack(checks.number(value))
    except OverflowError:
        raise ValueError("out of range for float") from None
