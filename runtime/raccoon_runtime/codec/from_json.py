"""Writes the code that makes a message of a dict of parsed ProtoJSON: one look for each field, by
its JSON name.

What is left then goes the long way round: proto names, nulls and unknown names are brought into
that form first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from . import json_in
from .anys import Codecs, Types, any_from_json, mask_from_json
from .checks import wrong
from .compiler import Source, compiled
from .decode import initial
from .enums import members_by_name
from .explain_json import explain_json
from .kinds import ANY, FIELD_MASK, MAX_DEPTH, SCALARS, VALUE
from .plan import Field, Plan
from .wire import too_deep

Element = Callable[[Any, bool, int], Any]
"""(JSON, whether unknown names are ignored, depth) → the value; IGNORED for an enum's unknown name
that is ignored.
"""

IGNORED = object()


def write_from_json(plan: Plan, codecs: Codecs, types: Types) -> Callable[..., Any]:
    """Compile `parse_dict(value, ignore_unknown=False, depth=0) → message`."""
    if plan.proto == FIELD_MASK:
        return lambda value, ignore=False, depth=0: mask_from_json(plan.cls, value)
    if plan.proto == ANY:
        return lambda value, ignore=False, depth=0: any_from_json(
            plan.cls, value, types, ignore, depth
        )
    source = Source()
    source.use("__new", object.__new__)
    source.use("__cls", plan.cls)
    source.use("__dict", dict)
    source.use("__len", len)
    source.use("__ValueError", ValueError)
    source.use("__mapping", json_in.mapping)
    source.use("__plain", partial(plain_names, plan))
    with source.block("def parse_dict(__d, __ignore=False, __depth=0):"):
        with source.block("try:"):
            source.add("if __d.__class__ is not __dict: __d = __dict(__mapping(__d))")
            if plan.deep:
                source.use("__too_deep", too_deep)
                source.add(f"if __depth > {MAX_DEPTH}: __too_deep()")
            source.add("__get, __left = __d.get, __len(__d)")
            _fields(source, plan, codecs, types)
            source.add("if __left: return parse_dict(__plain(__d, __ignore), __ignore, __depth)")
            source.add("__m = __new(__cls)")
            for field in plan.fields:
                source.add(f"__m.{field.name} = {field.name}")
            source.add("return __m")
        source.use("__Exception", Exception)
        source.use("__explain", explain_json(plan, partial(element, codecs=codecs, types=types)))
        with source.block("except __Exception as __error:"):
            source.add("if __depth: raise", "raise __explain(__d, __ignore, __error) from None")
    return compiled(source, plan, "parse_dict", "parse_dict")


def plain_names(plan: Plan, value: Mapping[str, Any], ignore_unknown: bool) -> dict[str, Any]:
    """Return an object with JSON names only, no unknown ones, and null only where it is a value."""
    by_name = plan.by_name
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for name, item in value.items():
        field = by_name.get(name)
        if field is None:
            if not ignore_unknown:
                raise ValueError(f"no field {str(name)[:80]!r}")
            continue
        if field.number in seen:
            raise ValueError(f"{field.name} twice, by both of its names")
        seen.add(field.number)
        if item is not None or takes_null(field):
            found[field.json_name] = item
    return found


def takes_null(field: Field) -> bool:
    """Whether JSON's null is a value of the field, not its absence."""
    return field.single and (field.kind == VALUE or field.null)


def element(field: Field, codecs: Codecs, types: Types) -> Element:
    """Return what parses one element of a field."""
    if field.kind == "message":
        return _message(field, codecs, types)
    if field.kind == "enum":
        return _enum(field)
    if field.kind == VALUE and field.single:
        return lambda value, ignore, depth: json_in.field_value(value, depth + 1)
    if field.kind in json_in.NESTED:
        nested = json_in.NESTED[field.kind]
        return lambda value, ignore, depth: nested(value, depth + 1)
    if field.kind in json_in.FLAT:
        flat = json_in.FLAT[field.kind]
        return lambda value, ignore, depth: flat(value)
    assert field.scalar is not None
    scalar = json_in.scalar(field.scalar)
    return lambda value, ignore, depth: scalar(value)


