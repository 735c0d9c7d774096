"""What docs/schemas.md says, row by row: its examples are generated, its commands are run."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from raccoon_codegen import Config, Inputs, SchemaError, config, generate
from raccoon_codegen.cli import command
from raccoon_runtime import RaccoonError
from raccoon_runtime.well_known import NULL

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "schemas.md").read_text("utf-8")
IMPORTS = "".join(
    f'import "{name}.proto";\n'
    for name in (
        "raccoon/options",
        *(f"google/protobuf/{n}" for n in ("any", "duration", "empty", "field_mask", "struct")),
        *(f"google/protobuf/{n}" for n in ("timestamp", "wrappers")),
    )
)
_numbers = itertools.count()


def table(section: str) -> list[list[str]]:
    """The rows of the first table below a heading; code's backticks stay, escapes go."""
    below = TEXT.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in below.splitlines() if line.startswith("|")]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines[2:]]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in rows]


def code(cell: str) -> list[str]:
    return re.findall(r"`+(?:`` )?(.+?)`+", cell)


def block(language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    return str(text)


def write(root: Path, name: str, body: str, package: str = "acme.v1") -> None:
    path = root / "schemas" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f'syntax = "proto3";\npackage {package};\n{IMPORTS}'
    path.write_text(head + body, "utf-8")


def files(root: Path, **inputs: Any) -> dict[str, str]:
    made = Inputs(schemas=(root / "schemas",), **inputs)
    return generate(Config(inputs=made, out=root / "generated"))


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Generates from a schema's body, and imports the package under a name of its own."""
    names: list[str] = []

    def make(body: str) -> Any:
        write(tmp_path, "m.proto", body)
        name = f"generated_{next(_numbers)}"
        for path, text in files(tmp_path).items():
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
        names.append(name)
        monkeypatch.syspath_prepend(tmp_path)
        return importlib.import_module(name)

    yield make
    for loaded in [m for m in sys.modules if m.split(".")[0] in names]:
        del sys.modules[loaded]


EVENTS = table("What becomes an event")


@pytest.mark.parametrize("row", EVENTS[:-1], ids=lambda row: row[0])
def test_what_becomes_an_event(row: list[str], tmp_path: Path) -> None:
    schema, method, type = (code(cell) for cell in row)
    write(tmp_path, "m.proto", schema[0] if "{" in schema[0] else f"{schema[0]} {{}}")
    client = files(tmp_path).get("client.py", "")
    assert sorted(set(re.findall(r"def (send_\w+)", client))) == method
    assert re.findall(r'^        "(.+?)": "', client, re.MULTILINE) == type


def test_what_becomes_none(tmp_path: Path) -> None:
    assert EVENTS[-1][0].startswith("`message Event`, `enum PageEvent`, a message inside another")
    write(
        tmp_path, "m.proto", "message Event { message PageEvent {} }\nenum PageEvent { ZERO = 0; }"
    )
    assert "client.py" not in files(tmp_path)


def test_schemas_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command and the settings that are shown, on schemas that they fit."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "a.proto", "message Login {}\nmessage PageEvent {}", "acme.audit.v1")
    write(tmp_path, "b.proto", "message OldEvent {}", "acme.legacy")
    write(tmp_path, "c.proto", "message PageEvent {}", "acme.v2")
    (tmp_path / "vendor").symlink_to("schemas")

    def methods(*arguments: str) -> list[str]:
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 0, result.output
        client = (tmp_path / "generated/client.py").read_text("utf-8")
        return sorted(set(re.findall(r"def (send_\w+)", client)))

    name, *arguments = block("sh").replace("'", "").split()
    assert name == command.name
    assert methods(*arguments) == ["send_login_event", "send_old_event", "send_page_event"]
    (tmp_path / "pyproject.toml").write_text(block("toml"))
    assert methods() == ["send_login_event", "send_page_event", "send_page_v2_event"]
    assert '"page-v2": ".acme.v2.c_pb:PageEvent"' in files(tmp_path, **_overrides())["client.py"]


def _overrides() -> dict[str, Any]:
    settings = config.of_project(Path.cwd())
    return {"overrides": settings.overrides, "exclude_events": settings.exclude_events}


FIELDS = {
    "`int32` `sint64` `fixed32` …": [("int32", "int", "0"), ("fixed32", "int", "0")],
    "`float` `double`": [("float", "float", "0.0"), ("double", "float", "0.0")],
    "`bool` `string` `bytes`": [
        ("bool", "bool", "False"),
        ("string", "str", '""'),
        ("bytes", "bytes", 'b""'),
    ],
    "`optional` scalars and enums, members of a `oneof`": [
        ("optional int32", "int | None", "None"),
        ("optional Kind", "Kind | None", "None"),
    ],
    "a message": [("Other", "Other | None", "None")],
    "an enum": [("Kind", "Kind", "Kind.ZERO")],
    "`repeated`": [("repeated Other", "list[Other]", "[]")],
    "`map<K, V>`": [("map<string, Other>", "dict[str, Other]", "{}")],
    "`google.protobuf.Timestamp`": [("", "datetime | None", "None")],
    "`google.protobuf.Duration`": [("", "timedelta | None", "None")],
    "`google.protobuf.StringValue` and the other wrappers": [
        ("google.protobuf.StringValue", "str | None", "None")
    ],
    "`google.protobuf.Struct`, `ListValue`": [
        ("google.protobuf.Struct", "dict[str, JsonValue] | None", "None"),
        ("google.protobuf.ListValue", "list[JsonValue] | None", "None"),
    ],
    "`google.protobuf.Value`": [("", "JsonValue | None", "None")],
    "`google.protobuf.Any`, `FieldMask`, `Empty`": [
        ("google.protobuf.Any", "well_known.Any | None", "None"),
        ("google.protobuf.FieldMask", "well_known.FieldMask | None", "None"),
        ("google.protobuf.Empty", "well_known.Empty | None", "None"),
    ],
}


@pytest.mark.parametrize("row", table("Types"), ids=lambda row: row[0])
def test_types(row: list[str], imported: Any) -> None:
    for proto, annotation, unset in FIELDS[row[0]]:
        proto = proto or code(row[0])[0]
        package = imported(
            f"message Other {{}}\nenum Kind {{ ZERO = 0; }}\nmessage M {{ {proto} f = 1; }}"
        )
        (field,) = dataclasses.fields(package.M)
        assert field.type == annotation
        assert package.M().f == eval(unset, {"Kind": package.Kind})


def test_every_row_of_types_is_tested() -> None:
    assert [row[0] for row in table("Types")] == list(FIELDS)


def test_what_is_said_of_types(imported: Any) -> None:
    package = imported(
        "message M { oneof o { int32 a = 1; string b = 2; } Kind kind = 3;\n"
        "  google.protobuf.Timestamp at = 4; google.protobuf.Duration took = 5;\n"
        "  google.protobuf.Value value = 6;\n"
        "  // Said of it.\n  int32 said = 8; }\n// Said of the enum.\nenum Kind { ZERO = 0; }"
    )
    M = package.M
    unknown = M.parse(bytes([3 << 3, 99]))
    assert (unknown.kind, unknown.kind.name) == (99, "")
    for data in (b"\x22\x04\x08\x01\x10\x01", b"\x2a\x04\x08\x01\x10\x01"):
        assert bytes(M.parse(data)) == data
    assert M.parse(b"\x22\x04\x08\x01\x10\x01").at.nanosecond == 1
    assert M.parse(b"\x2a\x04\x08\x01\x10\x01").took.nanoseconds == 1
    assert M.from_json('{"value": null}').value is NULL
    assert M(a=0).is_set("a") and not M().is_set("a")
    assert M(b="x").which_one_of("o") == ("b", "x")
    assert package.Kind.__doc__ == "Said of the enum."
    with pytest.raises(RaccoonError):
        bytes(M(a=1, b="x"))


def test_what_warns_of_being_deprecated(imported: Any) -> None:
    package = imported(
        "message OldEvent { option deprecated = true; }\n"
        "message NewEvent { int32 old = 1 [deprecated = true]; Kind kind = 2; }\n"
        "enum Kind { option deprecated = true; ZERO = 0; ONE = 1 [deprecated = true]; }"
    )
    with package.EventClient.connect("null://") as client:
        for does, what in [
            (package.OldEvent, "OldEvent"),
            (client.send_old_event, "OldEvent"),
            (lambda: package.NewEvent(old=1), "NewEvent.old"),
            (lambda: client.send_new_event(old=1), "NewEvent.old"),
        ]:
            said = re.escape(f"acme.v1.{what} is deprecated")
            with pytest.warns(DeprecationWarning, match=f"^{said}") as warned:
                does()
            assert [warning.filename for warning in warned] == [__file__]
        # Warnings are errors: nothing here gives one.
        new = package.NewEvent(kind=package.Kind.ONE)
        new.old = new.old + 1
        package.NewEvent.parse(bytes(new))
        package.OldEvent.from_json("{}")
        client.send_new_event(new)
    assert "Deprecated." in package.Kind.__doc__


@pytest.mark.parametrize(
    "body",
    [
        'syntax = "proto2"; message M { optional group G = 1 {} }',
        'syntax = "proto2"; message M { required int32 x = 1; }',
        'syntax = "proto2"; message M { extensions 1 to 9; } extend M { optional int32 x = 1; }',
    ],
)
def test_what_is_not_supported_is_an_error_at_its_place(body: str, tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/m.proto").write_text(body)
    with pytest.raises(SchemaError, match=r"m\.proto:1:\d+: .*not supported"):
        files(tmp_path)


OPTIONS = {
    '`(raccoon.event) = { type: "…" }`': 'message M { option (raccoon.event) = { type: "x" }; }',
    '`(raccoon.event) = { name: "…" }`': 'message M { option (raccoon.event) = { name: "x" }; }',
    "`(raccoon.event) = { skip: true }`": "message M { option (raccoon.event) = { skip: true }; }",
    "`(raccoon.field) = { required: true }`": "message M { string x = 1 [OPTION]; }",
    "`(raccoon.field) = { auto: UUID }`": "message M { string x = 1 [OPTION]; }",
    "`(raccoon.field) = { auto: NOW }`": "message M { google.protobuf.Timestamp x = 1 [OPTION]; }",
    '`(raccoon.field) = { name: "…" }`': 'message M { string x = 1 [(raccoon.field).name = "y"]; }',
}


def test_every_option_is_there(tmp_path: Path) -> None:
    rows = [row[0] for row in table("Options")]
    assert rows == list(OPTIONS)
    for number, row in enumerate(rows):
        body = (
            OPTIONS[row]
            .replace("OPTION", code(row)[0])
            .replace("message M ", f"message M{number} ")
        )
        write(tmp_path, f"m{number}.proto", body)
    made = "".join(files(tmp_path).values())
    for said in ("send_x_event", "required=True", 'auto="uuid"', 'auto="now"', 'name="x"'):
        assert said in made
    shipped = Path(config.__file__).parent / "proto/raccoon/options.proto"
    messages = shipped.read_text("utf-8").partition("\nextend ")[0]
    fields = re.findall(r"^  (?:\w+ )+([a-z]+) = \d+;", messages, re.MULTILINE)
    assert set(fields) == set(re.findall(r"\{ (\w+):", " ".join(rows)))


DECLARED = {
    "field": "message M {{ string {0} = 1 [json_name = 'j']; }}",
    "enum value": "message M {{ enum E {{ ZERO = 0; {0} = 1; }} }}",
    "message": "message {0} {{ string x = 1; }}",
}
DEFINED = {"field": r"^    {}: ", "enum value": r"^        {} = 1$", "message": r"^class {}\("}
NAMES = [[*row[1].partition(" `")[::2], code(row[2])[0]] for row in table("Names")]


@pytest.mark.parametrize(("kind", "name", "python"), NAMES)
def test_names(kind: str, name: str, python: str, tmp_path: Path) -> None:
    name, _, rest = name.partition("`")
    if kind == "package":
        write(tmp_path, "m.proto", "message M {}", name)
        assert f"{python}/m_pb.py" in files(tmp_path)
        return
    if kind == "file":
        write(tmp_path, name, "message M {}", *code(rest))
        assert python in files(tmp_path)
        return
    if "." in name:
        outer, inner = name.split(".")
        write(tmp_path, "m.proto", f"message {outer} {{ message {inner} {{}} }}")
        assert f"    class {inner}(" in files(tmp_path)["acme/v1/m_pb.py"]
        return
    body = DECLARED[kind].format(name)
    write(tmp_path, "m.proto", body)
    source = files(tmp_path)["acme/v1/m_pb.py"]
    assert re.search(DEFINED[kind].format(re.escape(python)), source, re.MULTILINE), source
    assert (f"Named `{name}` in the schema." in source) == (name != python)


def test_a_name_that_is_not_unique_is_imported_from_its_own_package(tmp_path: Path) -> None:
    write(tmp_path, "one.proto", "message Item {}\nmessage Only {}", "shop.v1")
    write(tmp_path, "two.proto", "message Item {}", "shop.v2")
    made = files(tmp_path)
    assert "import Only as Only" in made["__init__.py"]
    assert re.findall(".*Item.*", made["__init__.py"]) == ["- Item: .shop.v1, .shop.v2"]
    assert "import Item as Item" in made["shop/v2/__init__.py"]


def test_every_option_and_setting_of_the_command_is_told() -> None:
    rows = table("The command")
    told = [option for row in rows for option in code(row[0])]
    flags = [flag for parameter in command.params for flag in parameter.opts]
    assert sorted(told) == sorted({"SCHEMAS…", "-h", "--help", *flags} - {"schemas"})
    assert sorted(key for row in rows for key in code(row[1])) == sorted(config.KEYS)


def test_the_command_runs_as_a_process(tmp_path: Path) -> None:
    """Exit codes: 0 done, 1 a difference, 2 something wrong."""
    write(tmp_path, "m.proto", "message PageEvent {}")

    def run(*arguments: str) -> int:
        line = [sys.executable, "-m", "raccoon_codegen", "schemas", "-o", "generated", *arguments]
        return subprocess.run(line, cwd=tmp_path, capture_output=True, check=False).returncode

    assert [run("--check"), run("--diff"), run("--fail-on-change"), run("--check")] == [1, 0, 1, 0]
    write(tmp_path, "m.proto", "message PageEvent {")
    assert run() == 2
