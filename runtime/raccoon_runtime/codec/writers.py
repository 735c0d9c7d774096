"""Puts whole functions together: what comes before, between and behind the lines of the fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import blame, json_out
from .anys import Types, any_to_json, mask_to_json
from .compiler import Source, compiled
from .encode import FieldEncoder, Nested
from .keywords import write_signature
from .kinds import ANY, FIELD_MASK, MAX_DEPTH
from .plan import Plan
from .to_json import FieldToJson
from .wire import too_deep

_Body = Callable[[Source], str]
"""Writes the lines of all fields, which are locals; gives the expression of the result."""


def write_encode(plan: Plan, nested: Nested, event: bool) -> Callable[..., Any]:
    """Compile `encode(message, depth=0) → bytes`; for an event also with required checks and auto
    fields.
    """

    def body(source: Source) -> str:
        result = _encode_body(source, plan, nested, event)
        source.add("__unknown = __m._unknown_fields", "if __unknown: __add(__unknown)")
        return result

    name = "encode_event" if event else "encode"
    return _from_message(plan, name, body, blame.of_message(plan, event))


def write_encode_keywords(plan: Plan, nested: Nested) -> Callable[..., Any]:
    """Compile a function that takes the fields as keywords, named like the class, and returns the
    event's bytes.
    """

    def body(source: Source) -> str:
        return _encode_body(source, plan, nested, True)

    return _from_keywords(plan, "encode_keywords", body, blame.of_keywords(plan))


def write_to_json(
    plan: Plan, nested: Nested, types: Types, event: bool, proto_names: bool
) -> Callable[..., Any]:
    """Compile `to_json(message, depth=0) → dict`; for an event also with required checks and auto
    fields.
    """
    if plan.proto == ANY:
        return lambda message, depth=0: any_to_json(message, types, depth, proto_names)
    if plan.proto == FIELD_MASK:
        return lambda message, depth=0: mask_to_json(message)

    def body(source: Source) -> str:
        return _json_body(source, plan, nested, types, event, proto_names)

    name = _json_direction("json_event" if event else "json", proto_names)
    told = blame.of_message(plan, event, _json_checks(types, proto_names))
    return _from_message(plan, name, body, told)


def write_json_keywords(
    plan: Plan, nested: Nested, types: Types, proto_names: bool
) -> Callable[..., Any]:
    """Compile a function that takes the fields as keywords and returns the dict of the event's
    JSON.
    """

    def body(source: Source) -> str:
        return _json_body(source, plan, nested, types, True, proto_names)

    name = _json_direction("json_keywords", proto_names)
    return _from_keywords(
        plan, name, body, blame.of_keywords(plan, _json_checks(types, proto_names))
    )


def _json_direction(name: str, proto_names: bool) -> str:
    return f"{name}_proto_names" if proto_names else name


def _from_message(plan: Plan, direction: str, body: _Body, told: blame.Blame) -> Callable[..., Any]:
    source = Source()
    source.use("__Exception", Exception)
    source.use("__blame", told)
    with source.block(f"def {direction}(__m, __depth=0):"):
        with source.block("try:"):
            for field in plan.fields:
                source.add(f"{field.name} = __m.{field.name}")
            source.add(f"return {body(source)}")
        with source.block("except __Exception as __error:"):
            source.add("if __depth: raise", "raise __blame(__m, __error) from None")
    return compiled(source, plan, direction, direction)


def _from_keywords(
    plan: Plan, direction: str, body: _Body, told: blame.Blame
) -> Callable[..., Any]:
    source = Source()
    source.use("__Exception", Exception)
    source.use("__blame", told)
    source.use("__locals", locals)
    name = write_signature(source, plan)
    with source.block("try:"):
        source.add("__depth = 0")
        source.add(f"return {body(source)}")
    with source.block("except __Exception as __error:"):
        source.add("raise __blame(__locals(), __error) from None")
    return compiled(source, plan, direction, name)


def _encode_body(source: Source, plan: Plan, nested: Nested, event: bool) -> str:
    source.use("__join", b"".join)
    source.add("__out = []", "__add = __out.append")
    _count_levels(source, plan)
    encoder = FieldEncoder(source, nested, plan.deep)
    encoder.flags(list(plan.oneofs))
    for field in plan.fields:
        encoder.write(field, event)
    return "__join(__out)"


def _json_body(
    source: Source, plan: Plan, nested: Nested, types: Types, event: bool, proto_names: bool
) -> str:
    source.add("__d = {}")
    _count_levels(source, plan)
    writer = FieldToJson(source, nested, types, proto_names)
    writer.flags(list(plan.oneofs))
    for field in plan.fields:
        writer.write(field, event)
    return "__d"


def _count_levels(source: Source, plan: Plan) -> None:
    if plan.deep:
        source.use("__too_deep", too_deep)
        source.add(f"if __depth > {MAX_DEPTH}: __too_deep()")


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
