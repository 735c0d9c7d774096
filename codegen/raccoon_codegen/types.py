"""From a field's proto type to its Python type and to what the runtime is told of it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from .names import literal
from .schema import Schema, Type
from .scope import Scope
from .well_known import CLASSES, UNWRAPPED

_F = FieldDescriptorProto

SCALARS: dict[int, tuple[str, str, str]] = {
    _F.TYPE_DOUBLE: ("double", "float", "0.0"),
    _F.TYPE_FLOAT: ("float", "float", "0.0"),
    _F.TYPE_INT64: ("int64", "int", "0"),
    _F.TYPE_UINT64: ("uint64", "int", "0"),
    _F.TYPE_INT32: ("int32", "int", "0"),
    _F.TYPE_FIXED64: ("fixed64", "int", "0"),
    _F.TYPE_FIXED32: ("fixed32", "int", "0"),
    _F.TYPE_BOOL: ("bool", "bool", "False"),
    _F.TYPE_STRING: ("string", "str", '""'),
    _F.TYPE_BYTES: ("bytes", "bytes", 'b""'),
    _F.TYPE_UINT32: ("uint32", "int", "0"),
    _F.TYPE_SFIXED32: ("sfixed32", "int", "0"),
    _F.TYPE_SFIXED64: ("sfixed64", "int", "0"),
    _F.TYPE_SINT32: ("sint32", "int", "0"),
    _F.TYPE_SINT64: ("sint64", "int", "0"),
}
"""Proto type → its name, its Python type, its zero."""

_NULL_VALUE = ".google.protobuf.NullValue"


@dataclass(frozen=True)
class Element:
    """What a field holds one of, or many."""

    type: str
    """As `field()` takes it: `string`, `enum`, `message`, `google.protobuf.Timestamp`."""
    python: str = ""
    """In standard names; empty where `target` says it."""
    zero: str | None = None
    """What it is when left out; None for a message."""
    target: Type | None = None
    of_class: str = ""
    """The class behind a `message` or an `enum` that the runtime brings."""

    def annotation(self, scope: Scope, hidden: Container[str] = ()) -> str:
        if self.target is not None:
            return scope.type(self.target, hidden)
        return scope.standard(self.python)

    def of(self, scope: Scope, hidden: Container[str]) -> str | None:
        """The expression of the class that `field()` is given, if any."""
        if self.target is not None:
            return scope.type(self.target, hidden)
        return scope.standard(self.of_class) if self.of_class else None

    def default(self, scope: Scope) -> str:
        """What a keyword is when left out, where presence does not say."""
        if self.target is None:
            return "..." if self.zero is None else self.zero
        first = next((name for name, number in self.target.members if number == 0), None)
        return f"{scope.type(self.target)}.{first}" if first else "..."


_SCALAR_ELEMENTS = {
    number: Element(name, python, zero) for number, (name, python, zero) in SCALARS.items()
}
_KNOWN_ELEMENTS = {
    **{name: Element(name[1:], python) for name, python in UNWRAPPED.items()},
    **{
        name: Element(
            "enum" if name == _NULL_VALUE else "message",
            f"well_known.{cls}",
            of_class=f"well_known.{cls}",
        )
        for name, cls in CLASSES.items()
    },
}


def element(proto: FieldDescriptorProto, schema: Schema) -> Element:
    """What the field holds."""
    name = proto.type_name
    if not name:
        return _SCALAR_ELEMENTS[proto.type]
    known = _KNOWN_ELEMENTS.get(name)
    if known is not None:
        return known
    target = schema.types[name]
    return Element("message" if target.enum is None else "enum", target=target)


@dataclass(frozen=True, eq=False)
class Shape:
    """How a field holds its elements."""

    element: Element
    type_argument: str
    """What `field()` is told of it, finished: `"map<string, message>"`."""
    repeated: bool = False
    key: Element | None = None
    """Of a map."""
    presence: bool = False

    def annotation(self, scope: Scope, hidden: Container[str] = ()) -> str:
        inner = self.element.annotation(scope, hidden)
        if self.key is not None:
            return f"{scope.standard('dict')}[{self.key.annotation(scope)}, {inner}]"
        if self.repeated:
            return f"{scope.standard('list')}[{inner}]"
        return f"{inner} | None" if self.presence else inner

    def default(self, scope: Scope) -> str:
        """What a keyword is when left out; `...` where that is not for a signature."""
        if self.key is not None or self.repeated:
            return "..."
        return "None" if self.presence else self.element.default(scope)


_F_MESSAGES = (_F.TYPE_MESSAGE, _F.TYPE_GROUP)


class Shapes:
    """The shapes of a schema's fields; equal ones are one object, for most fields are alike."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._shapes: dict[tuple[int, str, int, bool], Shape] = {}

    def of(self, proto: FieldDescriptorProto, presence: bool) -> Shape:
        """How the field is held; `presence` is that of a scalar or an enum."""
        key = (proto.type, proto.type_name, proto.label, presence)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = self._make(proto, presence)
        return shape

    def _make(self, proto: FieldDescriptorProto, presence: bool) -> Shape:
        entry = self._schema.maps.get(proto.type_name)
        if entry is not None:
            key, value = (element(part, self._schema) for part in entry.field)
            return Shape(value, literal(f"map<{key.type}, {value.type}>"), key=key)
        held = element(proto, self._schema)
        if proto.label == _F.LABEL_REPEATED:
            return Shape(held, literal(held.type), repeated=True)
        presence = presence or proto.type in _F_MESSAGES
        return Shape(held, literal(held.type), presence=presence)
