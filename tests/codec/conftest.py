"""The schemas of these tests, made by our generator and by google's."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.codec import kinds

HERE = Path(__file__).parent
TEMPLATES = HERE.parent.parent / "codegen" / "raccoon_codegen"


@dataclass(frozen=True)
class Made:
    """Both packages: classes are attributes, by their names."""

    ours: Any
    theirs: Any
    folder: Path

    def pair(self, name: str) -> tuple[Any, Any]:
        return getattr(self.ours, name), getattr(self.theirs, name)


class _Theirs:
    """Google's modules as one."""

    def __init__(self, *modules: Any) -> None:
        self._modules = modules

    def __getattr__(self, name: str) -> Any:
        return next(getattr(module, name) for module in self._modules if hasattr(module, name))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("codec")
    schemas = folder / "codec_schemas"
    schemas.mkdir()
    (schemas / "kinds.proto").write_text(kinds.schema())
    (schemas / "shapes.proto").write_text((HERE / "schema" / "shapes.proto").read_text())
    make(schemas, folder)
    sys.path.insert(0, str(folder))
    try:
        ours = importlib.import_module("codec_ours.codec.v1")
        theirs = [importlib.import_module(name) for name in ("kinds_pb2", "shapes_pb2")]
        yield Made(ours, _Theirs(*theirs), folder)
    finally:
        sys.path.remove(str(folder))


def make(schemas: Path, folder: Path) -> None:
    """Run both generators."""
    generator = [sys.executable, "-m", "raccoon_codegen", str(schemas), "--quiet"]
    subprocess.run([*generator, "-o", str(folder / "codec_ours")], check=True, cwd=folder)
    options = [sys.executable, "-m", "raccoon_codegen", "--export-options", str(folder)]
    subprocess.run(options, check=True, cwd=folder)
    files = [path.name for path in schemas.glob("*.proto")]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{schemas}", f"-I{folder}"]
    command = [*protoc, f"--python_out={folder}", *files, "raccoon/options.proto"]
    subprocess.run(command, check=True, cwd=folder)
