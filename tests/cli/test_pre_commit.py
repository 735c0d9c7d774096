"""The hook, run by pre-commit itself in a repository of its own; it installs what it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import CLICK, PAGE

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]
SETTINGS = """\
[tool.raccoon-codegen]
schemas = ["schemas"]
out = "generated"
"""


class Repository:
    """A git repository and a home of its own, so that nobody's settings or caches take part."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        root.mkdir()
        home.mkdir(exist_ok=True)
        kept = ("PATH", "LANG", "TMPDIR", "PIP_INDEX_URL", "PIP_CERT", "SSL_CERT_FILE")
        environment = {k: v for k, v in os.environ.items() if k in kept or "proxy" in k.lower()}
        author = {
            f"GIT_{who}_{what}": "x@example.com"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        self.environment = {**environment, **author, "HOME": str(home)}
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> str:
        return self._run("git", *arguments, check=True).stdout

    def commit(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self._run("git", "commit", "--message", "x", *options)

    def _run(self, *command: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, "utf-8")

    def untracked(self) -> str:
        return self.git("ls-files", "--others", "--exclude-standard")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Path:
    """This checkout as a repository with one commit, as pre-commit wants hooks."""
    hook = Repository(tmp_path_factory.mktemp("hook") / "raccoon-codegen", home)
    for name in (
        ".pre-commit-hooks.yaml",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
    ):
        shutil.copy(CHECKOUT / name, hook.root)
    for name in ("codegen", "runtime", "templates"):
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(CHECKOUT / name, hook.root / name, ignore=ignored)
    hook.git("add", "--all")
    assert hook.commit("--quiet").returncode == 0
    hook.git("tag", "v0.0.0")
    return hook.root


@pytest.fixture
def repository(tmp_path: Path, home: Path, hook: Path) -> Repository:
    """A team's repository that uses the hook; nothing is generated yet, everything is added."""
    repository = Repository(tmp_path / "team", home)
    config = f"repos:\n  - repo: {hook}\n    rev: v0.0.0\n    hooks:\n      - id: raccoon-codegen\n"
    repository.write(".pre-commit-config.yaml", config)
    repository.write("pyproject.toml", SETTINGS)
    repository.write("schemas/shop/v1/page.proto", PAGE)
    repository._run(sys.executable, "-m", "pre_commit", "install", "--install-hooks", check=True)
    repository.git("add", "--all")
    return repository


def test_a_team_at_work(repository: Repository) -> None:
    # The first generation leaves files that git does not know yet, and fails the commit.
    first = repository.commit()
    assert first.returncode == 1
    assert "generated: 6 files written; add what changed to the commit" in first.stderr
    assert "generated/client.py" in repository.untracked()

    repository.git("add", "generated")
    assert repository.commit().returncode == 0
    assert repository.git("status", "--porcelain") == ""

    # A changed schema generates the package again, and fails the commit.
    repository.write("schemas/shop/v1/page.proto", PAGE.replace("string name", "string title"))
    changed = repository.commit("--all")
    assert changed.returncode == 1
    assert "2 files written" in changed.stderr
    assert "title: str" in (repository.root / "generated/shop/v1/page_pb.py").read_text("utf-8")
    assert repository.commit("--all").returncode == 0

    # A new schema's new file does not slip by.
    repository.write("schemas/shop/v1/click.proto", CLICK)
    repository.git("add", "schemas")
    assert repository.commit().returncode == 1
    assert repository.untracked() == "generated/shop/v1/click_pb.py\n"
    repository.git("add", "--all")
    assert repository.commit().returncode == 0

    # Neither does a schema that is removed, nor what is edited by hand.
    repository.git("rm", "--quiet", "schemas/shop/v1/click.proto")
    assert repository.commit().returncode == 1
    assert not (repository.root / "generated/shop/v1/click_pb.py").exists()
    repository.git("add", "--all")
    assert repository.commit().returncode == 0
    page = (repository.root / "generated/shop/v1/page_pb.py").read_text("utf-8")
    repository.write("generated/shop/v1/page_pb.py", page.replace("title", "caption"))
    assert repository.commit("--all").returncode == 1
    assert (repository.root / "generated/shop/v1/page_pb.py").read_text("utf-8") == page

    # What has nothing to do with schemas goes through.
    repository.write("README.md", "Hello.\n")
    repository.git("add", "README.md")
    assert repository.commit().returncode == 0

    # A wrong schema is told with its place.
    repository.write("schemas/shop/v1/page.proto", PAGE.replace("string", "strin"))
    wrong = repository.commit("--all")
    assert wrong.returncode == 1
    assert 'schemas/shop/v1/page.proto:7:3: "strin" is not defined.' in wrong.stderr


def test_arguments_and_third_party_import_roots(repository: Repository) -> None:
    repository.write("pyproject.toml", '[project]\nname = "team"\n')
    config = (repository.root / ".pre-commit-config.yaml").read_text("utf-8")
    repository.write(
        ".pre-commit-config.yaml",
        f"{config}        args: [schemas, -o, src/events, -I, third_party]\n",
    )
    repository.write(
        "third_party/acme/money.proto",
        'syntax = "proto3";\npackage acme;\nmessage Money {\n  int64 units = 1;\n}\n',
    )
    imports = 'package shop.v1;\n\nimport "acme/money.proto";'
    schema = PAGE.replace("package shop.v1;", imports).replace("string name", "acme.Money price")
    repository.write("schemas/shop/v1/page.proto", schema)
    repository.git("add", "--all")

    assert repository.commit().returncode == 1
    assert (repository.root / "src/events/acme/money_pb.py").is_file()
    repository.git("add", "--all")
    assert repository.commit().returncode == 0
