"""Our messages as google's (upb) and back, field by field through descriptors and public
attributes: no codec of ours is asked.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from raccoon_runtime.codec.spec import specs
from raccoon_runtime.well_known import NULL, Duration, Timestamp

PREFIX = "google.protobuf."


def to_google(message: Any, cls: Any) -> Any:
    """Return google's message of the same content, unknown fields aside."""
    made = cls()
    fields = {spec.name or name: name for name, spec in specs(type(message)).items()}
    for field in cls.DESCRIPTOR.fields:
        value = getattr(message, fields[field.name])
        if value is None:
            continue
        if field.is_repeated:
            _fill(getattr(made, field.name), field, value)
        elif field.message_type is None:
            if message.is_set(fields[field.name]) or field.has_presence:
                setattr(made, field.name, _scalar(value))
        else:
            into = getattr(made, field.name)
            into.SetInParent()
            put(into, value)
    return made


def _fill(into: Any, field: FieldDescriptor, value: Any) -> None:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        for key, item in value.items():
            if entry.fields_by_name["value"].message_type is None:
                into[key] = _scalar(item)
            else:
                put(into[key], item)
    elif entry is None:
        into.extend([_scalar(item) for item in value])
    else:
        for item in value:
            put(into.add(), item)


def _scalar(value: Any) -> Any:
    return int(value) if hasattr(value, "proto_name") else value


def put(into: Any, value: Any) -> None:
    """Put a message, or what ours unwraps, into google's."""
    name = into.DESCRIPTOR.full_name.removeprefix(PREFIX)
    if name == "Timestamp":
        into.seconds, into.nanos = _timestamp(value)
    elif name == "Duration":
        into.seconds, into.nanos = _duration(value)
    elif name == "Struct":
        for key, item in value.items():
            put(into.fields[key], item)
    elif name == "ListValue":
        for item in value:
            put(into.values.add(), item)
    elif name == "Value":
        _put_json(into, value)
    elif name.endswith("Value"):
        into.value = value
    else:
        into.CopyFrom(to_google(value, type(into)))


def _put_json(into: Any, value: Any) -> None:
    if value is None or value is NULL:
        into.null_value = 0
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, str):
        into.string_value = value
    elif isinstance(value, dict):
        into.struct_value.SetInParent()
        put(into.struct_value, value)
    elif isinstance(value, list):
        into.list_value.SetInParent()
        put(into.list_value, value)
    else:
        into.number_value = value


def _timestamp(value: datetime) -> tuple[int, int]:
    if isinstance(value, Timestamp):
        return value.raw
    since = (
        value - datetime(1970, 1, 1, tzinfo=value.tzinfo) + (value.utcoffset() or timedelta()) * -1
    )
    return since.days * 86_400 + since.seconds, since.microseconds * 1000


def _duration(value: timedelta) -> tuple[int, int]:
    if isinstance(value, Duration):
        return value.raw
    micros = value // timedelta(microseconds=1)
    seconds = abs(micros) // 1_000_000
    nanos = abs(micros) % 1_000_000 * 1000
    return (seconds, nanos) if micros >= 0 else (-seconds, -nanos)


def same(one: Any, other: Any) -> bool:
    """Whether two of google's messages are equal; NaN equals itself, the order of a map is no
    matter.
    """
    left, right = (m.SerializeToString(deterministic=True) for m in (one, other))
    return bool(left == right)


def plain(message: Any) -> Any:
    """The fields of one of google's messages, without unknown ones: those inside of what we unwrap
    we do not keep. NaN is NaN, and a Value that is not set, or any other null, is null.
    """
    value = message.DESCRIPTOR.full_name == PREFIX + "Value"
    if value and message.WhichOneof("kind") in (None, "null_value"):
        return None
    return {field.name: _plain_field(field, value) for field, value in message.ListFields()}


def _plain_field(field: FieldDescriptor, value: Any) -> Any:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return {key: _plain_value(item) for key, item in value.items()}
    return [*map(_plain_value, value)] if field.is_repeated else _plain_value(value)


def _plain_value(value: Any) -> Any:
    if hasattr(value, "ListFields"):
        return plain(value)
    return "NaN" if value != value else value


def has_unknown_fields(message: Any) -> bool:
    """Whether there are any, at whatever depth."""
    made = type(message)()
    made.CopyFrom(message)
    made.DiscardUnknownFields()
    return bool(made.ByteSize() != message.ByteSize())
