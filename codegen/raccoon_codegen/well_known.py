"""The types of google/protobuf that Python has something better for, as a field names them."""

from __future__ import annotations

_WRAPPED = {
    "DoubleValue": "float",
    "FloatValue": "float",
    "Int64Value": "int",
    "UInt64Value": "int",
    "Int32Value": "int",
    "UInt32Value": "int",
    "BoolValue": "bool",
    "StringValue": "str",
    "BytesValue": "bytes",
}

UNWRAPPED: dict[str, str] = {
    ".google.protobuf.Timestamp": "datetime",
    ".google.protobuf.Duration": "timedelta",
    ".google.protobuf.Struct": "dict[str, JsonValue]",
    ".google.protobuf.Value": "JsonValue",
    ".google.protobuf.ListValue": "list[JsonValue]",
    **{f".google.protobuf.{name}": python for name, python in _WRAPPED.items()},
}
"""A message → the Python type that stands for it."""

CLASSES: dict[str, str] = {
    f".google.protobuf.{name}": name for name in ("Any", "FieldMask", "Empty", "NullValue")
}
"""A message or an enum → its class in the runtime's well_known."""
