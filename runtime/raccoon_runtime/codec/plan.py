"""Field tables: what a message class says of its fields, resolved once and frozen.

Nothing here knows how code is written from a table; whatever encodes or decodes starts from
`plan_of(cls)`.
"""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

from ..interface import package_path
from .kinds import ENUM, NULL_VALUE, SCALARS, SIZED, UNWRAPPED, Scalar
from .spec import Spec, display_name, element_kind, specs


@dataclass(frozen=True)
class Field:
    """One field of a message."""

    name: str
    """In Python."""
    proto_name: str
    json_name: str
    number: int
    kind: str
    """Of one element: a scalar's name, `enum`, `message` or the full name of an unwrapped
    well-known type.
    """
    cls: Any
    """The class of an `enum` or a `message`."""
    key: Scalar | None
    """The kind of a map's keys; None when it is no map."""
    repeated: bool
    packed: bool
    presence: bool
    oneof: str | None
    required: bool
    auto: Literal["uuid", "now"] | None
    deprecated: bool

    @property
    def refusable(self) -> bool:
        """Whether an empty value is refused when it is required: plain numbers, bools and enums are
        not judged.
        """
        return self.presence or not self.single or self.kind in ("string", "bytes")

    def empty(self, value: Any) -> bool:
        """Whether a required field has not been set."""
        if self.presence:
            return value is None
        return self.refusable and (value is None or (hasattr(value, "__len__") and not len(value)))

    @cached_property
    def scalar(self) -> Scalar | None:
        return SCALARS.get(self.kind)

    @cached_property
    def wire(self) -> int:
        """The wire type of one element, by itself."""
        if self.kind == "enum":
            return ENUM.wire
        return SIZED if self.scalar is None else self.scalar.wire

    @property
    def levels(self) -> int:
        """How many levels deeper its elements are: a map's entry is a level of its own."""
        return 1 if self.key is None else 2

    @property
    def single(self) -> bool:
        return not self.repeated and self.key is None

    @property
    def null(self) -> bool:
        """Whether JSON's null is a value of it: an enum google.protobuf.NullValue."""
        return self.kind == "enum" and getattr(self.cls, "__proto__", "") == NULL_VALUE


@dataclass(frozen=True)
class Plan:
    """One message class."""

    cls: Any
    name: str
    """As errors call it: the class with its outer classes."""
    proto: str
    fields: tuple[Field, ...]
    """By number."""
    oneofs: dict[str, tuple[Field, ...]]

    @cached_property
    def eventful(self) -> bool:
        """Whether it, or a message that it may hold at any depth, has required or auto fields."""
        return _eventful(self.cls)

    @cached_property
    def root(self) -> str:
        """The generated package that the class lies in, as its module and its full name tell; empty
        when it lies in none.
        """
        # Whoever derives from a generated class may do so anywhere.
        line: tuple[type[Any], ...] = self.cls.__mro__
        made = next((cls for cls in line if vars(cls).get("__proto__")), self.cls)
        depth = made.__qualname__.count(".") + 1
        package = ".".join(self.proto.split(".")[:-depth])
        module: str = made.__module__.rpartition(".")[0]
        path = package_path(package) if package else ""
        return module.removesuffix(path).rstrip(".") if module.endswith(path) else ""

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The fields by their proto names and their JSON names; the latter win."""
        return {
            **{field.proto_name: field for field in self.fields},
            **{field.json_name: field for field in self.fields},
        }


def make_plan(cls: type[Any]) -> Plan:
    """Resolve the field table of a message class; a TypeError says what is wrong with a
    declaration.
    """
    fields = tuple(
        sorted(
            (_field(cls, name, spec) for name, spec in specs(cls).items()),
            key=lambda field: field.number,
        )
    )
    for before, after in pairwise(fields):
        if before.number == after.number:
            raise TypeError(f"{cls.__qualname__}: {before.name} and {after.name} have one number")
    oneofs: dict[str, tuple[Field, ...]] = {}
    names: dict[str, str] = {}
    for field in fields:
        other = names.setdefault(field.json_name, field.name)
        if other != field.name:
            raise TypeError(f"{cls.__qualname__}: {other} and {field.name} have one JSON name")
        if field.oneof is not None:
            oneofs[field.oneof] = (*oneofs.get(field.oneof, ()), field)
    return Plan(cls, display_name(cls), cls.__proto__, fields, oneofs)


def json_name(name: str) -> str:
    """Return protoc's own JSON name of a proto field name."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def _field(cls: type[Any], name: str, spec: Spec) -> Field:
    where = f"{cls.__qualname__}.{name}"
    # Codecs are compiled with these names in them, beside their own, which all begin with two
    # underscores.
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("__"):
        raise TypeError(f"{where}: not a name for a field")
    if not 0 < spec.number < 1 << 29:
        raise TypeError(f"{where}: {spec.number} is no field number")
    kind, key = element_kind(spec)
    needs_class = kind in ("enum", "message")
    if not needs_class and kind not in SCALARS and kind not in UNWRAPPED:
        raise TypeError(f"{where}: {spec.type!r} is no type")
    if needs_class != (spec.of is not None):
        raise TypeError(f"{where}: {'needs a' if needs_class else 'takes no'} class")
    target = spec.of() if spec.of is not None else None
    proto_name = spec.name or name
    packable = kind == "enum" or (kind in SCALARS and SCALARS[kind].wire != SIZED)
    return Field(
        name=name,
        proto_name=proto_name,
        json_name=json_name(proto_name) if spec.json is None else spec.json,
        number=spec.number,
        kind=kind,
        cls=target,
        key=key,
        repeated=spec.repeated,
        packed=spec.packed and spec.repeated and packable,
        presence=spec.presence,
        oneof=spec.oneof,
        required=spec.required,
        auto=spec.auto,
        deprecated=spec.deprecated,
    )


def plan_of(cls: type[Any]) -> Plan:
    """Return the field table of a message class, made when first asked for."""
    return _plans[cls]


class _Plans(dict[type[Any], Plan]):
    def __missing__(self, cls: type[Any]) -> Plan:
        made = self[cls] = make_plan(cls)
        return made


_plans = _Plans()


def _eventful(cls: type[Any]) -> bool:
    held = _held(cls)
    found = {one for one in held if any(s.required or s.auto for s in specs(one).values())}
    while more := {one for one in held if one not in found and held[one] & found}:
        found |= more
    return cls in found


def _held(cls: type[Any]) -> dict[type[Any], set[type[Any]]]:
    """Return what each class holds directly, of all that a class may hold at any depth, itself
    among them.
    """
    held: dict[type[Any], set[type[Any]]] = {}
    waiting = [cls]
    while waiting:
        one = waiting.pop()
        if one not in held:
            found = [
                s.of() for s in specs(one).values() if s.of and element_kind(s)[0] == "message"
            ]
            held[one] = set(found)
            waiting.extend(found)
    return held
