"""What a schema may hold that we cannot keep, and options of ours that do not fit."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FeatureSet,
    FieldDescriptorProto,
)

from . import options
from .comments import Path
from .features import Features
from .options import AUTO, FieldOptions
from .schema import File, Schema, Type
from .types import Shape

_OPTIONS, _EXTENSIONS = 8, 6
_F = FieldDescriptorProto


def no_extension(type: Type, message: DescriptorProto, schema: Schema) -> None:
    """Nothing in the message extends, or can only be used by, what we do not know."""
    for i, extension in enumerate(message.extension):
        extends_options(type.file, (*type.path, _EXTENSIONS, i), extension, schema)
    if message.options.message_set_wire_format:
        schema.report(
            type.file,
            type.path,
            f'"{message.name}" is a message set, which is not supported',
            "Leave the option out, and hold what it was for in a google.protobuf.Any.",
        )


def extends_options(
    file: File, path: Path, extension: FieldDescriptorProto, schema: Schema
) -> None:
    """Options may be extended by anyone; other messages' extensions would be lost."""
    schema_option = extension.extendee.startswith(".google.protobuf.")
    if not (schema_option and extension.extendee.endswith("Options")):
        schema.report(
            file,
            path,
            f'an extension of "{extension.extendee[1:]}" is not supported',
            "Use a field of the message, or a google.protobuf.Any.",
        )


def json_tells_apart(
    type: Type, path: Path, protos: Sequence[FieldDescriptorProto], schema: Schema
) -> None:
    """JSON may call a field by its JSON name or by its own; neither is another field's JSON name.

    protoc lets that pass in proto2, where it is told to, and between names of the two kinds.
    """
    seen: dict[str, int] = {}
    named = {proto.name: i for i, proto in enumerate(protos)}
    for i, proto in enumerate(protos):
        name = proto.json_name
        if (other := seen.setdefault(name, i)) != i:
            meets, which = " of the field at {}", "one of them"
        elif (other := named.get(name, i)) != i and protos[other].json_name != name:
            meets, which = ", which is the name of the field at {}", f'"{proto.name}"'
        else:
            continue
        at = meets.format(schema.where(type.file, (*path, other)))
        schema.report(
            type.file,
            (*path, i),
            f'"{proto.name}" has the JSON name "{name}"{at}',
            f'Give {which} another: [json_name = "…"].',
        )


def no_group_nor_required(
    type: Type,
    path: Path,
    proto: FieldDescriptorProto,
    features: Features,
    schema: Schema,
) -> None:
    """The field is neither of the two that we do not support."""
    required = proto.label == _F.LABEL_REQUIRED
    required = required or features.presence == FeatureSet.LEGACY_REQUIRED
    # The one there is in google/protobuf/descriptor.proto does no harm.
    if required and type.file.package != "google.protobuf":
        schema.report(
            type.file,
            path,
            f'required field "{proto.name}" is not supported',
            "Make it optional; [(raccoon.field).required = true] has senders give it.",
        )
    delimited = features.delimited and proto.type == _F.TYPE_MESSAGE
    if proto.type == _F.TYPE_GROUP or (delimited and proto.type_name not in schema.maps):
        schema.report(
            type.file,
            path,
            f'group "{proto.name}" is not supported',
            "Use a field of a message type, length-prefixed as others are.",
        )


def options_fit(
    type: Type,
    path: Path,
    said: FieldOptions,
    shaped: Shape,
    oneof: str | None,
    schema: Schema,
) -> None:
    """`(raccoon.field)` asks for what the field can do."""
    many = shaped.repeated or shaped.key is not None
    auto = AUTO.get(said.auto)

    def report(number: int, message: str, hint: str) -> None:
        at = (*path, _OPTIONS, options.FIELD, number)
        schema.report(type.file, at, message, hint)

    if said.auto not in AUTO:
        report(
            options.FIELD_AUTO,
            f"auto: {said.auto} is nothing that can be filled in",
            "There are UUID and NOW.",
        )
    if auto == "uuid" and (many or shaped.element.type != "string"):
        report(
            options.FIELD_AUTO,
            "auto: UUID is for a string field",
            "Make the field a single string, or drop auto.",
        )
    if auto == "now" and (many or shaped.element.type != "google.protobuf.Timestamp"):
        report(
            options.FIELD_AUTO,
            "auto: NOW is for a google.protobuf.Timestamp field",
            "Make the field a single Timestamp, or drop auto.",
        )
    if oneof is not None and auto:
        report(
            options.FIELD_AUTO,
            f'auto would always choose this member of oneof "{oneof}"',
            "Drop auto, or move the field out of the oneof.",
        )
    if oneof is not None and said.required:
        report(
            options.FIELD_REQUIRED,
            f'required would allow no other member of oneof "{oneof}"',
            "Drop required, or move the field out of the oneof.",
        )
    if auto and said.required:
        report(
            options.FIELD_REQUIRED,
            "required and auto exclude each other",
            "Drop required.",
        )
