"""The Python in docs/ type-checks as strictly as a user's, and runs.

What needs more than a client runs in tests of its own: the recipes under their servers, the guide
to testing under pytest, a row of the fault matrix among the others.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = """\
import asyncio
from generated import AsyncEventClient, EventClient, PageEvent
from raccoon_runtime import Undelivered
from raccoon_runtime.message import Message

"""
ELSEWHERE = {"faults", "recipes", "testing"}
BEFORE = "# before"
"""How a block of another client's code starts."""


def blocks() -> dict[str, str]:
    """The blocks by document and number, with what the text around them takes as given."""
    found: dict[str, str] = {}
    documents = {path.stem: path for path in sorted((ROOT / "docs").glob("*.md"))}
    for document in (documents[stem] for stem in sorted(documents.keys() - ELSEWHERE)):
        texts = re.findall(r"^```python\n(.*?)^```$", document.read_text("utf-8"), re.M | re.S)
        for number, text in enumerate(t for t in texts if not t.startswith(BEFORE)):
            if re.search(r"\b(await|async with|async for) ", text) and "async def" not in text:
                inner = textwrap.indent(text, "    ")
                text = f"async def main() -> None:\n{inner}\n\nasyncio.run(main())\n"
            # `null://` answers as a server would; the README's own blocks meet a collector.
            text = re.sub(r'"\w+://localhost[^"]*"', '"null://"', text)
            found[f"{document.stem}_{number}"] = NAMES + text
    return found


BLOCKS = blocks()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guides")
    (folder / "generated").symlink_to(ROOT / "generated")
    for name, code in BLOCKS.items():
        (folder / f"{name}.py").write_text(code, "utf-8")
    return folder


def python(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def test_there_are_some() -> None:
    assert len(BLOCKS) > 3


@pytest.mark.parametrize("name", BLOCKS)
def test_it_runs(name: str, folder: Path) -> None:
    python(folder, "-W", "error", f"{name}.py")


def test_it_type_checks(folder: Path) -> None:
    python(folder, "-m", "mypy", "--strict", *(f"{name}.py" for name in BLOCKS))
