"""The base classes of generated messages and enums. betterproto2 is imported only here."""

from __future__ import annotations

import copyreg
import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Literal, cast

import betterproto2
from betterproto2 import Casing, FieldMetadata, OutputFormat
from typing_extensions import Self

from . import codec
from .codec.checks import LISTS
from .codec.kinds import NESTING, SCALARS, UNWRAPPED
from .codec.plan import Field
from .codec.spec import METADATA, Spec, default, element_kind, specs
from .codec.streams import read_delimited, read_sized, write_delimited
from .deprecation import warn_caller

__all__ = ["Casing", "Enum", "Message", "OutputFormat", "field"]

SIZE_DELIMITED = betterproto2.SIZE_DELIMITED


def field(
    number: int,
    type: str,
    of: Callable[[], type[Any]] | None = None,
    /,
    *,
    repeated: bool = False,
    optional: bool = False,
    oneof: str | None = None,
    packed: bool = True,
    name: str | None = None,
    json: str | None = None,
    required: bool = False,
    auto: Literal["uuid", "now"] | None = None,
    deprecated: bool = False,
) -> Any:
    """Return a dataclass field that says all that the codec needs.

    `type` is a proto scalar, `enum`, `message`, the full name of a well-known type that is a plain
    Python value, or `map<K, V>` of these; `of` gives the class of an enum or a message. `name` and
    `json` are the proto and JSON names where they do not follow from Python's.
    """
    spec = Spec(
        number, type, of, repeated, optional, oneof, packed, name, json, required, auto, deprecated
    )
    metadata = {METADATA: spec}
    if repeated:
        return dataclasses.field(default_factory=cast(Any, list), metadata=metadata)
    if spec.is_map:
        return dataclasses.field(default_factory=cast(Any, dict), metadata=metadata)
    if spec.presence:
        return dataclasses.field(default=None, metadata=metadata)
    if type == "enum" and of is not None:
        return dataclasses.field(default_factory=_First(of), metadata=metadata)
    return dataclasses.field(default=SCALARS[type].default, metadata=metadata)


class _First:
    """The default of an enum field: its member of value 0, looked up when first needed."""

    __slots__ = ("_member", "_of")

    def __init__(self, of: Callable[[], type[Any]]) -> None:
        self._of = of
        self._member: Any = None

    def __call__(self) -> Any:
        if self._member is None:
            self._member = self._of()(0)
        return self._member


class _NoPostInit:
    """Hides betterproto2's `__post_init__`, so that a dataclass's `__init__` does not call it."""

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Any:
        raise AttributeError("__post_init__")


class _Metadata(betterproto2.ProtoClassMetadata):
    """What betterproto2's own functions look up on a message class."""

    __slots__ = ()

    @property
    def __objclass__(self) -> type[Message]:
        # So help() knows whose it is; it would ask betterproto2's base class, which cannot say.
        return Message

    @staticmethod
    def _get_cls_by_field(
        cls: Any,  # pyright: ignore[reportSelfClsParameterName]  # betterproto2 names it so
        fields: Iterable[Any],
    ) -> dict[str, type]:
        return {}


class _BetterprotoAttribute:
    def __get__(self, instance: object, owner: Any) -> betterproto2.ProtoClassMetadata:
        made = owner.__dict__.get("_betterproto_meta")
        if made is None:
            made = owner._betterproto_meta = _metadata(owner)
        return cast(betterproto2.ProtoClassMetadata, made)


class _CodecAttribute:
    """A class's codec, made when first asked for and then an attribute of the class itself."""

    def __get__(self, instance: object, owner: Any) -> codec.Codec[Any]:
        made: codec.Codec[Any] = codec.Codec(owner)
        owner.__codec__ = made
        return made


