"""Writes the code that makes a message of a dict of parsed ProtoJSON: one look for each field, by
its JSON name.

What is left then is looked through by a second way: proto names, nulls and unknown names. No value
is parsed twice: objects nest, and that would double the time with each level.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from . import json_in
from .anys import Codecs, Types, any_from_json, mask_from_json
from .explain_json import explain_json
from .functions import count_levels
from .json_elements import IGNORED, element, list_of, takes_null
from .json_text import Intake, keys_in
from .kinds import ANY, FIELD_MASK
from .plan import Field, Plan
from .source import Source, compiled
from .targets import Targets


def write_from_json(plan: Plan, codecs: Codecs, types: Types) -> Callable[..., Any]:
    """Compile `parse_dict(value, intake, depth=0) → message`."""
    explain = explain_json(plan, partial(element, codecs=codecs, types=types))
    if plan.proto == FIELD_MASK:
        return _whole(lambda value, intake, depth: mask_from_json(plan.cls, value), explain)
    if plan.proto == ANY:
        return _whole(partial(any_from_json, plan.cls, types), explain)
    source = Source()
    targets = Targets(source, plan)
    source.use("__new", object.__new__)
    source.use("__cls", plan.cls)
    source.use("__len", len)
    source.use("__mapping", json_in.mapping)
    source.use("__with_rest", partial(_with_rest, plan, codecs))
    source.use("__Exception", Exception)
    source.use("__explain", explain)
    with source.block("def parse_dict(__o, __in, __depth=0):"):
        with source.block("try:"):
            exact = source.use("__dict", dict)
            source.add(f"if __o.__class__ is not {exact}: __o = {exact}(__mapping(__o))")
            source.add("__get, __left = __o.get, __len(__o)")
            count_levels(source)
            targets.begin()
            _fields(source, plan, codecs, types, targets)
            source.add("__in.keys += __len(__o)", "__m = __new(__cls)")
            targets.end()
            source.add("return __with_rest(__m, __o, __in, __depth) if __left else __m")
        with source.block("except __Exception as __error:"):
            source.add("if __depth: raise", "raise __explain(__o, __in, __error) from None")
    return compiled(source, plan, "parse_dict")


def _whole(parse: Callable[[Any, Intake, int], Any], explain: Any) -> Callable[..., Any]:
    """Make the function of a message whose JSON is not that of its fields."""

    def parse_dict(value: Any, intake: Intake, depth: int = 0) -> Any:
        try:
            return parse(value, intake, depth)
        except Exception as error:
            if depth:
                raise
            raise explain(value, intake, error) from None

    return parse_dict


def _with_rest(
    plan: Plan, codecs: Codecs, message: Any, value: dict[str, Any], intake: Intake, depth: int
) -> Any:
    """Return a message that has, beside what lay under JSON names, the rest of its object."""
    there, rest = _by_form(plan, value, intake)
    if not rest:
        return message
    made = codecs(plan.cls).parse_dict(rest, intake, depth)
    intake.keys -= len(rest)
    for name in there:
        setattr(made, name, getattr(message, name))
    return made


def _by_form(plan: Plan, value: dict[str, Any], intake: Intake) -> tuple[list[str], dict[str, Any]]:
    """Return the fields that an object has under JSON names, and by those what it has under proto
    names; a ValueError when it is wrong as a whole.
    """
    by_name = plan.by_name
    there: list[str] = []
    rest: dict[str, Any] = {}
    oneofs: set[str] = set()
    for name, item in value.items():
        field = by_name.get(name)
        if field is None:
            if not intake.ignore_unknown:
                raise ValueError(f"no field {str(name)[:80]!r}")
            intake.keys += keys_in(item)
            continue
        json_name, oneof = field.json_name, field.oneof
        if name != json_name and json_name in value:
            raise ValueError(f"{field.name} twice, by both of its names")
        if item is None and not takes_null(field):
            continue
        if oneof is not None:
            if oneof in oneofs:
                raise ValueError("oneof")
            oneofs.add(oneof)
        if name == json_name:
            there.append(field.name)
        else:
            rest[json_name] = item
    return there, rest


def _fields(source: Source, plan: Plan, codecs: Codecs, types: Types, targets: Targets) -> None:
    for index in range(len(plan.oneofs)):
        source.add(f"__oneof_{index} = False")
    flags = {oneof: f"__oneof_{index}" for index, oneof in enumerate(plan.oneofs)}
    writer = _Writer(source, codecs, types, targets)
    for field in plan.fields:
        key = repr(field.json_name)
        if takes_null(field):
            block = source.block(f"if {key} in __o:")
            first = [f"__v = __o[{key}]"]
        else:
            source.add(f"__v = __get({key})")
            block = source.block("if __v is not None:")
            first = []
        with block:
            source.add(*first, "__left -= 1")
            if field.oneof is not None:
                error, flag = source.use("__ValueError", ValueError), flags[field.oneof]
                source.add(f'if {flag}: raise {error}("oneof")', f"{flag} = True")
            writer.write(field)


class _Writer:
    """Writes what parses `__v` into a field's target."""

    def __init__(self, source: Source, codecs: Codecs, types: Types, targets: Targets) -> None:
        self._source = source
        self._codecs = codecs
        self._types = types
        self._targets = targets

    def write(self, field: Field) -> None:
        target, value = self._targets[field], self._element(field, "__v")
        if field.key is not None:
            self._map(field)
        elif field.repeated:
            self._list(field)
        elif field.kind == "enum":
            ignored = self._source.use("__ignored", IGNORED)
            self._source.add(f"__v = {value}", f"if __v is not {ignored}: {target} = __v")
        else:
            self._source.add(f"{target} = {value}")

    def _list(self, field: Field) -> None:
        source, target = self._source, self._targets[field]
        if self._nested(field):
            sequence = source.use("__sequence", json_in.sequence)
            source.add(f"__many = {target}")
            with source.block(f"for __v in {sequence}(__v):"):
                source.add(f"__many.append({self._element(field, '__v')})")
        else:
            one = element(field, self._codecs, self._types)
            many = source.once(f"__list_{field.number}", lambda: list_of(field, one))
            source.add(f"{target} = {many}(__v, __in, __depth)")

    def _map(self, field: Field) -> None:
        source, target = self._source, self._targets[field]
        assert field.key is not None
        mapping = source.use("__mapping", json_in.mapping)
        key = source.use(f"__key_{field.number}", json_in.map_key(field.key))
        source.add(f"__many, __entries = {target}, {mapping}(__v)", "__in.keys += __len(__entries)")
        with source.block("for __k, __v in __entries.items():"):
            error = source.use("__ValueError", ValueError)
            if field.key.name == "string":
                text = source.use("__str", str)
                source.add(f"if __k.__class__ is not {text}: __k = {key}(__k)")
            else:
                source.add(f"__k = {key}(__k)", f'if __k in __many: raise {error}("twice")')
            if field.kind == "enum":
                ignored = source.use("__ignored", IGNORED)
                source.add(f"__v = {self._element(field, '__v')}")
                source.add(f"if __v is not {ignored}: __many[__k] = __v")
            else:
                source.add(f"__many[__k] = {self._element(field, '__v')}")

    def _nested(self, field: Field) -> bool:
        return field.kind == "message" and field.cls.__proto__ not in (ANY, FIELD_MASK)

    def _element(self, field: Field, value: str) -> str:
        """An expression: one element's value. What is right already is told apart inline."""
        source, scalar = self._source, field.scalar
        if self._nested(field):
            nested = source.later(
                f"__dict_{field.number}", lambda: self._codecs(field.cls).parse_dict
            )
            return f"{nested}({value}, __in, __depth + {field.levels})"
        parse = f"__parse_{field.number}"
        if field.kind in json_in.FLAT:
            call = f"{source.use(parse, json_in.FLAT[field.kind])}({value})"
        else:
            source.once(parse, lambda: element(field, self._codecs, self._types))
            call = f"{parse}({value}, __in, __depth)"
        if scalar is None or scalar.name in ("float", "bytes"):
            return call
        if scalar.name == "bool":
            return f"{value} if {value} is True or {value} is False else {call}"
        exact = source.use(f"__{scalar.python.__name__}", scalar.python)
        if scalar.quoted:
            digits = f"{value}.__class__ is {source.use('__str', str)} and {value}.isdecimal()"
            # Eighteen digits are in the range of every 64-bit number.
            digits += f" and {value}.isascii() and {source.use('__len', len)}({value}) < 19"
            return f"{exact}({value}) if {digits} else {call}"
        good = f"{value}.__class__ is {exact}"
        if scalar.integer:
            good += f" and {scalar.low} <= {value} <= {scalar.high}"
        return f"{value} if {good} else {call}"
