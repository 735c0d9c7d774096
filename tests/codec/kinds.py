"""Every field kind in every place where it may stand, as a schema, and values for each."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from raccoon_runtime.well_known import NULL, Duration, Timestamp

INTEGERS = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "sint32": (-(2**31), 2**31 - 1),
    "sint64": (-(2**63), 2**63 - 1),
    "fixed32": (0, 2**32 - 1),
    "fixed64": (0, 2**64 - 1),
    "sfixed32": (-(2**31), 2**31 - 1),
    "sfixed64": (-(2**63), 2**63 - 1),
}
SCALARS = (*INTEGERS, "float", "double", "bool", "string", "bytes")
KEYS = (*INTEGERS, "bool", "string")
WRAPPERS = {
    "DoubleValue": "double",
    "FloatValue": "float",
    "Int64Value": "int64",
    "UInt64Value": "uint64",
    "Int32Value": "int32",
    "UInt32Value": "uint32",
    "BoolValue": "bool",
    "StringValue": "string",
    "BytesValue": "bytes",
}
WELL_KNOWN = ("Timestamp", "Duration", "Struct", "Value", "ListValue", *WRAPPERS)
MESSAGES = ("Any", "FieldMask", "Empty", "Leaf")
KINDS = (*SCALARS, "Mood", *WELL_KNOWN, *MESSAGES)

HEAD = """\
// Written by kinds.py.
syntax = "proto3";

package codec.v1;

import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

enum Mood {
  option allow_alias = true;
  MOOD_UNSPECIFIED = 0;
  MOOD_GOOD = 1;
  MOOD_FINE = 1;
  MOOD_BAD = -1;
  MOOD_LARGE = 2147483647;
}

message Leaf {
  string name = 1;
  int32 number = 2;
}

"""


def message_of(kind: str) -> str:
    """The name of the message that has a kind in every place."""
    return f"Kind{kind[0].upper()}{kind[1:]}"


def places(kind: str) -> list[str]:
    """Where a kind may stand: the names of the fields of its message."""
    found = ["single", "chosen", "repeated", "mapped"]
    if kind in (*SCALARS, "Mood"):
        found.insert(1, "optional")
        found.append("unpacked")
    return [*found, "keyed"] if kind in KEYS else found


def schema() -> str:
    """`kinds.proto`: a message for each kind, and one that has all of their fields."""
    return HEAD + "".join(map(_message, KINDS)) + _everything()


def _fields(kind: str, prefix: str, first: int) -> dict[str, str]:
    """Declarations by place."""
    name = f"google.protobuf.{kind}" if kind in (*WELL_KNOWN, *MESSAGES[:-1]) else kind
    declared = {
        "single": f"{name} {{}}",
        "optional": f"optional {name} {{}}",
        "chosen": f"{name} {{}}",
        "repeated": f"repeated {name} {{}}",
        "mapped": f"map<string, {name}> {{}}",
        "unpacked": f"repeated {name} {{}}",
        "keyed": f"map<{name}, string> {{}}",
    }
    found: dict[str, str] = {}
    for number, place in enumerate(places(kind), first):
        unpacked = (
            " [packed = false]" if place == "unpacked" and kind not in ("string", "bytes") else ""
        )
        found[place] = f"  {declared[place].format(prefix + place)} = {number}{unpacked};\n"
    return found


def _message(kind: str) -> str:
    fields = _fields(kind, "", 1)
    chosen = fields.pop("chosen")
    oneof = f"  oneof choice {{\n  {chosen}    bool otherwise = 15;\n  }}\n"
    return f"message {message_of(kind)} {{\n{''.join(fields.values())}{oneof}}}\n\n"


def _everything() -> str:
    lines: list[str] = []
    chosen: list[str] = []
    first = 1
    for kind in KINDS:
        fields = _fields(kind, f"{kind.lower()}_", first)
        first += len(fields)
        chosen.append(fields.pop("chosen"))
        lines.extend(fields.values())
    oneof = f"  oneof choice {{\n{''.join(f'  {line}' for line in chosen)}  }}\n"
    return f"message Everything {{\n{''.join(lines)}{oneof}}}\n"


UTC = timezone.utc
_DOUBLES = (0.0, -0.0, 1.5, -1e-300, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"))
# Not the greatest: google's own parser refuses the text that its printer gives for it.
_SINGLES = (0.0, -0.0, 1.5, -(2.0**127), 1.401298464324817e-45, float("inf"))
_TEXTS = (
    "",
    "a",
    "Zürich",
    "日本語",
    "\x00\x7f",
    "😀",
    "x" * 127,
    "y" * 128,
    "z" * 20_000,
    '"\\/\n',
)
_DATA = (b"", b"\x00", bytes(range(256)), b"\xff" * 130)
_JSON = (
    NULL,
    True,
    -1.5,
    "text",
    {"a": [1.0, None, {"b": "c"}], "": False},
    [[], {}, None, 2.0**53],
)
_TIMES = (
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 3, 14, 15, 9, 26, 535_897, tzinfo=UTC),
    datetime(2026, 3, 14, 15, 9, 26, 500_000, tzinfo=UTC),
    datetime(2026, 3, 14, 15, 9, 26, 2, tzinfo=UTC),
    datetime(2026, 3, 14, 15, 9, 26, 268_435, tzinfo=UTC),
    datetime(2026, 3, 14, 15, 9, 26, 268_436, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 7, 1, 2, 0, tzinfo=timezone(timedelta(hours=2))),
    Timestamp.from_raw(1, 1),
    Timestamp.from_raw(-62_135_596_800, 999_999_999),
)
_SPANS = (
    timedelta(0),
    timedelta(seconds=1, microseconds=500),
    timedelta(seconds=-1, microseconds=-500),
    timedelta(microseconds=-1),
    timedelta(seconds=315_576_000_000),
    timedelta(seconds=-315_576_000_000),
    Duration.from_raw(0, 1),
    Duration.from_raw(-3, -999_999_999),
)


def values(kind: str, package: Any) -> tuple[Any, ...]:
    """Values of one element of that kind, the default first."""
    if kind in WRAPPERS:
        return values(WRAPPERS[kind], package)
    if kind in INTEGERS:
        low, high = INTEGERS[kind]
        inner = (
            1,
            127,
            128,
            1023,
            1024,
            16_383,
            16_384,
            131_071,
            131_072,
            2_097_152,
            2**30,
            2**31 - 1,
        )
        return (0, *inner, *([-1, -1024] if low else []), low, high)
    if kind == "Leaf":
        return package.Leaf(), package.Leaf(name="x"), package.Leaf(name="y", number=-1)
    if kind == "Mood":
        mood = package.Mood
        return mood.MOOD_UNSPECIFIED, mood.MOOD_GOOD, mood.MOOD_BAD, mood.MOOD_LARGE, mood(7)
    return _OTHERS[kind]


def _others() -> dict[str, tuple[Any, ...]]:
    from raccoon_runtime.well_known import Any as AnyMessage
    from raccoon_runtime.well_known import Empty, FieldMask

    return {
        "float": _SINGLES,
        "double": _DOUBLES,
        "bool": (False, True),
        "string": _TEXTS,
        "bytes": _DATA,
        "Timestamp": _TIMES,
        "Duration": _SPANS,
        "Struct": ({}, _JSON[4]),
        "Value": _JSON,
        "ListValue": ([], _JSON[5]),
        "Any": (AnyMessage(), AnyMessage.pack(FieldMask(paths=["a.b_c"]))),
        "FieldMask": (FieldMask(), FieldMask(paths=["a", "b_c.d"])),
        "Empty": (Empty(),),
    }


_OTHERS = _others()
