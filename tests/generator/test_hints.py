"""protoc's words for what is wrong, and what is added to them or left out of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from raccoon_codegen import hints, options

OPTIONS = 'import "raccoon/options.proto";\n'
ADD_OPTIONS = 'Add: import "raccoon/options.proto";'


def field(options: str) -> str:
    return f"{OPTIONS}message M {{ string x = 1 [{options}]; }}"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("message M { strin x = 1; }", '"strin" is not defined.', 'Did you mean "string"?'),
        ("message M { String x = 1; }", '"String" is not defined.', 'Did you mean "string"?'),
        ("message M { integer x = 1; }", '"integer" is not defined.', 'Did you mean "int64"?'),
        (
            "message M { Platfrm x = 1; } enum Platform { ZERO = 0; }",
            '"Platfrm" is not defined.',
            'Did you mean "Platform"?',
        ),
        (
            "message M { google.protobuf.Timestamp x = 1; }",
            '"google.protobuf.Timestamp" is not defined.',
            'Add: import "google/protobuf/timestamp.proto";',
        ),
        (
            "message M { datetime x = 1; }",
            '"datetime" is not defined.',
            'Did you mean "google.protobuf.Timestamp"? '
            'It needs: import "google/protobuf/timestamp.proto";',
        ),
        (
            'import "google/protobuf/timestamp.proto"; message M { Timestmp x = 1; }',
            '"Timestmp" is not defined.',
            'Did you mean "google.protobuf.Timestamp"?',
        ),
        ("message M { Nothing x = 1; }", '"Nothing" is not defined.', ""),
        (
            "message M { Inner x = 1; } message Outer { message Inner {} }",
            '"Inner" is not defined.',
            "",
        ),
        ("message M { string x = 1 }", 'Expected ";".', "It is missing before this place."),
        (
            field("(raccoon.field) = {requird: true}"),
            'Message type "raccoon.FieldOptions" has no field named "requird".',
            'Did you mean "required"?',
        ),
        (
            field("(raccoon.field) = {topic: true}"),
            'Message type "raccoon.FieldOptions" has no field named "topic".',
            "There are required, auto and name.",
        ),
        (
            OPTIONS + "message M { option (raccoon.event) = {typ: 1}; }",
            'Message type "raccoon.EventOptions" has no field named "typ".',
            'Did you mean "type"?',
        ),
        (
            field("(raccoon.field) = {auto: UID}"),
            'Unknown enumeration value of "UID" for field "auto".',
            'Did you mean "UUID"?',
        ),
        (
            field("(raccoon.field) = {auto: TODAY}"),
            'Unknown enumeration value of "TODAY" for field "auto".',
            "There are UUID and NOW.",
        ),
        (
            field("(raccoon.field).requird = true"),
            'Option "(raccoon.field).requird" unknown.',
            'Did you mean "(raccoon.field).required"?',
        ),
        (
            field("(raccoon.feild).required = true"),
            'Option "(raccoon.feild)" unknown.',
            'Did you mean "(raccoon.field)"?',
        ),
        (
            field("raccoon.field = {required: true}"),
            'Option "raccoon" unknown.',
            "Put its name in parentheses: (raccoon.field).",
        ),
        (
            field("deprecatd = true"),
            'Option "deprecatd" unknown.',
            'Did you mean "deprecated"?',
        ),
        (
            "message M { string x = 1 [(raccoon.field).required = true]; }",
            'Option "(raccoon.field)" unknown.',
            ADD_OPTIONS,
        ),
        (
            f"// {OPTIONS}message M {{ option (raccoon.event) = {{}}; }}",
            'Option "(raccoon.event)" unknown.',
            ADD_OPTIONS,
        ),
        (
            "message M { string x = 1 [(buf.validate.field).required = true]; }",
            'Option "(buf.validate.field)" unknown.',
            "Import the file that defines it.",
        ),
        (
            field('(raccoon.event) = {name: "x"}'),
            'Option field "(raccoon.event)" is not a field or extension of message "FieldOptions".',
            "It is for a message; a field takes (raccoon.field).",
        ),
        (
            OPTIONS + "message M { option (raccoon.field) = {required: true}; }",
            'Option field "(raccoon.field)" is not a field or extension of message '
            '"MessageOptions".',
            "It is for a field; a message takes (raccoon.event).",
        ),
        (
            "message M { string aB = 1; string a_b = 2; }",
            'The default JSON name of field "a_b" ("aB") conflicts with the default JSON name of '
            'field "aB".',
            'Rename one of them, or give one another: [json_name = "…"].',
        ),
        (
            "message M { required string x = 1; }",
            "Required fields are not allowed in proto3.",
            "Leave `required` out; [(raccoon.field).required = true] has senders give it.",
        ),
    ],
)
def test_hints(problems: Any, text: str, message: str, hint: str) -> None:
    (problem,) = problems({"m.proto": text})
    assert problem.line and problem.message.endswith(message)
    assert "edition 2024" not in problem.message
    assert problem.hint == hint


def test_a_type_of_another_file_is_found(problems: Any) -> None:
    (problem,) = problems(
        {
            "a.proto": "message M { Money x = 1; }",
            "common/money.proto": 'syntax = "proto3";\npackage common;\n\nmessage Money {}',
        }
    )
    assert problem.hint == 'There is common.Money; it needs: import "common/money.proto";'


@pytest.mark.parametrize(
    ("text", "place", "shown"),
    [
        ("message M {\n  string naïve = 1;\n}", (2, 12), "ï"),
        ("// naïve\nmessage Café {\n}", (2, 12), "é"),
        ("message M { string žluť = 1; }", (1, 39), "ž"),
        ("message M {\n string\xa0x = 1; }", (2, 8), "\\xa0"),
        ("message M {\n string “x” = 1; }", (2, 9), "“"),
    ],
)
def test_what_is_no_ascii_is_told_once(
    problems: Any, text: str, place: tuple[int, int], shown: str
) -> None:
    found = problems({"m.proto": text})
    assert (found[0].line, found[0].column) == place
    assert found[0].message == f'"{shown}" is not ASCII'
    assert found[0].hint == (
        "Names are made of ASCII letters, digits and `_`; "
        "all else belongs into comments and strings."
    )
    assert all(problem.message.endswith("is not ASCII") for problem in found)


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF\x02\x01\x01\0\0message\xff",
        'syntax = "proto3";'.encode("utf-16"),
        'syntax = "proto3"; message Caf\xe9 {}'.encode("latin-1"),
    ],
)
def test_what_is_no_text_is_told_once(problems: Any, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.proto").write_bytes(data)
    (problem,) = problems({"n.proto": 'import "m.proto";'})
    assert str(problem) == (
        "m.proto: is not text in UTF-8\n  Save it as UTF-8, or leave it out if it is no schema."
    )


def test_the_options_that_hints_know_are_those_of_the_shipped_file() -> None:
    shipped = Path(options.__file__).parent / "proto/raccoon/options.proto"
    text = shipped.read_text("utf-8").partition("\nextend ")[0]
    for name, known in (("EventOptions", hints.EVENT), ("FieldOptions", hints.FIELD)):
        body = text.partition(f"message {name} {{")[2].partition("\n}")[0]
        assert tuple(re.findall(r"(\w+) = \d+;", re.sub(r"(?s)enum .*?\}", "", body))) == known
    values = re.findall(r"^    ([A-Z]+) = \d+;", text, re.MULTILINE)
    assert tuple(values) == hints.AUTO
