"""The generated package itself: where it can lie, what it needs, and that it is always the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from raccoon_codegen import Config, Inputs, generate

from .conftest import CLICK, PAGE, Project

SCHEMAS = Path(__file__).parents[2] / "schemas"
CASES = Path(__file__).parents[1] / "cases"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the example schemas, as `generated` in a directory of its own."""
    config = Config(
        inputs=Inputs(schemas=(SCHEMAS,)),
        out=tmp_path_factory.mktemp("x") / "generated",
    )
    for path, text in generate(config).items():
        (config.out / path).parent.mkdir(parents=True, exist_ok=True)
        (config.out / path).write_text(text, "utf-8")
    return config.out


def python(directory: Path, code: str, *options: str) -> str:
    """What the code prints, run in the directory by a Python for which warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *options, "-c", code],
        cwd=directory,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


EVERYTHING = """
import importlib, pkgutil, sys
root = importlib.import_module(sys.argv[1])
for found in pkgutil.walk_packages(root.__path__, root.__name__ + "."):
    importlib.import_module(found.name)
for name in root.__all__:
    assert getattr(root, name).__name__ == name
    assert getattr(root, name).__module__.startswith(root.__name__ + ".")
assert root.__all__ == sorted(root.__all__) and set(root.__all__) <= set(dir(root))
if "EventClient" in root.__all__:
    for type in root.EventClient._events:
        assert root.AsyncEventClient.event_class(type).__event__ == type
"""


@pytest.mark.parametrize(
    "case",
    sorted(path.name for path in CASES.glob("*") if (path / "expected").exists()),
)
def test_every_golden_package_can_be_imported(case: str, tmp_path: Path) -> None:
    shutil.copytree(CASES / case / "expected", tmp_path / case)
    python(tmp_path, EVERYTHING.replace("sys.argv[1]", repr(case)))


def test_it_may_be_copied_anywhere(package: Path, tmp_path: Path) -> None:
    shutil.copytree(package, tmp_path / "events")
    shutil.copytree(package, tmp_path / "deep" / "er" / "renamed")
    for name in ("events", "deep.er.renamed"):
        python(tmp_path, EVERYTHING.replace("sys.argv[1]", repr(name)))

    # Both in one process: two packages that know nothing of each other.
    python(
        tmp_path,
        "from events import EventClient, PageEvent\n"
        "from deep.er.renamed import EventClient as OtherClient, PageEvent as OtherEvent\n"
        "assert PageEvent is not OtherEvent\n"
        "assert PageEvent.parse(bytes(OtherEvent(path='/x'))) == PageEvent(path='/x')\n"
        "assert EventClient.event_class('page') is PageEvent\n"
        "assert OtherClient.event_class('page') is OtherEvent\n",
    )


def test_it_needs_no_generator(package: Path) -> None:
    loaded = python(
        package.parent,
        "import sys\n"
        + EVERYTHING.replace("sys.argv[1]", "'generated'")
        + "print(*sorted({name.partition('.')[0] for name in sys.modules}))",
    )
    assert not {"raccoon_codegen", "jinja2", "black", "click", "grpc_tools"} & set(loaded.split())


def test_importing_a_client_imports_no_message(package: Path) -> None:
    loaded = python(
        package.parent,
        "import sys\nfrom generated import AsyncEventClient, EventClient\n"
        "print(*[name for name in sys.modules if name.endswith('_pb')])",
    )
    assert loaded == "\n"


def test_completion_offers_what_is_exported_and_nothing_else(package: Path) -> None:
    code = "import generated as g; print(*(set(dir(g)) - set(g.__all__)))"
    assert [name for name in python(package.parent, code).split() if name[0] != "_"] == []


def test_help_tells_everything(package: Path) -> None:
    shown = python(package.parent, "import generated; help(generated)")
    assert "AsyncEventClient" in shown
    assert "PageEvent" in shown
    shown = python(
        package.parent,
        "from generated import EventClient; help(EventClient.send_page_event)",
    )
    assert "A page or a screen was shown." in shown
    assert "Event type `page`. Keywords: event_name, event_guid," in shown


def test_an_unknown_name_is_an_attribute_error(package: Path) -> None:
    code = "import generated\ntry: generated.PageEvnt\nexcept AttributeError as e: print(e)"
    assert python(package.parent, code) == "module 'generated' has no attribute 'PageEvnt'\n"


def test_another_interface_is_refused(package: Path, tmp_path: Path) -> None:
    shutil.copytree(package, tmp_path / "generated")
    face = tmp_path / "generated" / "__init__.py"
    face.write_text(face.read_text().replace("_require(1, ", "_require(999, "))
    code = "try:\n    import generated\nexcept ImportError as e:\n    print(e)"
    assert "update raccoon-codegen where this package is used" in python(tmp_path, code)


class TestDeterminism:
    @pytest.fixture
    def expected(self, project: Project) -> dict[str, str]:
        project.schema("shop/v1/click.proto", CLICK)
        project.schema(
            "other/v1/page.proto",
            PAGE.replace("shop", "other").replace("Page", "Other"),
        )
        assert project.run().exit_code == 0
        return project.files()

    def test_order_and_spelling_of_the_inputs(
        self, project: Project, expected: dict[str, str]
    ) -> None:
        files = sorted(str(path) for path in (project.root / "schemas").rglob("*.proto"))
        absolute = str(project.root / "schemas")
        for schemas in (
            files,
            files[::-1],
            [absolute],
            ["./schemas/"],
            ["schemas/../schemas"],
        ):
            shutil.rmtree(project.out)
            assert project.bare(*schemas, "-o", "generated").exit_code == 0
            assert project.files() == expected

    def test_working_directory(
        self,
        project: Project,
        expected: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        shutil.rmtree(project.out)
        (project.root / "elsewhere").mkdir()
        monkeypatch.chdir(project.root / "elsewhere")
        assert project.bare("../schemas", "-o", "../generated").exit_code == 0
        assert project.files() == expected

    @pytest.mark.parametrize("seed", ["0", "1", "4242"])
    def test_hash_seed(self, project: Project, expected: dict[str, str], seed: str) -> None:
        shutil.rmtree(project.out)
        done = project.process("schemas", "-o", "generated", PYTHONHASHSEED=seed)
        assert (done.returncode, done.stderr) == (0, "")
        assert project.files() == expected

    def test_locale_and_optimisation(self, project: Project, expected: dict[str, str]) -> None:
        shutil.rmtree(project.out)
        done = project.process("schemas", "-o", "generated", LC_ALL="C", PYTHONOPTIMIZE="2")
        assert (done.returncode, done.stderr) == (0, "")
        assert project.files() == expected

    def test_order_of_the_directory(
        self, project: Project, expected: dict[str, str], tmp_path: Path
    ) -> None:
        copy = Project(tmp_path / "copy")
        for path in sorted((project.root / "schemas").rglob("*.proto"), reverse=True):
            copy.schema(path.relative_to(project.root / "schemas").as_posix(), path.read_text())
        done = copy.process("schemas", "-o", "generated")
        assert (done.returncode, done.stderr) == (0, "")
        assert copy.files() == expected


def test_generate_writes_nothing(project: Project) -> None:
    before = sorted(os.walk(project.root))
    config = Config(inputs=Inputs(schemas=(project.root / "schemas",)), out=project.out)
    assert "client.py" in generate(config)
    assert sorted(os.walk(project.root)) == before
