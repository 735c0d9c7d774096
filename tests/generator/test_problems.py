"""What is wrong is told at its place, with a way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from raccoon_codegen.build import Override
from raccoon_codegen.errors import Problem, RaccoonCodegenError, SchemaError

OPTIONS = 'import "raccoon/options.proto";\n'


def place(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.line, problem.column


def test_how_it_is_written() -> None:
    problem = Problem("a.proto", 3, 5, "is wrong", "Do this:\n\n    that")
    assert str(problem) == "a.proto:3:5: is wrong\n  Do this:\n\n      that"
    assert str(Problem("a.proto", 0, 0, "is wrong")) == "a.proto: is wrong"
    assert str(Problem("", 0, 0, "all is wrong")) == "all is wrong"
    error = SchemaError([Problem("b", 1, 1, "x"), problem, problem])
    assert [p.file for p in error.problems] == ["a.proto", "b"]
    assert isinstance(error, RaccoonCodegenError) and error.exit_code == 2


def test_syntax(problems: Any) -> None:
    found = problems({"a.proto": "\nmessage M {\n  string x 1;\n}\n", "b.proto": "message N {}"})
    assert [str(p) for p in found] == ["a.proto:3:12: Missing field number."]


def test_unknown_type_in_an_imported_file_is_told_once(problems: Any) -> None:
    found = problems(
        {
            "a.proto": 'import "b.proto";\nmessage M { N n = 1; }',
            "b.proto": "\nmessage N {\n  Nothing x = 1;\n}",
        }
    )
    assert [str(p) for p in found] == ['b.proto:3:3: "Nothing" is not defined.']


@pytest.mark.parametrize(
    ("files", "inputs", "hint"),
    [
        (
            {"s/a.proto": '\nimport "other/b.proto";\nmessage M { other.B b = 1; }'},
            {},
            "Add the directory that it lies in: -I DIR, where DIR/other/b.proto exists.",
        ),
        (
            {
                "s/a.proto": '\nimport "other/b.proto";',
                "other/b.proto": "message B {}",
            },
            {"schemas": (Path("s"),)},
            "It is below .: add -I .",
        ),
        (
            {
                "s/a.proto": '\nimport "other/b.proto";',
                "s/deep/other/b.proto": "message B {}",
            },
            {"schemas": (Path("s"),)},
            'Did you mean "deep/other/b.proto"?',
        ),
        (
            {"s/a.proto": '\nimport "google/type/money.proto";'},
            {},
            "Add the directory that it lies in: -I DIR, where DIR/google/type/money.proto exists.\n"
            "It comes with the Python package googleapis-common-protos: -I its site-packages.",
        ),
    ],
)
def test_missing_imports(
    problems: Any, files: dict[str, str], inputs: dict[str, Any], hint: str
) -> None:
    (problem,) = problems(files, **inputs)
    assert place(problem) == ("s/a.proto", 2, 1)
    assert problem.message.startswith('import "') and problem.message.endswith(" was not found")
    assert problem.hint == hint


def test_missing_import_of_an_import(problems: Any) -> None:
    (problem,) = problems(
        {"s/a.proto": 'import "b.proto";', "lib/b.proto": '\nimport "c.proto";'},
        schemas=(Path("s"),),
        import_roots=(Path("lib"),),
    )
    assert place(problem) == ("lib/b.proto", 2, 1)


def test_roots_whose_paths_protoc_would_split(package: Any) -> None:
    made = package({"a:b=c/m.proto": "message M {}"}, schemas=(Path("a:b=c"),))
    assert made.modules[0].path == "m_pb.py"
    with pytest.raises(SchemaError) as caught:
        package({"a:b=c/m.proto": "message M {"}, schemas=(Path("a:b=c"),))
    assert caught.value.problems[0].file == "a:b=c/m.proto"


@pytest.mark.parametrize(
    ("field", "column", "says"),
    [
        (
            "int32 x = 1 [(raccoon.field).auto = UUID];",
            16,
            "auto: UUID is for a string field",
        ),
        (
            "repeated string x = 1 [(raccoon.field).auto = UUID];",
            26,
            "auto: UUID is for a string",
        ),
        (
            "map<int32, string> x = 1 [(raccoon.field).auto = UUID];",
            29,
            "auto: UUID is for a string",
        ),
        (
            "string x = 1 [(raccoon.field) = {auto: NOW}];",
            17,
            "auto: NOW is for a google.protobuf.",
        ),
        (
            "string x = 1 [(raccoon.field) = {auto: UUID, required: true}];",
            17,
            "required and auto",
        ),
        (
            "oneof o { string x = 1 [(raccoon.field).auto = UUID]; }",
            27,
            "auto would always choose",
        ),
        (
            "oneof o { string x = 1 [(raccoon.field).required = true]; }",
            27,
            'required would allow no other member of oneof "o"',
        ),
        (
            'string x = 1 [(raccoon.field).name = "from"];',
            17,
            "a field cannot be named 'from'",
        ),
        ('string x = 1 [(raccoon.field).name = ""];', 17, "a field cannot be named ''"),
        *(
            (f'string x = 1 [(raccoon.field).name = "{name}"];', 17, "a field cannot be named")
            for name in ("\ufb01", "\uff53\uff45\uff4c\uff46", "\uff49\uff46")
        ),
        (
            'string x = 1 [(raccoon.field).name = "a b"];',
            17,
            "a field cannot be named 'a b'",
        ),
        (
            'string x = 1 [(raccoon.field).name = "to_dict"];',
            17,
            "a field cannot be named 'to_dict'",
        ),
        (
            'string x = 1 [(raccoon.field).name = "_dflt_y"];',
            17,
            "a field cannot be named '_dflt_y'",
        ),
        (
            'string x = 1 [(raccoon.field).name = "y"]; int32 y = 2;',
            17,
            "the name 'y' is taken by m.p",
        ),
        (
            'string x = 1 [(raccoon.field).name = "N"]; message N {}',
            17,
            "the name 'N' is taken by m.p",
        ),
    ],
)
def test_field_options(problems: Any, field: str, column: int, says: str) -> None:
    (problem,) = problems({"m.proto": f"{OPTIONS}message M {{\n  {field}\n}}"})
    assert place(problem) == ("m.proto", 3, column)
    assert problem.message.startswith(says)


@pytest.mark.parametrize(
    ("message", "column", "says"),
    [
        (
            'message M { option (raccoon.event).type = "a b"; }',
            13,
            "an event cannot have the type",
        ),
        (
            'message M { option (raccoon.event).type = ""; }',
            13,
            "an event cannot have the type ''",
        ),
        (
            'message M { option (raccoon.event).type = "ä"; }',
            13,
            "an event cannot have the type",
        ),
        (
            'message M { option (raccoon.event).type = "a\\n"; }',
            13,
            "an event cannot have the type",
        ),
        (
            'message M { option (raccoon.event).name = "a-b"; }',
            13,
            "an event cannot be named 'a-b'",
        ),
        (
            'message M { option (raccoon.event) = {skip: true, type: "x"}; }',
            13,
            "skip leaves no event",
        ),
        (
            "message M { message NEvent { option (raccoon.event) = {}; } }",
            30,
            "only a top-level message",
        ),
    ],
)
def test_event_options(problems: Any, message: str, column: int, says: str) -> None:
    (problem,) = problems({"m.proto": OPTIONS + message})
    assert place(problem) == ("m.proto", 2, column)
    assert problem.message.startswith(says)


@pytest.mark.parametrize(
    "text",
    [
        'syntax = "proto2";\nmessage M {\n  optional int32 a_b = 1;\n  optional int32 aB = 2;\n}',
        'syntax = "proto3";\nmessage M { option deprecated_legacy_json_field_conflicts = true;\n'
        "  int32 a_b = 1;\n  int32 aB = 2;\n}",
    ],
)
def test_two_fields_with_one_json_name(problems: Any, text: str) -> None:
    (problem,) = problems({"m.proto": text})
    assert (problem.file, problem.line) == ("m.proto", 4)
    assert problem.message.startswith('"aB" has the JSON name "aB" of the field at m.proto:3:')


def test_a_wrong_setting_from_outside_is_told_at_the_message(problems: Any) -> None:
    (problem,) = problems({"m.proto": "\nmessage M {}"}, overrides={"M": Override(type="a/b")})
    assert place(problem) == ("m.proto", 2, 9)


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        (
            'syntax = "proto2";\nmessage M { required int32 x = 1; }',
            2,
            13,
            'required field "x"',
        ),
        (
            'syntax = "proto2";\nmessage M { optional group G = 1 {} }',
            2,
            13,
            'group "g"',
        ),
        (
            'syntax = "proto2";\nmessage M { extensions 1; }\nextend M { optional int32 x = 1; }',
            3,
            12,
            "an extension of",
        ),
        (
            'syntax = "proto2";\nmessage M { extensions 1;\nextend M { optional int32 x = 1; } }',
            3,
            12,
            'an extension of "M" is not supported',
        ),
        (
            'syntax = "proto2";\n'
            "message M { option message_set_wire_format = true; extensions 4; }",
            2,
            1,
            '"M" is a message set',
        ),
        (
            'edition = "2023";\nmessage M { M x = 1 [features.message_encoding = DELIMITED]; }',
            2,
            13,
            'group "x"',
        ),
        (
            'edition = "2023";\n'
            "message M { int32 x = 1 [features.field_presence = LEGACY_REQUIRED]; }",
            2,
            13,
            'required field "x"',
        ),
    ],
)
def test_what_is_not_supported(problems: Any, text: str, line: int, column: int, says: str) -> None:
    (problem,) = problems({"m.proto": text})
    assert place(problem) == ("m.proto", line, column)
    assert problem.message.startswith(says)


def test_extensions_of_options_are_everyones(package: Any) -> None:
    made = package(
        {
            "m.proto": 'import "google/protobuf/descriptor.proto";'
            " message Rules { string pattern = 1; } "
            " extend google.protobuf.FieldOptions { Rules rules = 50000; string mark = 50001; }"
            " extend google.protobuf.MessageOptions { bool audited = 50000; }"
            " message M { option (audited) = true;"
            ' string x = 1 [(rules).pattern = "}}", (mark) = "{{"]; }'
        }
    )
    assert [m.name for m in made.modules[0].messages] == ["Rules", "M"]


VERSIONS = {
    f"shop/{version}/order.proto": f"package shop.{version};\n"
    "message OrderEvent {}\nmessage PageEvent {}"
    for version in ("v1", "v2")
}


def test_versions_of_a_package(problems: Any, package: Any) -> None:
    (problem,) = problems(VERSIONS)
    assert str(problem) == """\
