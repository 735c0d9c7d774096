"""Schemas in a scratch directory, and what the front half of the generator makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from raccoon_codegen import build, model
from raccoon_codegen.errors import Problem, SchemaError


class Schemas(Protocol):
    """Writes files below the working directory and generates from it, or from `schemas`."""

    def __call__(self, files: Mapping[str, str], **inputs: Any) -> model.Package: ...


class Problems(Protocol):
    """Likewise, and gives back the problems found."""

    def __call__(self, files: Mapping[str, str], **inputs: Any) -> tuple[Problem, ...]: ...


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Schemas:
    monkeypatch.chdir(tmp_path)

    def generate(files: Mapping[str, str], **inputs: Any) -> model.Package:
        write(tmp_path, files)
        inputs.setdefault("schemas", (Path("."),))
        return build.build(build.Inputs(**inputs))

    return generate


@pytest.fixture
def problems(package: Schemas) -> Problems:
    def find(files: Mapping[str, str], **inputs: Any) -> tuple[Problem, ...]:
        with pytest.raises(SchemaError) as caught:
            package(files, **inputs)
        return caught.value.problems

    return find


def write(directory: Path, files: Mapping[str, str]) -> None:
    """A file without a `syntax` or an `edition` is proto3, on its first line still."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        head = "" if "syntax" in text or "edition" in text else 'syntax = "proto3"; '
        path.write_text(head + text, encoding="utf-8")


@pytest.fixture
def only(package: Schemas) -> Any:
    """The one message of a schema's body."""

    def message(body: str, name: str = "M") -> model.Message:
        (module,) = package({"m.proto": body}).modules
        return next(m for m in module.messages if m.name == name)

    return message
