"""mypy and pyright, strict: they find nothing in generated packages and every wrong use of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from raccoon_codegen import Config, Inputs, generate

HERE = Path(__file__).parent
CASES = HERE.parent / "cases"
SCHEMAS = HERE.parents[1] / "schemas"

MYPY = """\
[mypy]
strict = true
python_version = 3.10
warn_unreachable = true
enable_error_code = deprecated
incremental = false
"""

Errors = dict[str, dict[int, str]]
"""File → line → what was said of it."""


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the packages of `schemas/` and of the golden cases, and their users."""
    root = tmp_path_factory.mktemp("user")
    config = Config(inputs=Inputs(schemas=(SCHEMAS,)), out=root / "generated")
    for path, text in generate(config).items():
        (config.out / path).parent.mkdir(parents=True, exist_ok=True)
        (config.out / path).write_text(text, "utf-8")
    for case in CASES.glob("*/expected"):
        shutil.copytree(case, root / case.parent.name)
    for name in ("right.py", "wrong.py"):
        shutil.copy(HERE / name, root)
    return root


@pytest.fixture(scope="module")
def mypy(user: Path) -> Errors:
    (user / "mypy.ini").write_text(MYPY)
    done = _python(user, "mypy", "--no-error-summary", ".")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    errors: Errors = defaultdict(dict)
    for path, line, said in re.findall(r"(?m)^(.+?):(\d+): error: (.*)$", done.stdout):
        errors[path][int(line)] = said
    return errors


@pytest.fixture(scope="module")
def pyright(user: Path) -> Errors:
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.10"}
    (user / "pyrightconfig.json").write_text(json.dumps(settings))
    command = ["pyright", "--outputjson", "--pythonpath", sys.executable]
    done = _python(user, *command)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    errors: Errors = defaultdict(dict)
    for found in json.loads(done.stdout)["generalDiagnostics"]:
        if found["severity"] == "error":
            path = Path(found["file"]).relative_to(user.resolve()).as_posix()
            errors[path][found["range"]["start"]["line"] + 1] = found["message"]
    return errors


def _python(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True)


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_generated_packages_and_right_uses_are_clean(
    checker: str, request: pytest.FixtureRequest
) -> None:
    errors: Errors = request.getfixturevalue(checker)
    assert {path: said for path, said in errors.items() if path != "wrong.py"} == {}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_every_wrong_use_is_reported(checker: str, request: pytest.FixtureRequest) -> None:
    errors: Errors = request.getfixturevalue(checker)
    lines = (HERE / "wrong.py").read_text("utf-8").splitlines()
    marked = {number for number, line in enumerate(lines, 1) if line.endswith("# error")}
    assert len(marked) > 25
    reported = errors["wrong.py"]
    missed = [lines[number - 1].strip() for number in sorted(marked - reported.keys())]
    surplus = {lines[n - 1].strip(): said for n, said in reported.items() if n not in marked}
    assert (missed, surplus) == ([], {})
