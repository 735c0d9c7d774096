"""Finds out which field an encoder failed on: walks the values again, slowly, with the path in
hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from struct import error as StructError
from typing import Any, cast

from ..errors import SerializationError
from . import checks
from .kinds import MAX_DEPTH, WRAPPERS, Scalar, form
from .paths import at, at_key, json_places
from .plan import Field, Plan, plan_of
from .spec import default
from .unwrapped import FLAT, NESTED
from .wire import TooDeep, too_deep

Blame = Callable[[Any, Exception], Exception]
Check = Callable[[Any], object]
OWN = (
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    StructError,
)
"""The errors that come of what is encoded or decoded. Any other comes from outside, as from a
signal's handler, and is let through.
"""


class _Found(Exception):
    """The path to a value that cannot be encoded, and why."""

    def __init__(self, path: str, reason: object) -> None:
        super().__init__(f"{path}: {reason}")


class Missing:
    """What a required field is when it is not given: of no type that any field takes."""


MISSING = Missing()


def of_message(plan: Plan, event: bool, checks_of: Mapping[str, Check] | None = None) -> Blame:
    """Return what turns a failed encoding of a message into an error that says where and why; it
    raises one from outside as it is.
    """

    def blame(message: Any, error: Exception) -> Exception:
        return _blame(plan, lambda name: getattr(message, name), error, event, checks_of)

    return blame


def of_fields(plan: Plan, checks_of: Mapping[str, Check] | None = None) -> Blame:
    """The same for fields by name. One that has to be there and is not is a TypeError, as it is of
    a function's keywords.
    """
    required = [field.name for field in plan.fields if field.required and not field.auto]

    def blame(fields: dict[str, Any], error: Exception) -> Exception:
        let_through(error)
        for name in required:
            if name not in fields:
                return TypeError(f"{plan.name}() missing required keyword argument: {name!r}")

        def get(name: str) -> Any:
            return fields[name] if name in fields else default(plan.cls, name)

        return _blame(plan, get, error, True, checks_of)

    return blame


def let_through(error: Exception) -> None:
    """Raise an error that comes from outside, as it is."""
    if not isinstance(error, OWN):
        raise error


def unexpected(plan: Plan) -> Callable[[Mapping[str, Any]], TypeError]:
    """Return what makes the error of fields among which there are some that the message has not."""
    known = {field.name for field in plan.fields}

    def error(fields: Mapping[str, Any]) -> TypeError:
        name = next(name for name in fields if name not in known)
        return TypeError(f"{plan.name}() got an unexpected keyword argument {name[:80]!r}")

    return error


def _blame(
    plan: Plan,
    get: Callable[[str], Any],
    error: Exception,
    event: bool,
    checks_of: Mapping[str, Check] | None,
) -> SerializationError:
    let_through(error)
    try:
        _Walk(plan.name, event, checks_of or {}).message(plan, get, plan.name, 0)
    except _Found as found:
        return SerializationError(str(found))
    return SerializationError(f"{plan.name}: {error}")


class _Walk:
    def __init__(self, root: str, event: bool, checks_of: Mapping[str, Check]) -> None:
        self._root = root
        self._event = event
        self._checks_of = checks_of

    def message(self, plan: Plan, get: Callable[[str], Any], path: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            self._try(lambda _: too_deep(), None, self._root)
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
            for index, (name, item) in enumerate(cast("dict[Any, Any]", value).items()):
                self._try(lambda name: scalar_check(key)(name), name, where + at_key(index))
                self._element(field, item, where + at(name), depth)
        elif field.repeated:
            self._try(checks.listed, value, where)
            for index, item in enumerate(cast("list[Any]", value)):
                self._element(field, item, f"{where}[{index}]", depth)
        else:
            self._element(field, value, where, depth)

    def _element(self, field: Field, value: Any, where: str, depth: int) -> None:
        deeper = depth + field.levels
        if field.kind in NESTED:
            self._json(field.kind, value, where, deeper)
            return
        if field.kind == "message":
            self._try(lambda value: checks.instance(value, field.cls), value, where)
        if field.kind in self._checks_of:
            self._try(self._checks_of[field.kind], value, where)
        if field.kind == "message":
            self.message(plan_of(field.cls), lambda name: getattr(value, name), where, deeper)
        elif field.kind == "enum":
            self._try(lambda value: checks.enumerated(value, field.cls), value, where)
        elif scalar := field.scalar or WRAPPERS.get(field.kind):
            self._try(scalar_check(scalar), value, where)
        elif field.kind in FLAT:
            self._try(FLAT[field.kind], value, where)

    def _json(self, kind: str, value: Any, where: str, depth: int) -> None:
        try:
            for place, held, found in json_places(kind, value, where, depth):
                self._try(partial(self._held, held), found, place)
        except TooDeep as error:
            raise _Found(where, error) from None

    def _held(self, kind: str, value: Any) -> None:
        if kind == "string":
            checks.text(value)
            return
        NESTED[kind](value, 1)
        if kind in self._checks_of:
            self._checks_of[kind](value)

    def _try(self, check: Check, value: Any, where: str) -> None:
        try:
            check(value)
        except OWN as error:
            raise _Found(where, error) from None


def scalar_check(scalar: Scalar) -> Check:
    """Return what raises for values that a scalar field cannot take."""
    if scalar.integer:
        return partial(checks.ranged, scalar)
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
        form("f").pack(checks.number(value))
    except OverflowError:
        raise ValueError("out of range for float") from None