shop/v2/order.proto:2:9: shop.v1.OrderEvent and shop.v2.OrderEvent have one method, \
send_order_event, and one type, "order"; 1 more clashes likewise
  shop.v1.OrderEvent is at shop/v1/order.proto:2:9
  shop.v2.OrderEvent is at shop/v2/order.proto:2:9
  also: shop.v1.PageEvent and shop.v2.PageEvent
  Leave one out:
      --exclude-events 'shop.v1.*'
  or tell them apart at shop.v1.OrderEvent, in the schema:
      option (raccoon.event) = {name: "order_v1", type: "order_v1"};
  or in pyproject.toml:
      [tool.raccoon-codegen.overrides."shop.v1.OrderEvent"]
      name = "order_v1"
      type = "order_v1\""""
    assert (
        package(VERSIONS, exclude_events=("shop.v1.*",))
        .client.events[0]
        .target.startswith(".shop.v2")
    )


def test_the_ways_out_are_ways_out(package: Any) -> None:
    versions = {"v1": "order_v1", "v2beta1": "order_v2beta1"}
    files = {f"{v}.proto": f"package shop.{v};\nmessage OrderEvent {{}}" for v in (*versions, "v2")}
    with pytest.raises(SchemaError) as caught:
        package(files)
    hint = caught.value.problems[0].hint
    assert "such as shop.v2.OrderEvent:" in hint
    globs = tuple(line.split("'")[1] for line in hint.splitlines() if "--exclude" in line)
    assert len(package(files, exclude_events=globs).client.events) == 1
    overrides = {
        f"shop.{version}.OrderEvent": Override(name=name, type=name)
        for version, name in versions.items()
    }
    assert len(package(files, overrides=overrides).client.events) == 3


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        (
            "message HTTPEvent {}\nmessage HttpEvent {}",
            3,
            9,
            'have one method, send_http_event, and one type, "http"',
        ),
        (
            'message AEvent {}\nmessage B {\noption (raccoon.event).type = "a"; }',
            4,
            1,
            'AEvent and B have one type, "a"',
        ),
        (
            'message AEvent {}\nmessage B {\noption (raccoon.event) = {name: "a", type: "b"}; }',
            4,
            1,
            "AEvent and B have one method, send_a_event",
        ),
    ],
)
def test_clashes_within_a_package(
    problems: Any, text: str, line: int, column: int, says: str
) -> None:
    (problem,) = problems({"m.proto": OPTIONS + text})
    assert place(problem) == ("m.proto", line, column)
    assert says in problem.message
    assert "m.proto:2:9" in problem.hint


