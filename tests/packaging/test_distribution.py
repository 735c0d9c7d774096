"""The wheel and the sdist, installed as users do: in fresh environments outside the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
SCHEMA = """\
syntax = "proto3";
package acme.v1;
import "raccoon/options.proto";
// A visitor became a customer.
message SignedUpEvent {
  string event_guid = 1 [(raccoon.field) = { auto: UUID }];
  string user_id = 2 [(raccoon.field) = { required: true }];
}
"""
USER = """\
from generated import EventClient, SignedUpEvent
with EventClient.connect("null://") as client:
    ack = client.send_signed_up_event(user_id="u-1")
    assert ack.req_guid, ack
    assert SignedUpEvent.parse(bytes(SignedUpEvent(user_id="u-1"))).user_id == "u-1"
print("sent")
"""


def run(*command: str | Path, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `command` as a user's shell would: no PYTHONPATH, nothing of the checkout."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    if check:
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


class Environment:
    """A virtual environment and what is installed in it, by the pip of this one: a pip of its own
    takes longer to set up than all the rest.
    """

    def __init__(self, root: Path, *requirements: str) -> None:
        venv.create(root)
        self.bin = root / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.bin / "python"
        pip = (sys.executable, "-m", "pip", "--python", self.python, "install", "--no-compile")
        run(*pip, "--quiet", *requirements, cwd=root)


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(wheel, sdist); the wheel is built from the sdist, so that both are tried."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", out, CHECKOUT, cwd=out)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def production(
    distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Environment]:
    """The runtime alone, as production installs it."""
    yield Environment(tmp_path_factory.mktemp("production") / "env", str(distributions[0]))


@pytest.fixture(scope="module")
def development(
    distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Environment]:
    """With the generator."""
    root = tmp_path_factory.mktemp("development") / "env"
    yield Environment(root, f"{distributions[0]}[codegen]")


def test_the_wheel_holds_types_templates_and_options(distributions: tuple[Path, Path]) -> None:
    names = set(zipfile.ZipFile(distributions[0]).namelist())
    assert {
        "raccoon_codegen/py.typed",
        "raccoon_runtime/py.typed",
        "raccoon_codegen/proto/raccoon/options.proto",
    } <= names
    templates = {path.name for path in (CHECKOUT / "templates").glob("*.j2")}
    assert templates
    assert {f"raccoon_codegen/templates/{name}" for name in templates} <= names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "raccoon_codegen",
        "raccoon_runtime",
    }


def test_what_the_runtime_imports_is_declared() -> None:
    needed = metadata.requires("raccoon-codegen") or []
    declared = {re.split(r"[^\w-]", one)[0] for one in needed if ";" not in one}
    imported: set[str] = set()
    for path in (CHECKOUT / "runtime").rglob("*.py"):
        imported |= set(re.findall(r"(?m)^(?:import|from) (\w+)", path.read_text()))
    imported -= {*sys.stdlib_module_names, "pytest"}  # there already where testing.py is used
    assert "h2" in imported
    assert {name.replace("_", "-") for name in imported} <= declared


def test_the_sdist_holds_the_tests_and_what_the_documents_link_to(
    distributions: tuple[Path, Path],
) -> None:
    with tarfile.open(distributions[1]) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    folders = {name.rpartition("/")[0] for name in files}
    assert {"tests/docs", "docs", "schemas/shop/v1", "examples", "generated"} <= folders
    for document in [name for name in files if name.endswith(".md") and name.count("/") < 2]:
        text = (CHECKOUT / document).read_text("utf-8")
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            path = os.path.normpath(os.path.join(os.path.dirname(document), target))
            assert "://" in target or path in files | folders, (document, target)


def test_the_hook_that_is_shown_is_of_this_version() -> None:
    project = (CHECKOUT / "pyproject.toml").read_text("utf-8")
    (version,) = re.findall(r'^version = "(.*)"$', project, re.MULTILINE)
    assert f"rev: v{version} " in (CHECKOUT / "README.md").read_text("utf-8")
    assert f"\n## [{version}]" in (CHECKOUT / "CHANGELOG.md").read_text("utf-8")


def test_without_the_extra_the_command_says_what_to_install(
    production: Environment, tmp_path: Path
) -> None:
    done = run(production.bin / "raccoon-codegen", "schemas", cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "pip install 'raccoon-codegen[codegen]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_generated_here_used_there(
    development: Environment, production: Environment, tmp_path: Path
) -> None:
    """Generate with the extra; send, without it, in an environment that has never seen the
    generator's packages.
    """
    schemas = tmp_path / "schemas" / "acme" / "v1"
    schemas.mkdir(parents=True)
    (schemas / "signup.proto").write_text(SCHEMA)
    run(development.bin / "raccoon-codegen", "schemas", "-o", "generated", cwd=tmp_path)
    (tmp_path / "user.py").write_text(USER)
    for package in ("jinja2", "black", "grpc_tools", "click"):
        assert run(
            production.python, "-c", f"import {package}", cwd=tmp_path, check=False
        ).returncode
    assert run(production.python, "-W", "error", "user.py", cwd=tmp_path).stdout == "sent\n"
    mypy = (sys.executable, "-m", "mypy", "--strict", "--python-executable", production.python)
    run(*mypy, "user.py", cwd=tmp_path)


def test_the_collector_is_part_of_the_runtime(production: Environment, tmp_path: Path) -> None:
    assert "--http-port" in run(production.bin / "raccoon-collector", "--help", cwd=tmp_path).stdout


def test_the_collector_reads_schemas_with_the_extra_alone(
    production: Environment, tmp_path: Path
) -> None:
    (tmp_path / "signup.proto").write_text(SCHEMA)
    command = (production.bin / "raccoon-collector", "--schemas", "signup.proto")
    done = run(*command, cwd=tmp_path, check=False)
    assert done.returncode == 2
    (told,) = done.stderr.splitlines()
    assert "pip install 'raccoon-codegen[codegen]'" in told and "--package" in told


def test_commands_run_without_the_distributions_metadata(
    production: Environment, tmp_path: Path
) -> None:
    """As where the packages were copied into a project."""
    (metadata,) = production.bin.parent.rglob("raccoon_codegen-*.dist-info")
    hidden = metadata.rename(tmp_path / "hidden")
    try:
        for module in ("collector", "spool"):
            command = (production.python, "-m", f"raccoon_runtime.{module}", "--version")
            assert run(*command, cwd=tmp_path).stdout == f"raccoon-{module} unknown\n"
    finally:
        hidden.rename(metadata)


def test_editable(tmp_path: Path) -> None:
    """`pip install -e .` finds both packages in the checkout, and the templates at its top."""
    environment = Environment(tmp_path / "env", "--no-deps", "--editable", str(CHECKOUT))
    (site,) = (tmp_path / "env").rglob("site-packages")
    # What it depends on is here already, and a path in a .pth file brings no .pth of its own along.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    code = (
        "import raccoon_runtime, raccoon_codegen as c; print(raccoon_runtime.__file__, c.__file__)"
    )
    found = run(environment.python, "-c", code, cwd=tmp_path).stdout.split()
    packages = ("runtime/raccoon_runtime", "codegen/raccoon_codegen")
    assert found == [str(CHECKOUT / package / "__init__.py") for package in packages]
    (tmp_path / "signup.proto").write_text(SCHEMA)
    run(environment.bin / "raccoon-codegen", "signup.proto", "-o", "generated", cwd=tmp_path)
    assert (tmp_path / "generated" / "client.py").exists()
