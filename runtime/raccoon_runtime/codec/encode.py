"""Writes the code that encodes a message: from the message itself, or straight from its fields.

What a field needs first (a check, a loop) is a line of its own; then the message is one list of
expressions, field by field, joined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import blame, checks
from .elements import Elements, Nested
from .fill import new_uuid_bytes, now_sized
from .functions import Body, count_levels, from_fields, from_message, one_of_each
from .kinds import SIZED, TIMESTAMP
from .packed import packer
from .plan import Field, Plan
from .source import Source
from .tables import tag
from .time_bytes import sized_timestamp


def write_encode(plan: Plan, nested: Nested, event: bool) -> Callable[..., Any]:
    """Compile `encode(message, depth=0) → bytes`; for an event also with required checks and auto
    fields.
    """
    direction = "encode_event" if event else "encode"
    body = _body(nested, event, "__m._unknown_fields")
    return from_message(plan, direction, body, blame.of_message(plan, event))


def write_encode_fields(plan: Plan, nested: Nested) -> Callable[..., Any]:
    """Compile `encode_fields(fields) → bytes` of an event."""
    return from_fields(plan, "encode_fields", _body(nested, True), blame.of_fields(plan))


def _body(nested: Nested, event: bool, *last: str) -> Body:
    def write(source: Source, plan: Plan) -> None:
        count_levels(source)
        one_of_each(source, plan)
        encoder = _Encoder(source, nested, event)
        parts = [part for field in plan.fields for part in encoder.write(field)]
        with source.block(f"return {source.use('__join', b''.join)}(["):
            source.add(*(f"{part}," for part in [*parts, *last]))
        source.add("])")

    return write


class _Encoder:
    """Writes what a field needs first, and returns the expressions of its bytes."""

    def __init__(self, source: Source, nested: Nested, event: bool) -> None:
        self._source = source
        self._elements = Elements(source, nested)
        self._event = event

    def write(self, field: Field) -> list[str]:
        """Return the expressions of a field's bytes; its value is in a local of its name."""
        if self._event and field.required and field.refusable and field.auto is None:
            self._required(field)
        if field.key is not None:
            return self._map(field)
        if field.repeated:
            return self._packed(field) if field.packed else self._repeated(field)
        if self._event and field.auto:
            return self._auto(field)
        return self._present(field) if field.presence else self._implicit(field)

    def _required(self, field: Field) -> None:
        error = self._source.use("__ValueError", ValueError)
        unset = f"{field.name} is None" if field.presence else f"not {field.name}"
        self._source.add(f'if {unset}: raise {error}("required")')

    def _auto(self, field: Field) -> list[str]:
        name, head = field.name, tag(field.number, SIZED)
        if field.auto == "now":
            now = self._source.use("__now", now_sized)
            return [f"{head!r} + ({now}() if {name} is None else {self._timestamp(name)})"]
        fill = self._source.use("__uuid", new_uuid_bytes) + "()"
        given = f"{name}.encode()"
        text = f"{fill} if {name} is None else {given}" if field.presence else f"{given} or {fill}"
        return self._elements.sized(head, text)

    def _timestamp(self, name: str) -> str:
        return f"{self._source.use('__timestamp', sized_timestamp)}({name})"

    def _present(self, field: Field) -> list[str]:
        if field.kind == TIMESTAMP:
            written = f"{tag(field.number, SIZED)!r} + {self._timestamp(field.name)}"
        else:
            written = " + ".join(self._elements.tagged(field, field.name))
        return [f'b"" if {field.name} is None else {written}']

    def _implicit(self, field: Field) -> list[str]:
        """A scalar or an enum without presence: its default is not written."""
        name, head = field.name, tag(field.number, field.wire)
        if field.kind == "enum":
            return [self._elements.enum(field, name, head, implicit=True)]
        assert field.scalar is not None
        if field.scalar.wire != SIZED:
            return [self._elements.scalar(field.scalar, name, head, implicit=True)]
        body = self._elements.body(field, name)
        return [f"{self._elements.heads(head, implicit=True)}[__len({name} := {body})]", name]

    def _packed(self, field: Field) -> list[str]:
        exact = self._source.use("__list", list)
        name, pack = field.name, self._source.once(f"__pack_{field.number}", lambda: packer(field))
        return [f'{pack}({name}) if {name} or {name}.__class__ is not {exact} else b""']

    def _repeated(self, field: Field) -> list[str]:
        name, parts = field.name, f"__parts_{field.number}"
        self._checked(name, list, checks.listed)
        self._source.add(f"{parts} = []")
        with self._source.block(f"for __v in {name}:"):
            written = self._elements.tagged(field, "__v")
            self._source.add(*(f"{parts}.append({part})" for part in written))
        return [f"*{parts}"]

    def _map(self, field: Field) -> list[str]:
        assert field.key is not None
        name, parts, elements = field.name, f"__parts_{field.number}", self._elements
        self._checked(name, dict, checks.mapped)
        self._source.add(f"{parts} = []")
        with self._source.block(f"for __k, __v in {name}.items():"):
            entry = " + ".join([elements.key(field.key), *elements.tagged(field, "__v", 2)])
            sized = elements.sized(tag(field.number, SIZED), entry)
            self._source.add(*(f"{parts}.append({part})" for part in sized))
        return [f"*{parts}"]

    def _checked(self, name: str, cls: type, check: Callable[[Any], Any]) -> None:
        exact = self._source.use(f"__{cls.__name__}", cls)
        checked = self._source.use(f"__{check.__name__}", check)
        self._source.add(f"if {name}.__class__ is not {exact}: {name} = {checked}({name})")
