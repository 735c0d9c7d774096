"""Our options, read without touching the process's own pool of protobuf types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

EVENT = 52001
FIELD = 52002

_DESCRIPTOR = "google/protobuf/descriptor.proto"
_OPTIONS = "raccoon/options.proto"

# The numbers of raccoon/options.proto's fields, as they stand in the places of a file.
EVENT_TYPE, EVENT_SKIP, EVENT_NAME = 1, 2, 3
FIELD_REQUIRED, FIELD_AUTO, FIELD_NAME = 1, 2, 3

AUTO = {0: None, 1: "uuid", 2: "now"}


@dataclass(frozen=True)
class EventOptions:
    """What `option (raccoon.event)` says; None where it says nothing."""

    type: str | None = None
    skip: bool = False
    name: str | None = None


@dataclass(frozen=True)
class FieldOptions:
    """What `(raccoon.field)` says."""

    required: bool = False
    auto: int = 0
    name: str | None = None


PLAIN = FieldOptions()


def parse(data: bytes) -> FileDescriptorSet:
    """The files, with our options as extensions where a file imports them."""
    files = FileDescriptorSet.FromString(data)
    needed = [f for f in files.file if f.name in (_DESCRIPTOR, _OPTIONS)]
    if len(needed) < 2:
        return files
    return cast(FileDescriptorSet, _reader(needed).FromString(data))


def _reader(files: Iterable[FileDescriptorProto]) -> Any:
    pool = DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    for name in ("raccoon.event", "raccoon.field"):
        extended = pool.FindExtensionByName(name).message_type
        assert extended is not None
        GetMessageClass(extended)
    return GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FileDescriptorSet"))


def of_event(message: DescriptorProto) -> EventOptions | None:
    """What a message says of itself as an event, None when nothing."""
    said = _extension(message.options, "raccoon.event")
    if said is None:
        return None
    return EventOptions(_optional(said, "type"), said.skip, _optional(said, "name"))


def of_field(field: FieldDescriptorProto) -> FieldOptions:
    """What a field says of itself."""
    said = _extension(field.options, "raccoon.field")
    if said is None:
        return PLAIN
    return FieldOptions(said.required, said.auto, _optional(said, "name"))


def _extension(options: Any, name: str) -> Any:
    for extension, value in options.ListFields():
        if extension.full_name == name:
            return value
    return None


def _optional(message: Any, field: str) -> str | None:
    return getattr(message, field) if message.HasField(field) else None
