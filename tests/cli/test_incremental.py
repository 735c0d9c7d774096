"""A run that leaves out what the last one made ends with what a run from nothing would make."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raccoon_codegen import Config, Inputs, SchemaError, generate, modules, run

from .conftest import age

OPTIONS = 'import "raccoon/options.proto";\n'
SCHEMAS = {
    "schemas/base.proto": "package base;\nenum Kind {\n  NONE = 0;\n}\nmessage Money {\n}\n",
    "schemas/mid.proto": 'package mid;\nimport public "base.proto";\nmessage Price {\n}\n',
    "schemas/top.proto": f'package top;\nimport "mid.proto";\n{OPTIONS}message TopEvent {{\n'
    "  base.Kind kind = 1;\n  base.Money money = 2;\n  mid.Price price = 3;\n}\n",
    "schemas/other.proto": 'package other;\nimport "lib.proto";\nmessage OtherEvent {\n'
    "  lib.Used used = 1;\n}\nmessage Plain {\n  string text = 1;\n}\n",
    "schemas/more.proto": 'package more;\nimport "lib.proto";\nmessage More {\n}\n',
    "lib/lib.proto": "package lib;\nmessage Used {\n}\nmessage Unused {\n}\n",
}
EDITS = [
    ("schemas/base.proto", "NONE", "NIL"),
    ("schemas/base.proto", "enum Kind {\n  NONE = 0;\n}", "message Kind {}"),
    ("schemas/base.proto", "package base;", "// Said of the file.\npackage base;"),
    ("schemas/base.proto", "message Money {", "message TopEvent {}\nmessage Money {"),
    ("schemas/base.proto", "message Money {", "message Money {\n  message Inner {}"),
    ("schemas/mid.proto", "Price {\n", "Price {\n  // Said of it.\n  string text = 1;\n"),
    ("schemas/mid.proto", "package mid;", "package mid;\noption deprecated = true;"),
    ("schemas/top.proto", "TopEvent {\n", "TopEvent {\n  option (raccoon.event).type = 'x';\n"),
    ("schemas/top.proto", "TopEvent {\n", "TopEvent {\n  option (raccoon.event).skip = true;\n"),
    ("schemas/top.proto", " money = 2", " sum = 2 [(raccoon.field).required = true]"),
    ("schemas/other.proto", "string text", "bytes text"),
    ("schemas/other.proto", "package other;", "package base;"),
    ("schemas/more.proto", "More {\n", "More {\n  lib.Unused unused = 1;\n"),
    ("lib/lib.proto", "message Unused {\n", "message Unused {\n  Used used = 1;\n"),
    ("lib/lib.proto", "package lib;", "package lib;\noption java_package = 'x';"),
]


class Team:
    """A directory whose schemas are edited, and generated from after each edit."""

    def __init__(self, root: Path) -> None:
        self.root = root
        schemas, lib = root / "schemas", root / "lib"
        inputs = Inputs(schemas=(schemas,), import_roots=(lib,))
        self.config = Config(inputs=inputs, out=root / "generated")

    def write(self, edits: set[int]) -> None:
        for path, text in SCHEMAS.items():
            for number in sorted(edits):
                file, old, new = EDITS[number]
                text = text.replace(old, new) if file == path else text
            text = f'syntax = "proto3";\n{text}'
            target = self.root / path
            target.parent.mkdir(exist_ok=True)
            if not target.exists() or target.read_text("utf-8") != text:
                target.write_text(text, "utf-8")

    def generate(self) -> None:
        run.compare(self.config, lambda _: None).apply()

    def files(self) -> dict[str, str]:
        out = self.config.out
        found = (path for path in out.rglob("*") if path.is_file())
        return {path.relative_to(out).as_posix(): path.read_text("utf-8") for path in found}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        team = Team(tmp_path_factory.mktemp("team"))
        team.write(set())
        age(team.root)
        team.generate()
        yield team


@given(steps=st.lists(st.integers(0, len(EDITS) - 1), min_size=1, max_size=3))
def test_any_sequence_of_edits(team: Team, steps: list[int]) -> None:
    edits: set[int] = set()
    for step in steps:
        edits ^= {step}
        team.write(edits)
        try:
            expected = generate(team.config)
        except SchemaError as error:
            before = team.files()
            with pytest.raises(SchemaError, match=f"^{re.escape(str(error))}$"):
                team.generate()
            assert team.files() == before
        else:
            team.generate()
            assert team.files() == expected


def test_what_imports_nothing_that_changed_is_not_built(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.write(set())
    team.generate()
    built: list[str] = []
    build = modules.build

    def noted(file: object, *rest: object) -> object:
        built.append(file.path)  # type: ignore[attr-defined]
        return build(file, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(modules, "build", noted)
    team.write({5})
    team.generate()
    # What was not given, but found as an import, depends on all that import it.
    assert [os.path.basename(path) for path in built] == ["lib_pb.py", "mid_pb.py", "top_pb.py"]
