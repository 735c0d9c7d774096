"""Finds out where ProtoJSON is not the message it should be: reads it again, slowly, with the path
in hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from ..errors import DecodeError
from . import json_in
from .blame import OWN, let_through
from .json_elements import Element, takes_null
from .json_text import Intake
from .kinds import ANY, FIELD_MASK, MAX_DEPTH
from .paths import at, at_key
from .plan import Field, Plan, plan_of
from .wire import too_deep

Elements = Callable[[Field], Element]
"""A field → what parses one element of it."""
Explain = Callable[[Any, Intake, Exception], DecodeError]


class _Found(Exception):
    """The path to where the JSON is wrong, and why."""


def explain_json(plan: Plan, elements: Elements) -> Explain:
    """Return what turns a failed parsing into an error that says where and why."""

    def explain(value: Any, intake: Intake, error: Exception) -> DecodeError:
        let_through(error)
        try:
            if plan.proto not in (ANY, FIELD_MASK):
                _Walk(plan.name, elements, intake).message(plan, value, plan.name, 0)
        except _Found as found:
            return DecodeError(str(found))
        return DecodeError(f"{plan.name}: {error}")

    return explain


class _Walk:
    def __init__(self, root: str, elements: Elements, intake: Intake) -> None:
        self._root = root
        self._elements = elements
        self._intake = intake

    def message(self, plan: Plan, value: Any, path: str, depth: int) -> None:
        self._try(lambda: too_deep() if depth > MAX_DEPTH else None, self._root)
        self._try(lambda: json_in.mapping(value), path)
        members: dict[str, str] = {}
        seen: dict[int, str] = {}
        for name, item in cast("Mapping[Any, Any]", value).items():
            field = plan.by_name.get(name)
            if field is None:
                if not self._intake.ignore_unknown:
                    raise _Found(f"{path}: no field {str(name)[:80]!r}")
                continue
            where = f"{path}.{field.name}"
            if seen.setdefault(field.number, name) != name:
                raise _Found(f"{where}: twice, by both of its names")
            given = item is not None or takes_null(field)
            if given and field.oneof is not None:
                other = members.setdefault(field.oneof, field.name)
                if other != field.name:
                    raise _Found(f"{where}: set although {other} is, of the same oneof")
            if given:
                self._field(field, item, where, depth)

    def _field(self, field: Field, value: Any, where: str, depth: int) -> None:
        if field.key is not None:
            self._try(lambda: json_in.mapping(value), where)
            key = json_in.map_key(field.key)
            keys: set[Any] = set()
            for index, (name, item) in enumerate(value.items()):
                found = self._try(partial(key, name), where + at_key(index))
                if found in keys:
                    raise _Found(f"{where}{at_key(index)}: twice")
                keys.add(found)
                self._element(field, item, where + at(found), depth)
        elif field.repeated:
            self._try(lambda: json_in.sequence(value), where)
            for index, item in enumerate(value):
                self._element(field, item, f"{where}[{index}]", depth)
        else:
            self._element(field, value, where, depth)

    def _element(self, field: Field, value: Any, where: str, depth: int) -> None:
        if field.kind == "message" and field.cls.__proto__ not in (ANY, FIELD_MASK):
            self.message(plan_of(field.cls), value, where, depth + field.levels)
        else:
            self._try(lambda: self._elements(field)(value, self._intake, depth), where)

    def _try(self, parse: Callable[[], Any], where: str) -> Any:
        try:
            return parse()
        except OWN as error:
            raise _Found(f"{where}: {error}") from None
