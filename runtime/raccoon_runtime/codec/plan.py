"""Field tables: what a message class says of its fields, resolved once and frozen.

Nothing here knows how code is written from a table; whatever encodes or decodes starts from
`plan(cls)`.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from functools import cached_property
from typing import Any, Literal
from weakref import WeakKeyDictionary

from .kinds import ANY, MAP_KEYS, MAX_DEPTH, NESTING, NULL_VALUE, SCALARS, SIZED, UNWRAPPED, Scalar

METADATA = "raccoon"
"""The key of a dataclass field's metadata that holds its `Spec`."""

_MAP = re.compile(r"map<([a-z0-9]+), ([A-Za-z0-9_.]+)>")


@dataclass(frozen=True)
class Spec:
    """What `field()` was told."""

    number: int
    type: str
    of: Callable[[], type[Any]] | None = None
    repeated: bool = False
    optional: bool = False
    oneof: str | None = None
    packed: bool = True
    name: str | None = None
    json: str | None = None
    required: bool = False
    auto: Literal["uuid", "now"] | None = None
    deprecated: bool = False

    @property
    def is_map(self) -> bool:
        return self.type.startswith("map<")

    @property
    def presence(self) -> bool:
        """Whether None says that it is not set."""
        if self.repeated or self.is_map:
            return False
        return self.optional or self.oneof is not None or not self.is_scalar

    @property
    def is_scalar(self) -> bool:
        return self.type in SCALARS or self.type == "enum"


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
    deep: bool
    """Whether its elements may hold themselves, at any depth."""
    eventful: bool
    """Whether its elements hold fields that an event has to have or to be filled with."""

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

    @property
    def scalar(self) -> Scalar | None:
        return SCALARS.get(self.kind)

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
    deep: bool
    """Whether it may hold itself, at any depth: its codecs then count levels."""

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The fields by their proto names and their JSON names; the latter win."""
        return {
            **{field.proto_name: field for field in self.fields},
            **{field.json_name: field for field in self.fields},
        }


def specs(cls: type[Any]) -> dict[str, Spec]:
    """Return what a message class's fields were declared with, by Python name."""
    return {
        name: field.metadata[METADATA]
        for name, field in cls.__dataclass_fields__.items()
        if METADATA in field.metadata
    }


def default(cls: type[Any], name: str) -> Any:
    """Return what a message class's field is when it is left out."""
    declared = cls.__dataclass_fields__[name]
    if declared.default is not MISSING:
        return declared.default
    return declared.default_factory()


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
    for before, after in zip(fields, fields[1:], strict=False):
        if before.number == after.number:
            raise TypeError(f"{cls.__qualname__}: {before.name} and {after.name} have one number")
    oneofs: dict[str, tuple[Field, ...]] = {}
    for field in fields:
        if field.oneof is not None:
            oneofs[field.oneof] = (*oneofs.get(field.oneof, ()), field)
    return Plan(cls, display_name(cls), cls.__proto__, fields, oneofs, is_deep(cls))


def display_name(cls: type[Any]) -> str:
    """Return a class's name with its outer classes, without the function that it was made in."""
    return cls.__qualname__.rpartition("<locals>.")[2]


def json_name(name: str) -> str:
    """Return protoc's own JSON name of a proto field name."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def element_kind(spec: Spec) -> tuple[str, Scalar | None]:
    """Return the kind of one element and of the map's keys, if it is a map."""
    if not spec.is_map:
        return spec.type, None
    match = _MAP.fullmatch(spec.type)
    if match is None or match[1] not in MAP_KEYS:
        raise TypeError(f"{spec.type!r} is no map type")
    return match[2], SCALARS[match[1]]


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
        deep=kind in NESTING or (kind == "message" and is_deep(target)),
        eventful=kind == "message" and is_eventful(target),
    )


_plans: WeakKeyDictionary[type[Any], Plan] = WeakKeyDictionary()


def plan_of(cls: type[Any]) -> Plan:
    """Return the field table of a message class, made when first asked for."""
    made = _plans.get(cls)
    if made is None:
        made = _plans.setdefault(cls, make_plan(cls))
    return made


@dataclass(frozen=True)
class _Judgement:
    deep: bool
    eventful: bool


_judged: WeakKeyDictionary[type[Any], _Judgement] = WeakKeyDictionary()


def is_deep(cls: type[Any]) -> bool:
    """Return whether a message may hold itself, or others so many levels deep that they have to be
    counted.
    """
    return _judge(cls).deep


def is_eventful(cls: type[Any]) -> bool:
    """Return whether a message, or one that it may hold, has required or auto fields."""
    return _judge(cls).eventful


def _judge(cls: type[Any]) -> _Judgement:
    known = _judged.get(cls)
    if known is None:
        held, nesting, marked = _reachable(cls)
        flat, eventful = _flat(held, nesting), _holders(held, marked)
        _judged.update({one: _Judgement(one not in flat, one in eventful) for one in held})
        known = _judged[cls]
    return known


def _reachable(
    cls: type[Any],
) -> tuple[dict[type[Any], set[type[Any]]], set[type[Any]], set[type[Any]]]:
    """Return what each class holds, which hold JSON values or Any, and which have required or auto
    fields.
    """
    held: dict[type[Any], set[type[Any]]] = {}
    nesting: set[type[Any]] = set()
    marked: set[type[Any]] = set()
    waiting = [cls]
    while waiting:
        one = waiting.pop()
        if one in held:
            continue
        held[one] = set()
        if one.__proto__ == ANY:
            nesting.add(one)
        for spec in specs(one).values():
            kind, _ = element_kind(spec)
            if kind == "message" and spec.of is not None:
                held[one].add(spec.of())
            elif kind in NESTING:
                nesting.add(one)
            if spec.required or spec.auto:
                marked.add(one)
        waiting.extend(held[one])
    return held, nesting, marked


def _flat(held: dict[type[Any], set[type[Any]]], nesting: set[type[Any]]) -> set[type[Any]]:
    """Take away, leaves first, the classes that hold only what was taken away; what remains may
    hold itself.
    """
    flat: set[type[Any]] = set()
    for _ in range(MAX_DEPTH // 2):
        more = {one for one in held if one not in flat | nesting and held[one] <= flat}
        if not more:
            break
        flat |= more
    return flat


def _holders(held: dict[type[Any], set[type[Any]]], marked: set[type[Any]]) -> set[type[Any]]:
    """Return the marked classes and all that hold one of them, at any depth."""
    found = set(marked)
    while more := {one for one in held if one not in found and held[one] & found}:
        found |= more
    return found
