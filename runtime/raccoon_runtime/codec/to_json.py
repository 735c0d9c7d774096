"""Writes the code that turns a message, or its fields, into ProtoJSON: into a dict, which orjson
makes text of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from . import blame, checks, json_out
from .anys import Types, any_to_json, mask_to_json
from .elements import LEVEL, Nested
from .enums import EnumNames
from .fill import new_uuid, now
from .functions import Body, count_levels, from_fields, from_message, one_of_each
from .json_many import elements, entries
from .json_out import OPTIONS
from .kinds import ANY, FIELD_MASK, ZERO, Scalar
from .plan import Field, Plan
from .source import Source


def write_to_json(plan: Plan, nested: Nested, types: Types, direction: str) -> Callable[..., Any]:
    """Compile `json(message, depth=0)` → the text, or at a depth the dict that is a part of
    another's. The direction says whether it is an event, with required checks and auto fields, and
    how its fields are named.
    """
    event, proto_names = "_event" in direction, "_proto_names" in direction
    told = blame.of_message(plan, event, _json_checks(types, proto_names))
    if plan.proto == ANY:
        return _whole(lambda found, depth: any_to_json(found, types, depth, proto_names), told)
    if plan.proto == FIELD_MASK:
        return _whole(lambda mask, depth: mask_to_json(mask), told)
    return from_message(plan, direction, _body(nested, types, event, proto_names), told)


def write_json_fields(
    plan: Plan, nested: Nested, types: Types, direction: str
) -> Callable[..., Any]:
    """Compile `json_fields(fields)` → the text of an event."""
    proto_names = "_proto_names" in direction
    told = blame.of_fields(plan, _json_checks(types, proto_names))
    return from_fields(plan, direction, _body(nested, types, True, proto_names), told)


def _whole(write: Callable[[Any, int], Any], told: blame.Blame) -> Callable[..., Any]:
    """Make the function of a message whose JSON is not that of its fields."""

    def to_json(message: Any, depth: int = 0) -> Any:
        try:
            found = write(message, depth)
            return found if depth else orjson.dumps(found, None, OPTIONS)
        except Exception as error:
            if depth:
                raise
            raise told(message, error) from None

    return to_json


def _body(nested: Nested, types: Types, event: bool, proto_names: bool) -> Body:
    def write(source: Source, plan: Plan) -> None:
        count_levels(source)
        one_of_each(source, plan)
        source.add("__d = {}")
        writer = _Writer(source, nested, types, event, proto_names)
        for field in plan.fields:
            writer.write(field)
        dumps = source.use("__dumps", orjson.dumps)
        source.add(f"return __d if __depth else {dumps}(__d, None, {OPTIONS})")

    return write


class _Writer:
    """Writes one field's lines: they set its key in `__d`."""

    def __init__(
        self, source: Source, nested: Nested, types: Types, event: bool, proto_names: bool
    ) -> None:
        self._source = source
        self._nested = nested
        self._types = types
        self._event = event
        self._proto_names = proto_names

    def write(self, field: Field) -> None:
        """Write the lines for the field's value, which is in a local of its name."""
        key = f"__d[{field.proto_name if self._proto_names else field.json_name!r}]"
        if field.key is not None:
            self._many(field, key, dict, checks.mapped)
        elif field.repeated:
            self._many(field, key, list, checks.listed)
        elif field.presence:
            with self._source.block(f"if {field.name} is not None:"):
                self._source.add(f"{key} = {self._element(field, field.name)}")
        elif field.kind == "enum":
            shown = self._enum(field, field.name, {0: None})
            self._source.add(f"if (__v := {shown}) is not None: {key} = __v")
        else:
            self._implicit(field, key)
        self._otherwise(field, key)

    def _otherwise(self, field: Field, key: str) -> None:
        """Write what an event does with a field that is not set."""
        if not self._event:
            return
        if field.auto == "uuid":
            self._source.add(f"else: {key} = {self._source.use('__uuid', new_uuid)}()")
        elif field.auto == "now":
            now_ = self._source.use("__now", now)
            self._source.add(
                f"else: {key} = {self._source.use('__timestamp', json_out.timestamp)}({now_}())"
            )
        elif field.required and field.refusable:
            error = self._source.use("__ValueError", ValueError)
            self._source.add(f'else: raise {error}("required")')

    def _many(self, field: Field, key: str, cls: type, check: Callable[[Any], Any]) -> None:
        source, name = self._source, field.name
        with source.block(f"if {name}:"):
            if field.kind == "message" or field.kind in json_out.NESTED:
                self._one_by_one(field, key)
            else:
                make = entries(field) if field.key is not None else elements(field)
                source.add(f"{key} = {source.use(f'__many_{field.number}', make)}({name})")
        checked = source.use(f"__{check.__name__}", check)
        exact = source.use(f"__{cls.__name__}", cls)
        source.add(f"elif {name}.__class__ is not {exact}: {checked}({name})")

    def _one_by_one(self, field: Field, key: str) -> None:
        source, item = self._source, self._element(field, "__v")
        if field.key is None:
            source.add(f"__many = {key} = []")
            listed = source.use("__listed", checks.listed)
            with source.block(f"for __v in {listed}({field.name}):"):
                source.add(f"__many.append({item})")
        else:
            source.add(f"__many = {key} = {{}}")
            mapped = source.use("__mapped", checks.mapped)
            text = source.use(f"__key_{field.number}", json_out.key(field.key))
            with source.block(f"for __k, __v in {mapped}({field.name}).items():"):
                source.add(f"__many[{text}(__k)] = {item}")

    def _implicit(self, field: Field, key: str) -> None:
        """A scalar without presence: its default is not shown."""
        source, name, kind = self._source, field.name, field.kind
        shown = f"{key} = {self._element(field, name)}"
        if kind == "string":
            source.add(f'if {name} != "": {shown}')
        elif kind == "bytes":
            octets = source.use("__octets", checks.octets)
            source.add(f"if {name}: {shown}")
            source.add(
                f"elif {name}.__class__ is not {source.use('__bytes', bytes)}: {octets}({name})"
            )
        elif kind == "bool":
            source.add(f"if {name} is True: {key} = True")
            source.add(
                f"elif {name} is not False: {source.use('__boolean', checks.boolean)}({name})"
            )
        elif kind in ("float", "double"):
            source.use("__zero_float", ZERO)
            negative = source.use("__negative_zero", json_out.negative_zero)
            source.add(f"if {name} is not __zero_float and ({name} or {negative}({name})): {shown}")
        else:
            source.use("__zero_int", 0)
            source.use("__int", int)
            exact = f"{name} := {source.use('__integer', checks.integer)}({name})"
            exact = f"{name} if {name}.__class__ is __int else ({exact})"
            source.add(f"if {name} is not __zero_int and ({exact}): {shown}")

    def _element(self, field: Field, value: str) -> str:
        """An expression: one element's JSON. What is common is told apart inline."""
        source, kind = self._source, field.kind
        if kind == "message":
            return self._message(field, value)
        if kind in json_out.NESTED:
            function = source.use(f"__json_{field.number}", json_out.NESTED[kind])
            return f"{function}({value}, {LEVEL})"
        if kind == "enum" and not field.null:
            return self._enum(field, value, {})
        function = source.once(f"__json_{field.number}", lambda: json_out.element(field))
        good = self._good(field.scalar, value)
        same = f'f"{{{value}}}"' if field.scalar and field.scalar.quoted else value
        return f"{same} if {good} else {function}({value})" if good else f"{function}({value})"

    def _good(self, scalar: Scalar | None, value: str) -> str:
        """An expression: whether a value is right, and its own JSON."""
        source = self._source
        if scalar is None or scalar.name in ("bytes", "bool", "float"):
            return ""
        exact = source.use(f"__{scalar.python.__name__}", scalar.python)
        good = f"{value}.__class__ is {exact}"
        if scalar.integer:
            return f"{good} and {scalar.low} <= {value} <= {scalar.high}"
        # NaN and infinities are not their own difference from nothing.
        return f"{good} and {value} - {value} == 0" if scalar.name == "double" else good

    def _enum(self, field: Field, value: str, besides: Mapping[int, Any]) -> str:
        source = self._source
        cls = source.use(f"__class_{field.number}", field.cls)
        enumerated = source.use("__enumerated", checks.enumerated)
        names = source.once(
            f"__names_{field.number}", lambda: EnumNames(field.cls, besides)
        )
        return f"{names}[{value} if {value}.__class__ is {cls} else {enumerated}({value}, {cls})]"

    def _message(self, field: Field, value: str) -> str:
        source = self._source
        cls = source.use(f"__class_{field.number}", field.cls)
        instance = source.use("__instance", checks.instance)
        checked = f"{value} if {value}.__class__ is {cls} else {instance}({value}, {cls})"
        if field.cls.__proto__ == ANY:
            # Its class knows only the well-known types; ours knows those of its package.
            find, function = source.use("__types", self._types), source.use("__any", any_to_json)
            return f"{function}({checked}, {find}, {LEVEL}, {self._proto_names})"
        function = source.later(f"__to_json_{field.number}", lambda: self._nested(field.cls))
        return f"{function}({checked}, {LEVEL})"


def _json_checks(types: Types, proto_names: bool) -> Mapping[str, blame.Check]:
    """Where JSON is narrower than the wire: what blame has to look at besides."""

    def message(value: Any) -> None:
        if value.__proto__ == ANY:
            any_to_json(value, types, 0, proto_names)
        elif value.__proto__ == FIELD_MASK:
            mask_to_json(value)

    nested = {
        kind: (lambda value, check=check: check(value, 1))
        for kind, check in json_out.NESTED.items()
    }
    return {**json_out.FLAT, **nested, "message": message}