class Message(betterproto2.Message):
    """The base of every generated dataclass.

    Two messages are equal when they are of one class and their fields and unknown fields are; NaN
    equals NaN here. Messages can be changed, so they have no hash. A copy shares the fields'
    values, a deep copy does not; both, and a pickled one, keep unknown fields. A message is true
    when something in it is set.
    """

    __proto__: ClassVar[str] = ""
    __event__: ClassVar[str | None] = None
    __deprecated__: ClassVar[str | None] = None
    __codec__: ClassVar[codec.Codec[Any]]
    __hash__: ClassVar[None]  # type: ignore[assignment]  # an object has one
    _unknown_fields: bytes = b""

    if not TYPE_CHECKING:
        __post_init__ = _NoPostInit()
        _betterproto = _BetterprotoAttribute()
        __hash__ = None

    def __init_subclass__(
        cls, *, proto: str | None = None, event: str | None = None, deprecated: bool = False
    ) -> None:
        super().__init_subclass__()
        if proto is not None:
            cls.__proto__ = proto
            cls.__event__ = event
        if deprecated:
            cls.__deprecated__ = f"{cls.__proto__} is deprecated"
        cls.__codec__ = _CodecAttribute()  # type: ignore[assignment]  # which becomes one
        old = {
            name: spec.name or name
            for name, value in vars(cls).items()
            if isinstance(value, dataclasses.Field)
            and (spec := value.metadata.get(METADATA)) is not None
            and spec.deprecated
        }
        if deprecated or old:
            # To mypy it is a method, and that of all messages.
            cls.__post_init__ = _warner(cls.__proto__, deprecated, old)  # type: ignore[method-assign,assignment]

    def __bytes__(self) -> bytes:
        return self.__codec__.encode(self)

    def SerializeToString(self) -> bytes:
        """Return the message's bytes, under the name that google's messages have for it."""
        return self.__codec__.encode(self)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the message that `data` holds; DecodeError says what is wrong and where."""
        made: Self = cls.__codec__.decode(data)
        return made

    @classmethod
    def FromString(cls, s: bytes) -> Self:
        """Return the message that `s` holds, under the name that google's messages have for it."""
        made: Self = cls.__codec__.decode(s)
        return made

    def dump(self, stream: Any, delimit: bool = False) -> None:
        """Write the message's bytes to a stream, behind their length as a varint if `delimit`."""
        data = self.__codec__.encode(self)
        write_delimited(stream, data) if delimit else stream.write(data)

    def load(self, stream: Any, size: int | None = None) -> Self:
        """Read from a stream to its end, or `size` bytes, or one delimited message, into this one;
        return it. DecodeError when the stream ends before.
        """
        source = cast(BinaryIO, stream)
        if size == SIZE_DELIMITED:
            data = read_delimited(source)
        else:
            data = source.read() if size is None else read_sized(source, size)
        merged: Self = self.__codec__.decode(self.__codec__.encode(self) + data)
        vars(self).update(vars(merged))
        return self

    def to_dict(
        self,
        *,
        output_format: OutputFormat = OutputFormat.PROTO_JSON,
        casing: Casing = Casing.CAMEL,
        include_default_values: bool = False,
    ) -> dict[str, Any]:
        """Return the message as a dict of ProtoJSON, or of Python's own values with
        `OutputFormat.PYTHON`.

        Keys are the JSON names, or with `Casing.SNAKE` the proto names. With
        `include_default_values` fields that are not set are in it too, as their defaults or None;
        but not a `google.protobuf.Value` or `NullValue`, of which null is a value.
        """
        found: dict[str, Any] = codec.to_dict(
            self,
            python=output_format == OutputFormat.PYTHON,
            proto_names=casing == Casing.SNAKE,
            defaults=include_default_values,
        )
        return found

    @classmethod
    def from_dict(
        cls, value: Mapping[str, Any] | Any, *, ignore_unknown_fields: bool = False
    ) -> Self:
        """Return the message that a dict from `to_dict` or from parsed ProtoJSON describes."""
        made: Self = cls.__codec__.from_dict(value, ignore_unknown_fields)
        return made

    def to_json(
        self,
        indent: int | str | None = None,
        include_default_values: bool = False,
        casing: Casing = Casing.CAMEL,
    ) -> str:
        """Return the message as ProtoJSON; the parameters are those of `to_dict`, and `indent` is
        json.dumps's.
        """
        return codec.dump_json(
            self,
            indent=indent,
            defaults=include_default_values,
            proto_names=casing == Casing.SNAKE,
        )

    @classmethod
    def from_json(cls, value: str | bytes, *, ignore_unknown_fields: bool = False) -> Self:
        """Return the message that ProtoJSON describes, with JSON or proto names."""
        made: Self = cls.__codec__.from_json(value, ignore_unknown_fields)
        return made

    def is_set(self, name: str) -> bool:
        """Return whether the field of that (Python) name differs from its default; not None, where
        it has presence.
        """
        value = getattr(self, name)
        if isinstance(value, float) and not value:
            # -0.0 equals the default, and is another number.
            return self._get_field_default(name) is None or math.copysign(1.0, value) < 0
        if isinstance(value, tuple):
            value = list(cast("tuple[Any, ...]", value))
        return bool(value != self._get_field_default(name))

    def which_one_of(self, group_name: str) -> tuple[str, Any]:
        """Return the name and the value of the member of a oneof that is set, or an empty name and
        None.
        """
        return betterproto2.which_one_of(self, group_name)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Message) or type(self) is not type(other):
            return NotImplemented
        return self._unknown_fields == other._unknown_fields and all(
            _same(field, getattr(self, field.name), getattr(other, field.name))
            for field in self.__codec__.plan.fields
        )

    def __repr__(self) -> str:
        name = type(self).__qualname__.rpartition("<locals>.")[2]
        parts = [
            f"{name}={getattr(self, name)!r}" for name in specs(type(self)) if self.is_set(name)
        ]
        return f"{name}({', '.join(parts)})"

    def __bool__(self) -> bool:
        return bool(self._unknown_fields) or any(map(self.is_set, specs(type(self))))

    def __copy__(self, _: Any = None) -> Self:
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:  # type: ignore[override]  # as copy calls it
        made = object.__new__(type(self))
        memo[id(self)] = made
        for name, value in vars(self).items():
            setattr(made, name, deepcopy(value, memo))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        # typeshed does not know __newobj__.
        return copyreg.__newobj__, (type(self),), vars(self)  # type: ignore[attr-defined]

    def _get_field_default(self, field_name: str) -> Any:
        return default(type(self), field_name)