def _message(field: Field, codecs: Codecs, types: Types) -> Element:
    cls = field.cls
    if cls.__proto__ == ANY:
        return lambda value, ignore, depth: any_from_json(cls, value, types, ignore, depth + 1)
    if cls.__proto__ == FIELD_MASK:
        return lambda value, ignore, depth: mask_from_json(cls, value)
    return lambda value, ignore, depth: codecs(cls).parse_dict(value, ignore, depth + 1)


def _enum(field: Field) -> Element:
    names, cls = members_by_name(field.cls), field.cls
    number = json_in.scalar(SCALARS["int32"])

    def parse(value: Any, ignore: bool, depth: int) -> Any:
        if isinstance(value, str):
            found = names.get(value)
            if found is None and not ignore:
                raise ValueError("a str that is no name of the enum")
            return IGNORED if found is None else found
        if value is None and field.null:
            return cls(0)
        if isinstance(value, (int, float)):
            return cls(number(value))
        wrong(value, "an enum's name or number")

    return parse


def _fields(source: Source, plan: Plan, codecs: Codecs, types: Types) -> None:
    for index, oneof in enumerate(plan.oneofs):
        source.add(f"__oneof_{index} = False")
    flags = {oneof: f"__oneof_{index}" for index, oneof in enumerate(plan.oneofs)}
    writer = _Writer(source, codecs, types)
    for field in plan.fields:
        source.add(f"{field.name} = {initial(source, field)}")
        if takes_null(field):
            block = source.block(f"if {field.json_name!r} in __d:")
            read = f"__v = __d[{field.json_name!r}]"
        else:
            source.add(f"__v = __get({field.json_name!r})")
            block = source.block("if __v is not None:")
            read = ""
        with block:
            source.add("__left -= 1", *filter(None, [read]))
            if field.oneof is not None:
                flag = flags[field.oneof]
                source.add(f'if {flag}: raise __ValueError("oneof")', f"{flag} = True")
            writer.write(field)


class _Writer:
    """Writes what parses `__v` into the local of a field's name."""

    def __init__(self, source: Source, codecs: Codecs, types: Types) -> None:
        self._source = source
        self._codecs = codecs
        self._types = types

    def write(self, field: Field) -> None:
        source, name = self._source, field.name
        if field.key is not None:
            self._map(field)
        elif field.repeated:
            sequence = source.use("__sequence", json_in.sequence)
            items = f"[{self._element(field, '__v')} for __v in {sequence}(__v)]"
            if field.kind == "enum":
                items = f"[__e for __e in {items} if __e is not {self._ignored()}]"
            source.add(f"{name} = {items}")
        elif field.kind == "enum":
            source.add(f"__v = {self._element(field, '__v')}")
            source.add(f"if __v is not {self._ignored()}: {name} = __v")
        else:
            source.add(f"{name} = {self._element(field, '__v')}")

    def _map(self, field: Field) -> None:
        source = self._source
        assert field.key is not None
        source.use("__mapping", json_in.mapping)
        with source.block("for __k, __v in __mapping(__v).items():"):
            source.add(f"__v = {self._element(field, '__v')}")
            key = source.use(f"__{field.name}_key", json_in.map_key(field.key))
            source.add(f"__k = {key}(__k)", f"if __k in {field.name}: raise __ValueError('twice')")
            skip = f"if __v is not {self._ignored()}: " if field.kind == "enum" else ""
            source.add(f"{skip}{field.name}[__k] = __v")

    def _ignored(self) -> str:
        return self._source.use("__ignored", IGNORED)

    def _element(self, field: Field, value: str) -> str:
        """An expression: one element's value. What is right already is told apart inline."""
        source, scalar = self._source, field.scalar
        parse = source.use(f"__{field.name}_parse", element(field, self._codecs, self._types))
        call = f"{parse}({value}, __ignore, __depth)"
        if field.kind == "message" and field.cls.__proto__ not in (ANY, FIELD_MASK):
            nested = source.later(
                f"__{field.name}_dict", lambda: self._codecs(field.cls).parse_dict
            )
            return f"{nested}({value}, __ignore, __depth + 1)"
        if scalar is None:
            return call
        if scalar.integer:
            source.use("__int", int)
            good = f"{value}.__class__ is __int and {scalar.low} <= {value} <= {scalar.high}"
            return f"{value} if {good} else {call}"
        if scalar.name in ("string", "double"):
            exact = source.use(f"__{scalar.python.__name__}", scalar.python)
            return f"{value} if {value}.__class__ is {exact} else {call}"
        return call
