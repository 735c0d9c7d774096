"""Each case gives what it is expected to give, and that is what black would make of it."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from pathlib import Path

import black
import pytest
from click.testing import Result
from raccoon_codegen.header import LEAVE_ALONE, is_ours

from .conftest import CASES, Case, tree

Generate = Callable[[Case], tuple[Result, Path]]


def test_output(case: Case, generate: Generate, request: pytest.FixtureRequest) -> None:
    result, out = generate(case)
    if request.config.getoption("update", default=False):
        _update(case, result, out)
    assert case.expected.exists() != case.stderr.exists(), "a case expects files or an error"
    if case.stderr.exists():
        assert (result.exit_code, result.stderr) == (2, case.stderr.read_text("utf-8"))
        assert not out.exists()
    else:
        assert (result.exit_code, result.stderr) == (0, "")
        assert tree(out) == case.files()
    assert result.stdout == ""


def _update(case: Case, result: Result, out: Path) -> None:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    shutil.rmtree(case.expected, ignore_errors=True)
    case.stderr.unlink(missing_ok=True)
    if result.exit_code == 0:
        shutil.copytree(out, case.expected)
    else:
        case.stderr.write_text(result.stderr, "utf-8")


def test_black_leaves_it_as_it_is(case: Case) -> None:
    for path, source in case.files().items():
        if path.endswith(".py"):
            bare = source.replace(LEAVE_ALONE, "", 1)
            assert bare != source, f"{path} does not tell other tools to leave it alone"
            assert black.format_str(bare, mode=black.Mode()) == bare, path
            assert black.format_str(source, mode=black.Mode()) == source, path


def test_every_file_is_marked_and_python_3_10(case: Case) -> None:
    for path, source in case.files().items():
        if path == "py.typed":
            assert source == ""
        else:
            assert is_ours(source.encode()), path
            ast.parse(source, path, feature_version=(3, 10))


def test_there_are_cases() -> None:
    assert len(CASES) > 10
