"""docs/testing.md as a user follows it: its files in an empty folder, its tests run by pytest."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import grpclib
import pytest
import raccoon_runtime
from raccoon_runtime import collector
from raccoon_runtime.collector import Collector, control

from tests.collector.command import Running

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "testing.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
FILES = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder, with the README's schema generated and the guide's files written."""
    folder = tmp_path_factory.mktemp("project")
    (schema,) = re.findall(r"^```proto\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    (folder / "schemas").mkdir()
    (folder / "schemas" / "signup.proto").write_text(schema, "utf-8")
    run(sys.executable, "-m", "raccoon_codegen", "schemas", "-o", "generated", cwd=folder)
    for name, text in FILES:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(text)
    return folder


def test_its_tests_pass(project: Path) -> None:
    text = (
        "def test_it(impatient_collector):\n    assert impatient_collector.settings.event_ack == 0"
    )
    (project / "test_other_settings.py").write_text(text, "utf-8")
    # Without the one plugin that a project has to set up before it warns of nothing.
    pytest_alone = [sys.executable, "-m", "pytest", "-p", "no:asyncio", "-W", "error", "-q"]
    told = run(*pytest_alone, cwd=project)
    assert "6 passed" in told


def test_linters_find_nothing_in_it(tmp_path: Path) -> None:
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    fixtures = [text for name, text in FILES if name == "conftest.py"]
    # The last imports a client's module, which needs a generated package.
    for number, text in enumerate(text for text in fixtures if "import newsletter" not in text):
        (tmp_path / f"conftest_{number}.py").write_text(text, "utf-8")
    python = ["--pythonpath", sys.executable]
    run(sys.executable, "-m", "pyright", "--project", str(tmp_path), *python, cwd=tmp_path)
    run(sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F,I", ".", cwd=tmp_path)


def test_its_tests_notice_what_is_missing(project: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(project, broken)
    code = (broken / "accounts.py").read_text("utf-8")
    (broken / "accounts.py").write_text(code.replace("user_id=user_id", 'user_id="someone"'))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=broken,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 1
    assert "2 failed" in done.stdout


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("by_hand.py", r"1 signed_up\nws SignedUpEvent\(.*user_id='u-2'.*\)\n"),
        ("kill_it.py", r"(\w+) \[\]\n\1 \['signed_up'\]\n\w+ \['signed_up'\]\n"),
    ],
)
def test_its_programs_run(project: Path, name: str, told: str) -> None:
    output = run(sys.executable, "-W", "error", name, cwd=project)
    assert re.fullmatch(told, output), output


def test_its_lines_of_control() -> None:
    (talk,) = re.findall(
        r"^```\nraccoon-collector (.*?)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE
    )
    command, lines = talk
    arguments = command.replace("--ledger ledger.jsonl", "").split()
    _, *exchange = lines.splitlines()
    with Running(*arguments) as running:
        for asked, told in zip(exchange[::2], exchange[1::2], strict=True):
            assert running.tell(asked) == json.loads(told)


def test_it_names_every_fault() -> None:
    table = GUIDE[GUIDE.index("| fault |") :].split("\n\n")[0]
    named = set(re.findall(r"`([A-Z]\w+)\(", table))
    assert named == set(control.FAULTS)
    # As they are written there they can be made.
    values = {name: getattr(collector, name) for name in control.FAULTS}
    above = GUIDE[: GUIDE.index("| fault |")].split("\n\n")[-2]
    assert "`Code` in `raccoon_runtime`" in above and "`Status` in `grpclib`" in above
    values |= {"Code": raccoon_runtime.Code, "Status": grpclib.Status}
    for call in re.findall(r"`([A-Z]\w+\(.*?\))`", table):
        ast.parse(call, mode="eval")
        eval(call, values)


def test_the_fixture_names_its_address(
    raccoon_collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert os.environ["RACCOON_URL"] == raccoon_collector.ws_url


def test_the_address_is_gone_with_it() -> None:
    assert "RACCOON_URL" not in os.environ


def test_the_runtime_does_without_pytest() -> None:
    code = "import sys; sys.modules['pytest'] = None; import raccoon_runtime.collector.__main__"
    run(sys.executable, "-c", code, cwd=ROOT)