@pytest.mark.parametrize(
    ("text", "inputs", "place_", "told"),
    [
        (
            'message Foo {\noption (raccoon.event) = {type: "signed_up"}; }\n'
            "message SignedUpEvent {}",
            {},
            ("m.proto", 3, 1),
            """\
Foo and SignedUpEvent have one type, "signed_up"
Foo is at m.proto:3:1
SignedUpEvent is at m.proto:4:9
Give Foo another type, in the schema:
    option (raccoon.event) = {type: "foo"};
or in pyproject.toml:
    [tool.raccoon-codegen.overrides."Foo"]
    type = "foo\"""",
        ),
        (
            "message AEvent {}\nmessage BEvent {\n"
            'option (raccoon.event) = {name: "a", type: "c"}; }',
            {},
            ("m.proto", 4, 1),
            """\
AEvent and BEvent have one method, send_a_event
AEvent is at m.proto:2:9
BEvent is at m.proto:4:1
Give BEvent another name, in the schema:
    option (raccoon.event) = {name: "b", type: "c"};
or in pyproject.toml:
    [tool.raccoon-codegen.overrides."BEvent"]
    name = "b\"""",
        ),
        (
            'message A {\noption (raccoon.event) = {type: "x"}; }\n'
            'message B {\noption (raccoon.event) = {type: "x"}; }\nmessage BEvent {}',
            {"exclude_events": ("BEvent",)},
            ("m.proto", 5, 1),
            """\
A and B have one type, "x"
A is at m.proto:3:1
B is at m.proto:5:1
Give A another type, in the schema:
    option (raccoon.event) = {type: "a"};
or in pyproject.toml:
    [tool.raccoon-codegen.overrides."A"]
    type = "a\"""",
        ),
        (
            "message AEvent {}\nmessage BEvent {}\nmessage C {}",
            {"overrides": {"C": Override(type="b", place="pyproject.toml:9:1")}},
            ("pyproject.toml:9:1", 0, 0),
            """\
BEvent and C have one type, "b"
BEvent is at m.proto:3:9
C is at m.proto:4:9
Give C another type, in pyproject.toml:
    [tool.raccoon-codegen.overrides."C"]
    type = "c\"""",
        ),
    ],
)
def test_only_what_clashes_is_to_be_changed(
    problems: Any, text: str, inputs: dict[str, Any], place_: tuple[str, int, int], told: str
) -> None:
    (problem,) = problems({"m.proto": OPTIONS + text}, **inputs)
    assert place(problem) == place_
    assert f"{problem.message}\n{problem.hint}" == told


