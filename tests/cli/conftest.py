"""A team's repository, and the command run in it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from raccoon_codegen import run
from raccoon_codegen.cli import command

PAGE = """\
syntax = "proto3";

package shop.v1;

// A page was shown.
message PageEvent {
  string name = 1;
}
"""
CLICK = PAGE.replace("Page", "Click").replace("A page was shown", "Something was clicked")


@dataclass(frozen=True)
class Project:
    """A directory with `schemas/`; the command runs in it."""

    root: Path

    @property
    def out(self) -> Path:
        return self.root / "generated"

    def schema(self, name: str, text: str = PAGE) -> Path:
        path = self.root / "schemas" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def run(self, *arguments: str) -> Result:
        """The command in this process, told where schemas are and where output goes."""
        return self.bare("schemas", "-o", "generated", *arguments)

    def bare(self, *arguments: str) -> Result:
        result = CliRunner().invoke(command, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result

    def process(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The command in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "raccoon_codegen", *arguments],
            cwd=self.root,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )

    def files(self) -> dict[str, str]:
        """What is in the output directory, by path."""
        return {
            path.relative_to(self.out).as_posix(): path.read_text("utf-8")
            for path in sorted(self.out.rglob("*"))
            if path.is_file()
        }

    def times(self) -> dict[str, tuple[int, int]]:
        """Which file it is, and when it was written."""
        found = {path: (self.out / path).stat() for path in self.files()}
        return {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in found.items()}


def age(directory: Path) -> None:
    """Let it be a while since the files changed: their clock ticks slower than ours."""
    newest = max(path.stat().st_ctime_ns for path in directory.rglob("*"))
    probe = directory.parent / "probe"
    while True:
        probe.touch()
        if probe.stat().st_ctime_ns > newest + run.TICK:
            probe.unlink()
            return


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """One event, not generated yet, and a cache of its own."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = Project(root)
    project.schema("shop/v1/page.proto")
    return project
