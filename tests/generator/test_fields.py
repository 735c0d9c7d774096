"""Every kind of field, as the model has it."""

from __future__ import annotations

from typing import Any

import pytest

WKT = "".join(
    f'import "google/protobuf/{name}.proto"; '
    for name in (
        "timestamp",
        "duration",
        "wrappers",
        "struct",
        "any",
        "field_mask",
        "empty",
    )
)


@pytest.mark.parametrize(
    ("declared", "annotation", "arguments"),
    [
        ("string f = 1;", "str", '1, "string"'),
        ("bytes f = 2;", "bytes", '2, "bytes"'),
        ("bool f = 3;", "bool", '3, "bool"'),
        ("double f = 4;", "float", '4, "double"'),
        ("float f = 5;", "float", '5, "float"'),
        ("int32 f = 6;", "int", '6, "int32"'),
        ("int64 f = 7;", "int", '7, "int64"'),
        ("uint32 f = 8;", "int", '8, "uint32"'),
        ("uint64 f = 9;", "int", '9, "uint64"'),
        ("sint32 f = 10;", "int", '10, "sint32"'),
        ("sint64 f = 11;", "int", '11, "sint64"'),
        ("fixed32 f = 12;", "int", '12, "fixed32"'),
        ("fixed64 f = 13;", "int", '13, "fixed64"'),
        ("sfixed32 f = 14;", "int", '14, "sfixed32"'),
        ("sfixed64 f = 536870911;", "int", '536870911, "sfixed64"'),
        ("optional string f = 1;", "str | None", '1, "string", optional=True'),
        ("repeated string f = 1;", "list[str]", '1, "string", repeated=True'),
        ("repeated int32 f = 1;", "list[int]", '1, "int32", repeated=True'),
        (
            "repeated int32 f = 1 [packed = false];",
            "list[int]",
            '1, "int32", repeated=True, packed=False',
        ),
        (
            "repeated int32 f = 1 [packed = true];",
            "list[int]",
            '1, "int32", repeated=True',
        ),
        ("map<string, int32> f = 1;", "dict[str, int]", '1, "map<string, int32>"'),
        (
            "map<sfixed64, bytes> f = 1;",
            "dict[int, bytes]",
            '1, "map<sfixed64, bytes>"',
        ),
        ("map<bool, E> f = 1;", "dict[bool, E]", '1, "map<bool, enum>", lambda: E'),
        (
            "map<string, N> f = 1;",
            "dict[str, N]",
            '1, "map<string, message>", lambda: N',
        ),
        ("E f = 1;", "E", '1, "enum", lambda: E'),
        ("optional E f = 1;", "E | None", '1, "enum", lambda: E, optional=True'),
        ("repeated E f = 1;", "list[E]", '1, "enum", lambda: E, repeated=True'),
        ("N f = 1;", "N | None", '1, "message", lambda: N'),
        ("optional N f = 1;", "N | None", '1, "message", lambda: N'),
        ("repeated N f = 1;", "list[N]", '1, "message", lambda: N, repeated=True'),
        ("M f = 1;", "M | None", '1, "message", lambda: M'),
        ("N.Inner.Kind f = 1;", "N.Inner.Kind", '1, "enum", lambda: N.Inner.Kind'),
        ("oneof o { string f = 1; }", "str | None", '1, "string", oneof="o"'),
        ("oneof o { N f = 1; }", "N | None", '1, "message", lambda: N, oneof="o"'),
        ("oneof o { E f = 1; }", "E | None", '1, "enum", lambda: E, oneof="o"'),
        (
            'string f = 1 [json_name = "a\\"b\'\\n"];',
            "str",
            r'''1, "string", json="a\"b'\n"''',
        ),
        ('string f = 1 [json_name = "f"];', "str", '1, "string"'),
        ("string f = 1 [deprecated = true];", "str", '1, "string", deprecated=True'),
    ],
)
def test_fields(only: Any, declared: str, annotation: str, arguments: str) -> None:
    message = only(
        f"message M {{ {declared} }} enum E {{ ZERO = 0; }} "
        "message N { message Inner { enum Kind { NONE = 0; } } }"
    )
    (field,) = message.fields
    assert (field.name, field.call) == ("f", "field")
    assert field.annotation == annotation
    assert ", ".join(field.arguments) == arguments


