"""Golden cases: a directory each, found and not listed. `pytest tests/cases --update` rewrites what
is expected.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from raccoon_codegen.cli import command

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/input"))

# Schemas and what is made of them are no tests, whatever their names.
collect_ignore_glob = ["*/*"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden cases' expectations")


@dataclass(frozen=True)
class Case:
    """One directory: `input/`, perhaps `args.txt` or `pyproject.toml`, and `expected/` or
    `stderr.txt`.
    """

    directory: Path

    @property
    def expected(self) -> Path:
        return self.directory / "expected"

    @property
    def stderr(self) -> Path:
        return self.directory / "stderr.txt"

    @property
    def arguments(self) -> list[str]:
        given = self.directory / "args.txt"
        if given.exists():
            return shlex.split(given.read_text("utf-8"))
        return [] if (self.directory / "pyproject.toml").exists() else ["input"]

    def files(self) -> dict[str, str]:
        """What is expected, by path."""
        return tree(self.expected)


def tree(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes().decode()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.parent.name != "__pycache__"
    }


@pytest.fixture(params=CASES, ids=lambda path: path.name)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


@pytest.fixture
def generate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Case], tuple[Result, Path]]:
    """Runs the command in a copy of the case; gives its result and its output directory."""

    def run(case: Case) -> tuple[Result, Path]:
        copy = tmp_path / "case"
        shutil.copytree(
            case.directory,
            copy,
            ignore=shutil.ignore_patterns("expected", "stderr.txt"),
        )
        monkeypatch.chdir(copy)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        return CliRunner().invoke(command, [*case.arguments, "-o", "out"]), copy / "out"

    return run
