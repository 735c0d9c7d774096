"""What parses one element of a field from ProtoJSON, whatever its kind, and lists of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import json_in
from .anys import Codecs, Types, any_from_json, mask_from_json
from .checks import wrong
from .enums import members_by_name
from .json_text import Intake, keys_in
from .kinds import ANY, FIELD_MASK, VALUE
from .plan import Field

Element = Callable[[Any, Intake, int], Any]
"""(JSON, what goes along, depth of the message) → the value; IGNORED for an enum's unknown name
that is ignored.
"""

IGNORED = object()


def element(field: Field, codecs: Codecs, types: Types) -> Element:
    """Return what parses one element of a field."""
    if field.kind == "message":
        return _message(field, codecs, types)
    if field.kind == "enum":
        return _enum(field)
    if field.kind in json_in.NESTED:
        null = field.kind == VALUE and field.single
        return _nested(json_in.field_value if null else json_in.NESTED[field.kind], field.levels)
    flat = json_in.FLAT[field.kind]
    return lambda value, intake, depth: flat(value)


def _message(field: Field, codecs: Codecs, types: Types) -> Element:
    cls, levels = field.cls, field.levels
    if cls.__proto__ == ANY:
        return lambda value, intake, depth: any_from_json(cls, types, value, intake, depth + levels)
    if cls.__proto__ == FIELD_MASK:
        return lambda value, intake, depth: mask_from_json(cls, value)
    return lambda value, intake, depth: codecs(cls).parse_dict(value, intake, depth + levels)


def _nested(parse: Callable[[Any, int], Any], levels: int) -> Element:
    def element(value: Any, intake: Intake, depth: int) -> Any:
        found = parse(value, depth + levels)
        intake.keys += keys_in(value)
        return found

    return element


def _enum(field: Field) -> Element:
    names, cls = members_by_name(field.cls), field.cls
    number = json_in.SCALARS["int32"]

    def parse(value: Any, intake: Intake, depth: int) -> Any:
        if isinstance(value, str):
            found = names.get(value)
            if found is None and not intake.ignore_unknown:
                raise ValueError("a str that is no name of the enum")
            return IGNORED if found is None else found
        if value is None and field.null:
            return cls(0)
        if isinstance(value, (int, float)):
            return cls(number(value))
        wrong(value, "an enum's name or number")

    return parse


def list_of(field: Field, one: Element) -> Element:
    """Return what parses a list; one of what is right already is copied."""
    right = json_in.RIGHT.get(field.kind)

    def many(value: Any, intake: Intake, depth: int) -> list[Any]:
        items = json_in.sequence(value)
        if right is not None and {*map(type, items)} == {right}:
            return [*items]
        found = [one(item, intake, depth) for item in items]
        return [item for item in found if item is not IGNORED]

    return many


def takes_null(field: Field) -> bool:
    """Whether JSON's null is a value of the field, not its absence."""
    return field.single and (field.kind == VALUE or field.null)