@pytest.mark.parametrize(
    ("type", "annotation", "arguments"),
    [
        ("Timestamp", "datetime", '1, "google.protobuf.Timestamp"'),
        ("Duration", "timedelta", '1, "google.protobuf.Duration"'),
        ("StringValue", "str", '1, "google.protobuf.StringValue"'),
        ("BytesValue", "bytes", '1, "google.protobuf.BytesValue"'),
        ("BoolValue", "bool", '1, "google.protobuf.BoolValue"'),
        ("DoubleValue", "float", '1, "google.protobuf.DoubleValue"'),
        ("FloatValue", "float", '1, "google.protobuf.FloatValue"'),
        ("Int32Value", "int", '1, "google.protobuf.Int32Value"'),
        ("Int64Value", "int", '1, "google.protobuf.Int64Value"'),
        ("UInt32Value", "int", '1, "google.protobuf.UInt32Value"'),
        ("UInt64Value", "int", '1, "google.protobuf.UInt64Value"'),
        ("Struct", "dict[str, JsonValue]", '1, "google.protobuf.Struct"'),
        ("Value", "JsonValue", '1, "google.protobuf.Value"'),
        ("ListValue", "list[JsonValue]", '1, "google.protobuf.ListValue"'),
        ("Any", "well_known.Any", '1, "message", lambda: well_known.Any'),
        (
            "FieldMask",
            "well_known.FieldMask",
            '1, "message", lambda: well_known.FieldMask',
        ),
        ("Empty", "well_known.Empty", '1, "message", lambda: well_known.Empty'),
    ],
)
def test_well_known_types(only: Any, type: str, annotation: str, arguments: str) -> None:
    full = f"google.protobuf.{type}"
    message = only(
        f"{WKT} message M {{ {full} f = 1; repeated {full} many = 1001; "
        f"map<int32, {full}> by_number = 1002; oneof o {{ {full} chosen = 1003; }} }}"
    )
    single, many, by_number, chosen = message.fields
    assert (single.annotation, ", ".join(single.arguments)) == (
        f"{annotation} | None",
        arguments,
    )
    assert many.annotation == f"list[{annotation}]"
    assert by_number.annotation == f"dict[int, {annotation}]"
    kind = "message" if annotation.startswith("well_known") else full
    assert by_number.arguments[:2] == ("1002", f'"map<int32, {kind}>"')
    assert (chosen.annotation, chosen.arguments[-1]) == (
        f"{annotation} | None",
        'oneof="o"',
    )


def test_null_value_is_an_enum_of_the_runtime(only: Any) -> None:
    (field,) = only(f"{WKT} message M {{ google.protobuf.NullValue f = 1; }}").fields
    assert field.annotation == "well_known.NullValue"
    assert field.arguments == ("1", '"enum"', "lambda: well_known.NullValue")


def test_default_json_names_are_left_out(only: Any) -> None:
    names = ["page_url", "_x", "a__b", "a_", "A_B", "x1_2y", "snake_case_name"]
    fields = only(
        "message M { " + " ".join(f"string {n} = {i};" for i, n in enumerate(names, 1)) + " }"
    ).fields
    assert [", ".join(f.arguments[2:]) for f in fields] == [""] * len(names)