def test_a_version_that_has_a_name_of_its_own_is_given_a_type_too(problems: Any) -> None:
    text = 'message PageEvent { option (raccoon.event).name = "page_v1"; }'
    (problem,) = problems(
        {
            "v1.proto": f"{OPTIONS}package shop.v1;\n{text}",
            "v2.proto": "package shop.v2; message PageEvent {}",
        }
    )
    assert place(problem)[0] == "v1.proto"
    assert "--exclude-events" not in problem.hint
    assert 'option (raccoon.event) = {name: "page_v1", type: "page_v1"};' in problem.hint


def test_a_way_out_is_not_into_another_clash(problems: Any) -> None:
    (problem,) = problems(
        {
            "m.proto": f"{OPTIONS}message PageEvent {{}} message FooEvent {{}} "
            'message Foo { option (raccoon.event) = {name: "foo_seen", type: "page"}; }'
        }
    )
    assert 'option (raccoon.event) = {name: "foo_seen", type: "foo_seen"};' in problem.hint


def test_packages_within_one_another(problems: Any) -> None:
    (problem,) = problems(
        {
            "a.proto": "package shop; message OrderEvent {}",
            "b.proto": "package shop.eu; message OrderEvent {}",
        }
    )
    assert "--exclude-events 'shop.OrderEvent'" in problem.hint
    assert "apart at shop.eu.OrderEvent" in problem.hint and '"order_eu"' in problem.hint


