"""Schemas of others, and what must hold for any of them."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from pathlib import Path

import google.api
import pytest
from raccoon_codegen import build, model
from raccoon_codegen.build import Inputs

SITE_PACKAGES = Path(google.api.__path__[0]).parent.parent
GIVEN = tuple(
    SITE_PACKAGES / "google" / n for n in ("api", "type", "rpc", "longrunning", "logging")
)


@pytest.fixture(scope="module")
def googleapis() -> model.Package:
    return build.build(Inputs(schemas=GIVEN, import_roots=(SITE_PACKAGES,)))


def messages(module: model.Module) -> Iterator[model.Message]:
    waiting = list(module.messages)
    while waiting:
        message = waiting.pop()
        yield message
        waiting += message.messages


def test_all_files_are_there(googleapis: model.Package) -> None:
    paths = {module.path for module in googleapis.modules}
    assert len(paths) > 40
    assert {
        "google/api/http_pb.py",
        "google/type/money_pb.py",
        "google/rpc/status_pb.py",
    } <= paths
    # google.api.Service holds an Api, which holds the others; what is well known has no module.
    assert {path for path in paths if path.startswith("google/protobuf/")} == {
        "google/protobuf/api_pb.py",
        "google/protobuf/source_context_pb.py",
        "google/protobuf/type_pb.py",
    }


def test_every_line_is_python(googleapis: model.Package) -> None:
    for module in googleapis.modules:
        for message in messages(module):
            assert message.name.isidentifier()
            ast.parse(
                f"@{message.decorator}\nclass _({message.base}, {', '.join(message.keywords)}): ..."
            )
            for field in message.fields:
                ast.parse(
                    f"{field.name}: {field.annotation} = {field.call}({', '.join(field.arguments)})"
                )


def test_names_are_imported_or_defined(googleapis: model.Package) -> None:
    for module in googleapis.modules:
        known = {i.alias or i.name or i.module for i in module.imports}
        known |= {alias for alias, _ in module.aliases}
        known |= {t.name for t in (*module.enums, *module.messages)}
        known |= {
            "str",
            "int",
            "float",
            "bool",
            "bytes",
            "list",
            "dict",
            "True",
            "False",
        }
        for message in messages(module):
            for field in message.fields:
                line = f"({field.annotation}, {field.call}({', '.join(field.arguments)}))"
                used = {n.id for n in ast.walk(ast.parse(line)) if isinstance(n, ast.Name)}
                assert used <= known, (module.path, message.name, field.name)


def test_neither_order_nor_place_matters(
    googleapis: model.Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = list(GIVEN)
    random.Random(1).shuffle(given)
    assert build.build(Inputs(schemas=tuple(given), import_roots=(SITE_PACKAGES,))) == googleapis
    (tmp_path / "link").symlink_to(SITE_PACKAGES)
    elsewhere = tuple(Path("link") / path.relative_to(SITE_PACKAGES) for path in given)
    assert build.build(Inputs(schemas=elsewhere, import_roots=(Path("link"),))) == googleapis


def test_what_was_read(googleapis: model.Package) -> None:
    schema = SITE_PACKAGES / "google/api/annotations.proto"
    loaded = build.load(Inputs(schemas=(schema,), import_roots=(SITE_PACKAGES,)))
    read = {Path(path).relative_to(SITE_PACKAGES).as_posix() for path in loaded.paths()}
    assert read == {"google/api/annotations.proto", "google/api/http.proto"}