def test_our_options(only: Any) -> None:
    message = only(
        'import "raccoon/options.proto"; import "google/protobuf/timestamp.proto"; message M {'
        " string id = 1 [(raccoon.field).auto = UUID];"
        " google.protobuf.Timestamp at = 2 [(raccoon.field) = {auto: NOW}];"
        " repeated string tags = 3 [(raccoon.field).required = true];"
        ' string from = 4 [(raccoon.field) = {name: "sender", required: true}];'
        " optional string note = 5 [(raccoon.field).auto = UUID, deprecated = true]; }"
    )
    assert [", ".join(f.arguments[2:]) for f in message.fields] == [
        'auto="uuid"',
        'auto="now"',
        "repeated=True, required=True",
        'name="from", required=True',
        'optional=True, auto="uuid", deprecated=True',
    ]
    assert message.fields[3].name == "sender"
    assert message.fields[3].doc == "Named `from` in the schema."


def test_enums(package: Any) -> None:
    (module,) = package({"m.proto": """
            // What it costs.
            enum Plan {
              option allow_alias = true;
              PLAN_FREE = 0;  // nothing
              // Something.
              PLAN_PRO = 1;
              PLAN_PAID = 1;
              mro = -5;
              mro_ = -5;
              LAST = 2147483647;
              OLD = 7 [deprecated = true];
            }
            enum Gone { option deprecated = true; NOTHING = 0; }
            """}).modules
    plan, gone = module.enums
    assert [(m.name, m.number) for m in plan.members] == [
        ("PLAN_FREE", 0),
        ("PLAN_PRO", 1),
        ("PLAN_PAID", 1),
        ("mro__", -5),
        ("mro_", -5),
        ("LAST", 2147483647),
        ("OLD", 7),
    ]
    assert plan.keywords == ('renamed={"mro__": "mro"}',)
    assert [m.doc for m in plan.members[:4]] == [
        "nothing",
        "Something.",
        "",
        "Named `mro` in the schema.",
    ]
    assert (plan.doc, plan.members[6].doc) == ("What it costs.", "Deprecated.")
    assert (gone.doc, gone.keywords) == ("Deprecated.", ())


def test_deprecated_messages_and_files(package: Any) -> None:
    modules = package(
        {
            "a.proto": "package a; message M { option deprecated = true; message N {} }",
            "b.proto": "package b; option deprecated = true; message M {}",
        }
    ).modules
    a, b = (module.messages[0] for module in modules)
    assert a.keywords == ('proto="a.M"', "deprecated=True")
    assert a.messages[0].keywords == ('proto="a.M.N"',)
    assert b.keywords == ('proto="b.M"', "deprecated=True")


def test_proto2_means_the_same(only: Any) -> None:
    message = only(
        'syntax = "proto2"; message M {'
        " optional int32 a = 1; repeated int32 b = 2; repeated int32 c = 3 [packed = true];"
        ' optional string d = 4 [default = "a\\"b"]; optional E e = 5; oneof o { int32 f = 6; }'
        " map<string, int32> g = 7; optional M h = 8; extensions 100 to 199; }"
        " enum E { ONE = 1; }"
    )
    assert [", ".join(f.arguments[1:]) for f in message.fields] == [
        '"int32", optional=True',
        '"int32", repeated=True, packed=False',
        '"int32", repeated=True',
        '"string", optional=True',
        '"enum", lambda: E, optional=True',
        '"int32", oneof="o"',
        '"map<string, int32>"',
        '"message", lambda: M',
    ]
    assert message.fields[3].doc == 'Where it is not set, readers take it as `a"b`.'


def test_editions_mean_the_same(only: Any) -> None:
    message = only(
        'edition = "2023"; option features.repeated_field_encoding = EXPANDED; message M {'
        " int32 a = 1; int32 b = 2 [features.field_presence = IMPLICIT];"
        " repeated int32 c = 3; repeated int32 d = 4 [features.repeated_field_encoding = PACKED];"
        " M e = 5 [features.message_encoding = LENGTH_PREFIXED]; }"
    )
    assert [", ".join(f.arguments[1:]) for f in message.fields] == [
        '"int32", optional=True',
        '"int32"',
        '"int32", repeated=True, packed=False',
        '"int32", repeated=True',
        '"message", lambda: M',
    ]
