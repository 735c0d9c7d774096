"""What the command does and says."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from raccoon_codegen import __main__ as entry
from raccoon_codegen import cli

from .conftest import CLICK, PAGE, Project


def test_generates_and_is_silent(project: Project) -> None:
    result = project.run()

    assert (result.exit_code, result.output) == (0, "")
    assert list(project.files()) == [
        "__init__.py",
        "client.py",
        "py.typed",
        "shop/__init__.py",
        "shop/v1/__init__.py",
        "shop/v1/page_pb.py",
    ]
    assert '"""A page was shown."""' in project.files()["shop/v1/page_pb.py"]


def test_what_does_not_change_is_not_touched(project: Project) -> None:
    project.run()
    before = project.times()
    assert project.run().exit_code == 0
    assert project.times() == before

    project.schema("shop/v1/page.proto", PAGE.replace("string name", "string title"))
    project.run()
    changed = {path for path, when in project.times().items() if before[path] != when}
    assert changed == {"client.py", "shop/v1/page_pb.py"}


def test_stale_files_and_empty_directories_go(project: Project) -> None:
    project.schema("old/v1/click.proto", CLICK.replace("shop.v1", "old.v1"))
    project.run()
    compiled = project.out / "old/v1/__pycache__/click_pb.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.touch()
    (project.root / "schemas/old/v1/click.proto").unlink()

    assert project.run().exit_code == 0
    assert not (project.out / "old").exists()
    assert "ClickEvent" not in project.files()["__init__.py"]


class TestCheck:
    def test_fresh(self, project: Project) -> None:
        project.run()
        result = project.run("--check")
        assert (result.exit_code, result.output) == (0, "")

    def test_everything_missing(self, project: Project) -> None:
        result = project.run("--check")
        assert result.exit_code == 1
        assert "--- /dev/null\n+++ generated/py.typed\n" in result.stdout
        assert "+++ generated/shop/v1/page_pb.py\n" in result.stdout
        assert '+    """A page was shown."""\n' in result.stdout
        assert result.stderr == (
            "generated is not what the schemas give: 6 files differ; generate and commit\n"
        )
        assert not project.out.exists()

    def test_changed_missing_and_stale(self, project: Project) -> None:
        project.schema("shop/v1/click.proto", CLICK)
        project.run()
        (project.root / "schemas/shop/v1/click.proto").unlink()
        (project.out / "shop/__init__.py").unlink()
        edited = project.out / "shop/v1/page_pb.py"
        edited.write_text(edited.read_text().replace("A page was", "No page was"))
        before = project.files()

        result = project.run("--check")
        assert result.exit_code == 1
        assert "--- generated/shop/v1/click_pb.py\n+++ /dev/null\n" in result.stdout
        assert "--- /dev/null\n+++ generated/shop/__init__.py\n" in result.stdout
        assert '-    """No page was shown."""\n+    """A page was shown."""\n' in result.stdout
        assert project.files() == before

    def test_quietly(self, project: Project) -> None:
        result = project.run("--check", "--quiet")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "6 files differ" in result.stderr

    def test_bad_schema_is_another_exit_code(self, project: Project) -> None:
        project.schema("shop/v1/page.proto", "nonsense")
        assert project.run("--check").exit_code == 2


def test_diff_writes_nothing_and_is_no_failure(project: Project) -> None:
    result = project.run("--diff")
    assert result.exit_code == 0
    assert "+++ generated/client.py" in result.stdout
    assert result.stderr == ""
    assert not project.out.exists()


def test_diff_of_a_file_without_a_last_line_end(project: Project) -> None:
    project.run()
    edited = project.out / "shop/__init__.py"
    edited.write_text(edited.read_text().rstrip("\n"))
    assert "\\ No newline at end of file\n" in project.run("--diff").stdout


def test_fail_on_change(project: Project) -> None:
    first = project.run("--fail-on-change")
    assert first.exit_code == 1
    assert first.output == "generated: 6 files written; add what changed to the commit\n"
    second = project.run("--fail-on-change")
    assert (second.exit_code, second.output) == (0, "")


def test_verbose(project: Project) -> None:
    project.schema("old.proto", CLICK.replace("package shop.v1;", ""))
    project.run()
    (project.root / "schemas/old.proto").unlink()

    result = project.run("--verbose")
    assert result.exit_code == 0
    assert "wrote generated/client.py\n" in result.stderr
    assert "removed generated/old_pb.py\n" in result.stderr
    assert "generated: 2 files written, 1 removed, 4 as before (" in result.stderr
    assert "generated: 6 files, up to date (" in project.run("-v").stderr
    assert project.run("-v", "--check").stderr == "generated: 6 files, up to date\n"


def on_terminal(project: Project, *arguments: str) -> str:
    """What a terminal shows."""
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "raccoon_codegen", *arguments]
    with subprocess.Popen(
        command, cwd=project.root, stdin=terminal, stdout=terminal, stderr=terminal
    ):
        os.close(terminal)
        shown = b""
        # Linux reports the other end's closing as an error.
        try:
            while part := os.read(controller, 4096):
                shown += part
        except OSError:
            pass
    os.close(controller)
    return shown.decode()


def test_progress_and_summary_on_a_terminal(project: Project) -> None:
    shown = on_terminal(project, "schemas", "-o", "generated")
    assert "reading 1 schema …" in shown
    assert shown.rstrip().endswith("s)")
    assert "generated: 6 files written (" in shown

    assert "generated: 6 files, up to date" in on_terminal(project, "schemas", "-o", "generated")
    assert on_terminal(project, "schemas", "-o", "generated", "--quiet") == ""


@pytest.mark.parametrize(
    ("out", "instead"),
    [("my-events", "my_events"), ("a/class", "a/events_class"), ("2go", "events_2go")],
)
def test_a_name_that_python_cannot_import_is_noted(
    project: Project, out: str, instead: str
) -> None:
    result = project.bare("schemas", "-o", out)
    assert result.exit_code == 0
    assert result.stderr == (
        f"note: Python can import {out} only after renaming it; "
        f"-o {instead} would be a package\n"
    )
    assert project.bare("schemas", "-o", out, "--quiet").stderr == ""


def test_version(project: Project) -> None:
    result = project.bare("--version")
    assert result.output == f"raccoon-codegen {version('raccoon-codegen')}\n"


def test_help_shows_an_example_and_every_option(project: Project) -> None:
    shown = project.bare("--help").output
    assert "$ raccoon-codegen schemas/ -o generated/" in shown
    assert "Exit codes: 0 done" in shown
    assert "[tool.raccoon-codegen]" in shown
    for parameter in cli.command.params:
        for option in parameter.opts:
            assert option in shown or option == "schemas"
    assert all(len(line) <= 88 for line in shown.splitlines())


class TestExportOptions:
    def test_writes_what_protoc_finds(self, project: Project) -> None:
        assert project.bare("--export-options", "vendor").exit_code == 0
        written = project.root / "vendor/raccoon/options.proto"
        assert "extend google.protobuf.MessageOptions" in written.read_text()

        schema = '// x\nsyntax = "proto3";\nimport "raccoon/options.proto";\n'
        project.schema("shop/v1/empty.proto", schema)
        assert project.run("-I", "vendor").exit_code == 0

    def test_replaces_an_older_one_and_nothing_else(self, project: Project) -> None:
        target = project.root / "vendor/raccoon/options.proto"
        target.parent.mkdir(parents=True)
        target.write_text('syntax = "proto3";\npackage raccoon;\n')
        assert project.bare("--export-options", "vendor").exit_code == 0
        assert "extend" in target.read_text()

        target.write_text("something else")
        result = project.bare("--export-options", "vendor")
        assert result.exit_code == 2
        assert "vendor/raccoon/options.proto: is somebody else's" in result.stderr
        assert target.read_text() == "something else"


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (
                ["nowhere", "-o", "generated"],
                "Error: nowhere: no such file or directory",
            ),
            (["schemas"], "Error: no output directory was given"),
            (["-o", "generated"], "Error: no schemas were given"),
            (
                ["schemas", "-o", "x", "-I", "nowhere"],
                "Error: -I nowhere: no such directory",
            ),
            (["schemas", "-o", "x", "--events", "no.*"], "'no.*' matches no message"),
            (
                ["schemas", "-o", "x", "-q", "-v"],
                "--quiet and --verbose exclude each other",
            ),
            (
                ["schemas", "-o", "x", "--check", "--fail-on-change"],
                "exclude each other",
            ),
            (["schemas", "-o", ""], "Invalid value for '-o' / '--out': the path is empty"),
            (["", "-o", "x"], "the path is empty"),
            (["schemas", "-o", "x", "-I", ""], "the path is empty"),
            (["--export-options", ""], "the path is empty"),
            (["schemas", "-o", "x", "--chek"], "No such option"),
        ],
    )
    def test_usage(self, project: Project, arguments: list[str], said: str) -> None:
        result = project.bare(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in result.stderr
        assert not (project.root / "x").exists()

    def test_schema_error_has_its_place_and_leaves_the_output(self, project: Project) -> None:
        project.run()
        before = project.times()
        project.schema("shop/v1/click.proto", CLICK.replace("string name", "strin name"))

        result = project.run()
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == (
            'schemas/shop/v1/click.proto:7:3: "strin" is not defined.\n'
            '  Did you mean "string"?\n'
        )
        assert project.times() == before

    def test_a_bug_is_not_taken_for_drift(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def broken() -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(cli, "main", broken)
        with pytest.raises(SystemExit) as stopped:
            entry.main()
        assert stopped.value.code == 2
        assert "RuntimeError: a bug" in capsys.readouterr().err

    def test_what_a_terminal_cannot_show_is_escaped(self, project: Project) -> None:
        project.schema("shop/v1/page.proto", PAGE.replace("A page", "頁"))
        done = project.process("schemas", "-o", "generated", "--diff", PYTHONIOENCODING="cp1252")
        assert (done.returncode, done.stderr) == (0, "")
        assert "\\u9801 was shown." in done.stdout

    def test_without_standard_streams(self, project: Project) -> None:
        for closed in ("2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
            command = f"{sys.executable} -m raccoon_codegen schemas -o generated {closed}"
            assert subprocess.run(command, shell=True, cwd=project.root).returncode == 0
            assert project.files()
            shutil.rmtree(project.out)

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is always UTF-8")
    def test_a_path_that_the_locale_cannot_say(self, project: Project) -> None:
        project.schema("shop/v1/zürich.proto", CLICK)
        done = project.process(
            *("schemas", "-o", "generated"), LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"
        )
        assert done.returncode == 2
        assert done.stderr.endswith(": the path is UTF-8, and this locale's encoding ascii\n")

    @pytest.mark.parametrize(("option", "code"), [("--diff", 0), ("--check", 1)])
    def test_a_reader_that_has_enough(self, project: Project, option: str, code: int) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        done = self.shown_to(writing, project, option)
        assert (done.returncode, done.stderr.count("\n")) == (code, code)

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
    def test_no_room_for_what_differs(self, project: Project) -> None:
        done = self.shown_to(os.open("/dev/full", os.O_WRONLY), project, "--diff")
        said = "Error: standard output: No space left on device\n"
        assert (done.returncode, done.stderr) == (2, said)

    def shown_to(
        self, output: int, project: Project, option: str
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "raccoon_codegen", "schemas", "-o", "generated", option]
        try:
            return subprocess.run(
                command, cwd=project.root, stdout=output, stderr=subprocess.PIPE, text=True
            )
        finally:
            os.close(output)


def test_production_installs_say_what_is_missing(tmp_path: Path) -> None:
    codegen = Path(entry.__file__).parents[1]
    # Without site-packages nothing is there but the standard library.
    done = subprocess.run(
        [sys.executable, "-S", "-m", "raccoon_codegen", "schemas", "-o", "generated"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(codegen)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "black, click, grpc_tools, jinja2" in done.stderr
    assert "pip install 'raccoon-codegen[codegen]'" in done.stderr
    assert "Traceback" not in done.stderr
