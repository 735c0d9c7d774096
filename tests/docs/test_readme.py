"""Every block of code in the README runs, in the order in which a newcomer meets it, in an empty
folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


@dataclass(frozen=True)
class Block:
    language: str
    text: str


def blocks(language: str) -> list[str]:
    return [block.text for block in BLOCKS if block.language == language]


BLOCKS = [
    Block(language, textwrap.dedent(text))
    for language, text in re.findall(r"^ *```(\w+)\n(.*?)^ *```$", README, re.DOTALL | re.MULTILINE)
]
GENERATE = "raccoon-codegen schemas/ -o generated/"
COLLECT = "raccoon-collector --schemas schemas/"
# Commands that other tests run: the suite is itself `make test`; the demo and the installation have
# theirs.
ELSEWHERE = {"make demo", "make test", "pip install '.[codegen]'"}


def shell(command: str) -> list[str]:
    name, *arguments = command.split()
    return [str(Path(sys.executable).parent / name), *arguments]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder, after the README's schema was written and its generator ran."""
    folder = tmp_path_factory.mktemp("newcomer")
    (schema,) = blocks("proto")
    where = re.match(r"// (schemas/\S+)\n", schema)
    assert where is not None
    path = folder / where[1]
    path.parent.mkdir(parents=True)
    path.write_text(schema)
    done = subprocess.run(shell(GENERATE), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@dataclass(frozen=True)
class Running:
    """A collector that the README's command started, on ports of the system's choice."""

    http: str
    grpc: str


@pytest.fixture(scope="module")
def collector(project: Path) -> Iterator[Running]:
    command = [*shell(COLLECT), "--http-port", "0", "--grpc-port", "0"]
    process = subprocess.Popen(
        command,
        cwd=project,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        http = grpc = ""
        while not (http and grpc):
            line = process.stdout.readline()
            assert line, "the collector ended"
            http = http or "".join(re.findall(r"\bhttp://(\S+?:\d+)", line)[:1])
            grpc = grpc or "".join(re.findall(r"\bgrpc://(\S+?:\d+)", line)[:1])
        yield Running(http, grpc)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_every_shell_command_is_run_by_a_test() -> None:
    commands = {
        line.split("#")[0].strip()
        for text in blocks("sh")
        for line in text.splitlines()
        if line.strip()
    }
    assert commands == ELSEWHERE | {GENERATE, COLLECT}


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_runs(number: int, project: Path, collector: Running) -> None:
    """As pasted, but for the ports, which are the system's choice here."""
    code = blocks("python")[number]
    code = code.replace("localhost:8080", collector.http).replace("localhost:8081", collector.grpc)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    if "print(ack" in code:
        assert re.fullmatch(r"CODE_OK [0-9a-f-]{32,36}\n", done.stdout), done.stdout


def test_python_type_checks(project: Path) -> None:
    """A newcomer's editor finds nothing to complain of."""
    for number, code in enumerate(blocks("python")):
        (project / f"block_{number}.py").write_text(code)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        *(f"block_{n}.py" for n in range(len(blocks("python")))),
    ]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_settings_make_the_plain_command_work(project: Path) -> None:
    """`[tool.raccoon-codegen]` as it is shown, and `--check` agrees with what the flags made."""
    (settings,) = blocks("toml")
    (project / "pyproject.toml").write_text(settings)
    done = subprocess.run(
        shell("raccoon-codegen --check"), cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_hook_that_is_shown_is_the_hook_that_is_offered() -> None:
    (shown,) = blocks("yaml")
    offered = (ROOT / ".pre-commit-hooks.yaml").read_text()
    assert re.findall(r"- id: (\S+)", shown) == re.findall(r"- id: (\S+)", offered)


def test_every_link_into_the_repository_leads_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"