@pytest.mark.parametrize(
    ("files", "file", "says"),
    [
        (
            {"a-b.proto": "message A {}", "a_b.proto": "message B {}"},
            "a_b.proto",
            "its output a_b_pb.py meets a_b_pb.py of a-b.proto",
        ),
        (
            {
                "a.proto": "package Shop; message A {}",
                "b.proto": "package shop; message B {}",
            },
            "b.proto",
            "its output shop/ meets Shop/ of a.proto",
        ),
        (
            {"Order.proto": "message A {}", "order.proto": "message B {}"},
            "order.proto",
            "its output order_pb.py meets Order_pb.py of Order.proto",
        ),
        (
            {
                "a.proto": "package shop.b_pb; message A {}",
                "b.proto": "package shop; message B {}",
            },
            "b.proto",
            "its output shop/b_pb.py meets shop/b_pb/ of a.proto",
        ),
    ],
)
def test_outputs_that_meet(problems: Any, files: dict[str, str], file: str, says: str) -> None:
    (problem,) = problems(files)
    assert place(problem) == (file, 0, 0)
    assert problem.message == says
    assert problem.hint


@pytest.mark.parametrize(
    ("files", "place_", "says"),
    [
        (
            {
                "a.proto": "package p;\nmessage None {}",
                "b.proto": "package p;\nmessage None_ {}",
            },
            ("b.proto", 2, 9),
            "'None_' and 'None', a.proto:2:1, would both be None_ in Python",
        ),
        (
            {
                "a.proto": "package p.import;\nmessage A {}",
                "b.proto": "package p;\nmessage import_ {}",
            },
            ("b.proto", 2, 9),
            "'import_' would hide the output import_ of a.proto in Python",
        ),
        (
            {"a.proto": "package p;\nmessage a_pb {}"},
            ("a.proto", 2, 9),
            "'a_pb' would hide the output a_pb of a.proto in Python",
        ),
    ],
)
def test_names_that_meet(
    problems: Any, files: dict[str, str], place_: tuple[str, int, int], says: str
) -> None:
    (problem,) = problems(files)
    assert place(problem) == place_
    assert problem.message == says


def test_all_problems_are_told_at_once(problems: Any) -> None:
    found = problems(
        {
            "a.proto": OPTIONS + "message M {\n int32 a = 1 [(raccoon.field).auto = UUID];\n"
            ' int32 b = 2 [(raccoon.field).name = "None"];\n}',
            "b.proto": OPTIONS + 'message N { option (raccoon.event).type = " "; }',
        }
    )
    assert [place(p)[:2] for p in found] == [
        ("a.proto", 3),
        ("a.proto", 4),
        ("b.proto", 2),
    ]
