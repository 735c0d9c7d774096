"""A message's fields: their Python names and shapes, checked."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FeatureSet,
    FieldDescriptorProto,
)

from . import checks, names, options
from .names import Identifier, literal
from .options import AUTO, PLAIN, FieldOptions
from .schema import Schema, Type
from .types import Shape, Shapes

_FIELDS, _OPTIONS = 2, 8
_F = FieldDescriptorProto
_MESSAGES = (_F.TYPE_MESSAGE, _F.TYPE_GROUP)
_UNPACKABLE = (_F.TYPE_STRING, _F.TYPE_BYTES, *_MESSAGES)


class Field(NamedTuple):
    """One field, ready to be spelled in any file."""

    name: Identifier
    number: int
    shape: Shape
    required: bool
    keywords: tuple[str, ...]
    """What `field()` is told besides number and type, finished."""
    doc: str


class Reader:
    """Reads the fields of one schema's messages."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._shapes = Shapes(schema)

    def of_message(self, type: Type) -> tuple[Field, ...]:
        """The fields of a message, in the schema's order; problems go to the schema."""
        message = type.message
        if message is None:
            return ()
        checks.no_extension(type, message, self._schema)
        protos = tuple(message.field)
        checks.json_tells_apart(type, (*type.path, _FIELDS), protos, self._schema)
        said = _said(protos)
        spelled = _names(type, protos, said, self._schema)
        oneofs = _oneofs(message, protos)
        return tuple(
            self._field(type, i, proto, spelled[i], said.get(i, PLAIN), oneofs.get(i))
            for i, proto in enumerate(protos)
        )

    def _field(
        self,
        type: Type,
        index: int,
        proto: FieldDescriptorProto,
        name: Identifier,
        said: FieldOptions,
        oneof: str | None,
    ) -> Field:
        path = (*type.path, _FIELDS, index)
        features = type.features
        if proto.HasField("options"):
            features = features.within(proto.options.features)
        checks.no_group_nor_required(type, path, proto, features, self._schema)
        optional = (
            oneof is None
            and (features.presence != FeatureSet.IMPLICIT or proto.proto3_optional)
            and proto.label != _F.LABEL_REPEATED
        )
        shape = self._shapes.of(proto, presence=optional or oneof is not None)
        if said is not PLAIN:
            checks.options_fit(type, path, said, shape, oneof, self._schema)
        keywords = _keywords(proto, name, shape, said, optional, oneof, features.packed)
        doc = _doc(type.file.comments.of(path), proto, name)
        return Field(name, proto.number, shape, said.required, tuple(keywords), doc)


def _keywords(
    proto: FieldDescriptorProto,
    name: Identifier,
    shape: Shape,
    said: FieldOptions,
    optional: bool,
    oneof: str | None,
    packed: bool,
) -> Iterator[str]:
    if shape.repeated:
        yield "repeated=True"
    if optional and proto.type not in _MESSAGES:
        yield "optional=True"
    if oneof is not None:
        yield f"oneof={literal(oneof)}"
    if shape.repeated and proto.type not in _UNPACKABLE:
        says = proto.options.packed if proto.options.HasField("packed") else packed
        if not says:
            yield "packed=False"
    if name != proto.name:
        yield f"name={literal(proto.name)}"
    if proto.json_name != _json_name(proto.name):
        yield f"json={literal(proto.json_name)}"
    if said.required:
        yield "required=True"
    if auto := AUTO.get(said.auto):
        yield f"auto={literal(auto)}"
    if proto.HasField("options") and proto.options.deprecated:
        yield "deprecated=True"


def _json_name(name: str) -> str:
    """protoc's own: `page_url` → `pageUrl`."""
    if "_" not in name:
        return name
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _doc(comment: str, proto: FieldDescriptorProto, name: Identifier) -> str:
    if name == proto.name and not proto.HasField("default_value"):
        return comment
    parts = [comment]
    if name != proto.name:
        parts.append(f"Named `{proto.name}` in the schema.")
    if proto.HasField("default_value"):
        parts.append(f"Where it is not set, readers take it as `{proto.default_value}`.")
    return "\n\n".join(filter(None, parts))


def _oneofs(message: DescriptorProto, protos: Sequence[FieldDescriptorProto]) -> dict[int, str]:
    """The oneofs by their fields' index, without those that stand for a proto3 `optional`."""
    if not message.oneof_decl:
        return {}
    return {
        i: message.oneof_decl[proto.oneof_index].name
        for i, proto in enumerate(protos)
        if proto.HasField("oneof_index") and not proto.proto3_optional
    }


def _said(protos: Iterable[FieldDescriptorProto]) -> dict[int, FieldOptions]:
    """What the fields that have options of ours say."""
    return {
        i: said
        for i, proto in enumerate(protos)
        if proto.HasField("options") and (said := options.of_field(proto)) is not PLAIN
    }


def _names(
    type: Type,
    protos: Sequence[FieldDescriptorProto],
    said: dict[int, FieldOptions],
    schema: Schema,
) -> list[Identifier]:
    """Names that need no change stay; the others get what is free then, in the schema's order."""
    raw = [proto.name for proto in protos]
    wanted = [names.spelled_field(name) for name in raw]
    if wanted == raw and not said:
        return [Identifier(name) for name in raw]
    chosen = {i: s.name for i, s in said.items() if s.name is not None}
    taken: dict[str, int | None] = {inner.name: None for inner in type.types}
    for i, name in enumerate(raw):
        if i not in chosen and wanted[i] == name:
            taken[name] = i
    for i, name in chosen.items():
        path = (*type.path, _FIELDS, i, _OPTIONS, options.FIELD, options.FIELD_NAME)
        # Python reads names in this form: what is not in it may be another's name.
        plain = unicodedata.normalize("NFKC", name) == name and name.isidentifier()
        if names.spelled_field(name) != name or not plain:
            schema.report(
                type.file,
                path,
                f"a field cannot be named {name!r} in Python",
                "Choose an identifier, in Unicode's form NFKC, that is no keyword, is none of the "
                "message's own names and does not start with `__` or `_dflt_`.",
            )
        elif name in taken:
            other = taken[name]
            at = type.path if other is None else (*type.path, _FIELDS, other)
            schema.report(
                type.file,
                path,
                f"the name {name!r} is taken by {schema.where(type.file, at)}",
                "Choose another name.",
            )
        taken[name] = i
    result: list[Identifier] = []
    for i, name in enumerate(wanted):
        name = chosen.get(i, name)
        if i not in chosen and name != raw[i]:
            name = names.free(name, taken)
            taken[name] = i
        result.append(Identifier(name))
    return result