def _same(field: Field, one: Any, other: Any) -> bool:
    """Equality of a field's values, for which NaN is itself."""
    if one is other:
        return True
    # To ask a list of messages first whether it is equal would compare each of them twice, and
    # those within them four times; and Python's own equality takes True for 1.
    whole = field.kind != "message" and field.kind not in NESTING
    return (whole and one == other) or _alike(one, other)


def _alike(one: Any, other: Any) -> bool:
    """The same of any two values, element by element. A tuple is a list; a bool is no number, which
    a google.protobuf.Value can hold as well.
    """
    if isinstance(one, LISTS) and isinstance(other, LISTS):
        these, those = cast("list[Any]", one), cast("list[Any]", other)
        return len(these) == len(those) and all(map(_alike, these, those))
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("dict[Any, Any]", one), cast("dict[Any, Any]", other)
        return left.keys() == right.keys() and all(_alike(left[key], right[key]) for key in left)
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _warner(name: str, whole: bool, fields: Mapping[str, str]) -> Callable[[Any], None]:
    """Return the `__post_init__` of a class that is deprecated or has fields that are."""

    def warn(self: Any) -> None:
        if whole:
            warn_caller(f"{name} is deprecated")
        for field_name, proto_name in fields.items():
            if self.is_set(field_name):
                warn_caller(f"{name}.{proto_name} is deprecated")

    return warn


def _metadata(cls: type[Any]) -> betterproto2.ProtoClassMetadata:
    made = _Metadata.__new__(_Metadata)
    declared = cls.__dataclass_fields__
    table = specs(cls)
    made.meta_by_field_name = {name: _betterproto_field(spec) for name, spec in table.items()}
    made.field_name_by_number = {spec.number: name for name, spec in table.items()}
    made.sorted_field_names = tuple(sorted(table, key=lambda name: table[name].number))
    made.default_gen = {name: partial(default, cls, name) for name in table}
    made.cls_by_field = {}
    groups: dict[str, set[dataclasses.Field[Any]]] = {}
    for name, spec in table.items():
        if spec.oneof is not None:
            groups.setdefault(spec.oneof, set()).add(declared[name])
    made.oneof_field_by_group = groups
    return made


def _betterproto_field(spec: Spec) -> FieldMetadata:
    kind, key = element_kind(spec)
    proto_type = "message" if kind in UNWRAPPED else kind
    entry = (FieldMetadata(1, key.name), FieldMetadata(2, proto_type)) if key else None
    return FieldMetadata(
        spec.number,
        "map" if entry else proto_type,
        entry,
        group=spec.oneof,
        optional=spec.optional,
        repeated=spec.repeated,
    )


class Enum(IntEnum):
    """The base of every generated enum.

    A number that has no member makes a value with an empty name: enums are open, and what was
    received is kept.
    """

    __proto__ = ""
    __renamed__: ClassVar[dict[str, str]] = {}

    def __init_subclass__(
        cls, *, proto: str | None = None, renamed: Mapping[str, str] | None = None
    ) -> None:
        super().__init_subclass__()
        cls.__proto__ = proto or ""
        cls.__renamed__ = dict(renamed or {})

    @classmethod
    def _missing_(cls, value: object) -> Any:
        if not isinstance(value, int):
            return None
        made = int.__new__(cls, value)
        made._name_ = ""
        made._value_ = int(value)
        return made

    @property
    def proto_name(self) -> str | None:
        """The member's name in the schema; None for an unknown number."""
        return self.__renamed__.get(self.name, self.name) or None

    @classmethod
    def from_string(cls, name: str) -> Self:
        """Return the member of that Python or proto name."""
        for python_name, member in cls.__members__.items():
            if name in (python_name, cls.__renamed__.get(python_name)):
                return member
        raise ValueError(f"unknown value {name} for enum {cls.__name__}")

    @classmethod
    def betterproto_value_to_renamed_proto_names(cls) -> dict[int, str]:
        """Return the proto names that Python could not spell, by number, as betterproto2 has it."""
        return {cls[name].value: proto_name for name, proto_name in cls.__renamed__.items()}

    @classmethod
    def betterproto_renamed_proto_names_to_value(cls) -> dict[str, int]:
        """Return the numbers of the proto names that Python could not spell, as betterproto2 has
        it.
        """
        return {proto_name: cls[name].value for name, proto_name in cls.__renamed__.items()}

    def __str__(self) -> str:
        return self.name or f"UNKNOWN({int(self)})"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}.{self.name or '~UNKNOWN'}: {int(self)}>"

    def __format__(self, format_spec: str) -> str:
        return format(int(self), format_spec) if format_spec else str(self)
