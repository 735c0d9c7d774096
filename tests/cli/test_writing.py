"""The output directory: all of a run's changes or none, and nothing that is not ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from raccoon_codegen import write
from raccoon_codegen.header import MARK

from .conftest import CLICK, PAGE, Project

OURS = f"{MARK}. Do not edit.\n"
"""The first line of a file that may be overwritten or removed."""

STEPS = 9
"""Files that the run of `TestFailure` moves."""

ENDED = """
import os, shutil, sys
from raccoon_codegen import cli, protoc

step = {step}

def signalled(*arguments, **more):
    meant = {below!r} in str(arguments[0])
    if meant and {before}:
        os.kill(os.getpid(), {number})
    try:
        return step(*arguments, **more)
    finally:
        if meant and not {before}:
            os.kill(os.getpid(), {number})

{step} = signalled
sys.argv = ["raccoon-codegen", "schemas", "-o", "generated"]
cli.main()
"""
"""The command, with a signal before or after each call of a step, or of one for a path that
contains `below`.
"""


class TestOthersFiles:
    def test_are_left_alone(self, project: Project) -> None:
        project.run()
        kept = {
            "extra.py": "x = 1\n",
            "shop/v1/handwritten.py": "# mine\n",
            "shop/notes.md": f"{MARK}. Do not edit.\n",
            "shop/user.py": f"{MARK}X\n",
            "shop/then_edited.py": f"{MARK}, then edited.\n",
            "shop/without_a_line.py": f"{MARK} from a.proto",
            "empty/__init__.py": "",
        }
        for path, text in kept.items():
            (project.out / path).parent.mkdir(exist_ok=True)
            (project.out / path).write_text(text)

        project.schema("shop/v1/page.proto", CLICK)
        assert project.run().exit_code == 0
        assert {path: project.files()[path] for path in kept} == kept

    @pytest.mark.parametrize("path", ["client.py", "shop/v1/page_pb.py", "__init__.py", "py.typed"])
    def test_in_the_way_are_an_error(self, project: Project, path: str) -> None:
        mine = project.out / path
        mine.parent.mkdir(parents=True)
        mine.write_text("# mine\n")

        result = project.run()
        assert result.exit_code == 2
        assert f"{mine}: was not made by raccoon-codegen and is in its way" in result.stderr
        assert "Move it away" in result.stderr
        assert project.files() == {path: "# mine\n"}

    def test_many_in_the_way(self, project: Project) -> None:
        for number in range(15):
            name = f"a{number:02}"
            project.schema(f"{name}.proto", f'syntax = "proto3";\nmessage A{number} {{}}\n')
            (project.out / f"{name}_pb.py").parent.mkdir(exist_ok=True)
            (project.out / f"{name}_pb.py").write_text("# mine\n")
        result = project.run()
        assert result.exit_code == 2
        assert result.stderr.count("is in its way") == 10
        assert "and 5 more" in result.stderr

    def test_a_file_where_a_directory_belongs(self, project: Project) -> None:
        project.out.mkdir()
        (project.out / "shop").write_text("mine")
        result = project.run()
        assert result.exit_code == 2
        assert f"{project.out}/shop: was not made by raccoon-codegen" in result.stderr

    def test_a_directory_where_a_file_belongs(self, project: Project) -> None:
        (project.out / "client.py").mkdir(parents=True)
        result = project.run()
        assert result.exit_code == 2
        assert "client.py: is a directory, and a file belongs there" in result.stderr

    def test_another_generated_package_below_is_not_pruned(self, project: Project) -> None:
        assert project.bare("schemas", "-o", "generated/vendored/other").exit_code == 0
        before = project.files()
        assert project.run().exit_code == 0
        assert before.items() <= project.files().items()

    def test_another_package_in_the_way_is_an_error(self, project: Project) -> None:
        assert project.bare("schemas", "-o", "generated/shop").exit_code == 0
        before = project.files()
        result = project.run()
        assert result.exit_code == 2
        assert f"{project.out}/shop: was not made" in result.stderr
        assert project.files() == before


class TestLinks:
    def test_the_output_may_be_one(self, project: Project) -> None:
        (project.root / "elsewhere").mkdir()
        project.out.symlink_to("elsewhere")
        assert project.run().exit_code == 0
        assert (project.root / "elsewhere/client.py").is_file()
        assert project.out.is_symlink()
        assert project.run("--check").exit_code == 0

    def test_the_output_may_be_one_to_nothing_yet(self, project: Project) -> None:
        project.out.symlink_to("elsewhere")
        assert project.run().exit_code == 0
        assert (project.root / "elsewhere/client.py").is_file()

    def test_below_it_they_are_not_followed(self, project: Project) -> None:
        elsewhere = project.root / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "stale_pb.py").write_text(OURS)
        project.out.mkdir()
        (project.out / "linked").symlink_to(elsewhere)
        (project.out / "file_pb.py").symlink_to(elsewhere / "stale_pb.py")
        assert project.run().exit_code == 0
        assert (elsewhere / "stale_pb.py").exists()
        assert (project.out / "file_pb.py").is_symlink()

        (project.out / "shop").rename(project.root / "moved")
        (project.out / "shop").symlink_to(project.root / "moved")
        result = project.run()
        assert result.exit_code == 2
        assert "shop: was not made by raccoon-codegen" in result.stderr


class TestFailure:
    @pytest.fixture
    def changed(self, project: Project) -> Project:
        """A run that would write, replace and remove."""
        project.schema("old/v1/old.proto", PAGE.replace("shop.v1", "old.v1").replace("Page", "Old"))
        project.run()
        (project.root / "schemas/old/v1/old.proto").unlink()
        project.schema("shop/v1/page.proto", PAGE.replace("string name", "string title"))
        project.schema("new/v1/click.proto", CLICK.replace("shop.v1", "new.v1"))
        return project

    @pytest.mark.parametrize("failing", range(STEPS))
    def test_leaves_all_as_it_was(
        self, changed: Project, failing: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before, times = changed.files(), changed.times()
        replace = os.replace
        calls = 0

        def replace_or_fail(source: str, target: str) -> None:
            nonlocal calls
            calls += 1
            if calls == failing + 1:
                raise PermissionError(13, "Permission denied", target)
            replace(source, target)

        with monkeypatch.context() as broken:
            broken.setattr(write.os, "replace", replace_or_fail)
            result = changed.run()
        assert result.exit_code == 2
        assert "Permission denied; the output is as it was" in result.stderr
        assert (changed.files(), changed.times()) == (before, times)
        assert not (changed.out / "new").exists()

        assert changed.run().exit_code == 0
        assert "new/v1/click_pb.py" in changed.files()
        assert not (changed.out / "old").exists()

    def test_there_are_that_many_steps(
        self, changed: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        replaced: list[str] = []
        replace = os.replace

        def counted(source: str, target: str) -> None:
            replaced.append(target)
            replace(source, target)

        monkeypatch.setattr(write.os, "replace", counted)
        assert changed.run().exit_code == 0
        assert len([p for p in replaced if p.startswith(str(changed.out))]) == STEPS

    def test_interrupted(self, changed: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        before, times = changed.files(), changed.times()
        replace = os.replace
        calls = 0

        def interrupted(source: str, target: str) -> None:
            nonlocal calls
            calls += 1
            if calls == 5:
                raise KeyboardInterrupt
            replace(source, target)

        with monkeypatch.context() as broken:
            broken.setattr(write.os, "replace", interrupted)
            assert changed.run().exit_code == 130
        assert (changed.files(), changed.times()) == (before, times)

    @pytest.mark.parametrize("before", [True, False])
    @pytest.mark.parametrize("step", ["protoc._main", "os.rename", "os.replace"])
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_ended_by_a_signal(
        self, project: Project, number: signal.Signals, step: str, before: bool
    ) -> None:
        """While it reads, makes the output, or changes it; nothing is left lying about."""
        if step == "os.replace":
            project.run()
            project.schema("shop/v1/page.proto", CLICK)
        files, beside = project.files(), sorted(project.root.rglob("*"))
        _run_and_end(project, step, number, before=before)
        assert (project.files(), sorted(project.root.rglob("*"))) == (files, beside)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_ended_by_one_after_another(self, changed: Project, number: signal.Signals) -> None:
        """Each move, and each move back, is followed by a signal."""
        files, times = changed.files(), changed.times()
        _run_and_end(changed, "os.replace", number, before=False)
        assert (changed.files(), changed.times()) == (files, times)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_ended_while_it_cleans_up(self, changed: Project, number: signal.Signals) -> None:
        _run_and_end(changed, "shutil.rmtree", number, before=True, below="/generated/")
        assert not list(changed.root.rglob(f"{write.STAGE}*"))
        assert changed.run("--check").exit_code == 0

    def test_an_ignored_signal_stays_ignored(self, project: Project) -> None:
        ignored = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        code = ignored + _ending("os.rename", signal.SIGTERM, before=True)
        ended = subprocess.run([sys.executable, "-c", code], cwd=project.root)
        assert ended.returncode == 0
        assert project.run("--check").exit_code == 0

    def test_first_run_leaves_nothing(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(source: str, target: str) -> None:
            raise OSError(28, "No space left on device", target)

        monkeypatch.setattr(write.os, "rename", full)
        result = project.bare("schemas", "-o", "deep/er/generated")
        assert result.exit_code == 2
        assert "No space left on device" in result.stderr
        assert not (project.root / "deep").exists()

    def test_first_run_that_another_one_overtakes(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rename = os.rename

        def overtaken(source: str, target: str) -> None:
            project.out.mkdir()
            (project.out / "client.py").write_text(OURS)
            rename(source, target)

        monkeypatch.setattr(write.os, "rename", overtaken)
        assert project.run().exit_code == 0
        assert project.run("--check").exit_code == 0

    def test_the_error_names_the_file_not_its_stage(
        self, changed: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        replace = os.replace

        def refused(source: str, target: str) -> None:
            if os.path.basename(source).startswith("new"):
                raise PermissionError(13, "Permission denied", source, None, target)
            replace(source, target)

        monkeypatch.setattr(write.os, "replace", refused)
        before = changed.files()
        result = changed.run()
        assert result.exit_code == 2
        out = os.path.realpath(changed.out)
        assert result.stderr.startswith(f"Error: {out}{os.sep}")
        assert ".py: Permission denied; the output is as it was" in result.stderr
        assert write.STAGE not in result.stderr
        assert changed.files() == before

    def test_without_hard_links(self, changed: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        def unsupported(source: str, target: str) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(write.os, "link", unsupported)
        assert changed.run().exit_code == 0
        assert "title" in changed.files()["shop/v1/page_pb.py"]


def _ending(step: str, number: signal.Signals, *, before: bool, below: str = "") -> str:
    return ENDED.format(step=step, number=int(number), before=before, below=below)


def _run_and_end(
    project: Project, step: str, number: signal.Signals, *, before: bool, below: str = ""
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        ended = subprocess.run(
            [sys.executable, "-c", _ending(step, number, before=before, below=below)],
            cwd=project.root,
            env={**os.environ, "TMPDIR": scratch},
            capture_output=True,
            text=True,
        )
        assert not os.listdir(scratch)
    assert ended.returncode == (130 if number == signal.SIGINT else -number), ended.stderr
    assert ended.stderr == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_schema_that_cannot_be_read(project: Project) -> None:
    path = project.root / "schemas/shop/v1/page.proto"
    path.chmod(0)
    result = project.run()
    assert result.exit_code == 2
    assert result.stderr == "Error: schemas/shop/v1/page.proto: cannot be read\n"


def test_a_working_directory_that_is_gone(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = project.root / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    result = project.bare()
    assert result.exit_code == 2
    assert result.stderr == "Error: the working directory is not there any more\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written(project: Project) -> None:
    project.out.mkdir()
    project.out.chmod(0o555)
    try:
        result = project.run()
        assert result.exit_code == 2
        assert "Permission denied; the output is as it was" in result.stderr
    finally:
        project.out.chmod(0o755)


def test_the_output_is_a_file(project: Project) -> None:
    project.out.write_text("mine")
    result = project.run()
    assert result.exit_code == 2
    assert "generated: is a file, and the output is a directory" in result.stderr
    assert project.out.read_text() == "mine"


def test_the_output_would_lie_in_a_file(project: Project) -> None:
    project.out.write_text("mine")
    for out in ("generated/below", "generated/further/below", str(project.out / "below")):
        result = project.bare("schemas", "-o", out)
        assert result.exit_code == 2
        file = out[: out.index("generated") + len("generated")]
        assert result.stderr == f"Error: {file}: is a file, and the output is a directory\n"


def test_the_working_directory_as_output(project: Project) -> None:
    (project.root / "app.py").write_text("x = 1\n")
    environment = project.root / ".venv-like"
    environment.mkdir()
    (environment / "pyvenv.cfg").touch()
    (environment / "old_pb.py").write_text(OURS)
    assert project.bare("schemas", "-o", ".").exit_code == 0
    assert (project.root / "shop/v1/page_pb.py").is_file()
    assert (project.root / "app.py").read_text() == "x = 1\n"
    assert (environment / "old_pb.py").exists()
    assert project.bare("schemas", "-o", ".", "--check").exit_code == 0


def test_line_ends_of_a_checkout_are_no_change(project: Project) -> None:
    project.run()
    for path in project.out.rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    before = project.times()
    assert project.run("--fail-on-change").exit_code == 0
    assert project.run("--check").exit_code == 0
    assert project.times() == before


def test_modes_stay(project: Project) -> None:
    project.run()
    path = project.out / "client.py"
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    path.chmod(0o640)
    project.schema("shop/v1/page.proto", CLICK)
    project.run()
    assert "send_click_event" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_stages_of_killed_runs_are_swept(project: Project) -> None:
    project.run()
    forgotten, recent = (project.out / f"{write.STAGE}{name}" for name in ("a", "b"))
    for stage in (forgotten, recent):
        stage.mkdir()
        (stage / "new0").write_text(OURS)
    os.utime(forgotten, (0, 0))
    project.schema("shop/v1/page.proto", CLICK)
    project.run()
    # The other one may be a running process's.
    assert (forgotten.exists(), recent.exists()) == (False, True)


def test_so_are_those_beside_an_output_that_is_new(project: Project) -> None:
    forgotten = project.root / f"{write.STAGE}a"
    (forgotten / "new").mkdir(parents=True)
    os.utime(forgotten, (0, 0))
    assert project.run().exit_code == 0
    assert not forgotten.exists()


def test_a_stage_that_goes_while_it_is_looked_at_is_no_problem(project: Project) -> None:
    project.run()
    # As a run finds it that lists the directory before another run is through.
    (project.out / f"{write.STAGE}c").symlink_to("gone")
    project.schema("shop/v1/page.proto", CLICK)
    assert project.run().exit_code == 0


def test_nothing_is_left_beside_the_output(project: Project) -> None:
    project.run()
    project.schema("shop/v1/page.proto", CLICK)
    project.run()
    assert not list(project.root.rglob(".*"))
    assert sorted(Path(project.root).iterdir()) == [
        project.out,
        project.root / "schemas",
    ]
