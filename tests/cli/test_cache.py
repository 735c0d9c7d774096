"""The cache makes runs shorter and changes no result."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from raccoon_codegen import cache, run
from raccoon_codegen.config import Config, Settings

from .conftest import CLICK, PAGE, Project, age


@pytest.fixture
def protoc(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fills up whenever protoc runs."""
    from raccoon_codegen import protoc

    runs: list[str] = []
    compile = protoc.compile

    def counted(sources: object) -> object:
        runs.append("run")
        return compile(sources)  # type: ignore[arg-type]

    monkeypatch.setattr(protoc, "compile", counted)
    return runs


def records(project: Project) -> list[Path]:
    return list((project.root.parent / "cache" / "raccoon-codegen").glob("*"))


@pytest.fixture
def fresh(project: Project, protoc: list[str]) -> Project:
    """A project whose second run needs no protoc."""
    project.root.joinpath("vendor/acme").mkdir(parents=True)
    project.root.joinpath("vendor/acme/money.proto").write_text(
        'syntax = "proto3";\npackage acme;\nmessage Money {\n  int64 units = 1;\n}\n'
    )
    project.schema(
        "shop/v1/pay.proto",
        'syntax = "proto3";\npackage shop.v1;\nimport "acme/money.proto";\n'
        "message PayEvent {\n  acme.Money money = 1;\n}\n",
    )
    age(project.root / "vendor")
    assert project.run("-I", "vendor").exit_code == 0
    protoc.clear()
    assert project.run("-I", "vendor").exit_code == 0
    assert protoc == []
    return project


def test_nothing_changed(fresh: Project, protoc: list[str]) -> None:
    assert fresh.run("-I", "vendor", "--check").exit_code == 0
    assert fresh.run("-I", "vendor", "--fail-on-change").exit_code == 0
    assert protoc == []


def edit_schema(project: Project) -> None:
    project.schema("shop/v1/page.proto", PAGE.replace("string name", "string nama"))


def edit_schema_and_keep_its_time(project: Project) -> None:
    path = project.root / "schemas/shop/v1/page.proto"
    times = path.stat()
    edit_schema(project)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def edit_import(project: Project) -> None:
    path = project.root / "vendor/acme/money.proto"
    path.write_text(path.read_text().replace("int64 units", "int64 cents"))


def add_schema(project: Project) -> None:
    project.schema("shop/v1/click.proto", CLICK)


def remove_schema(project: Project) -> None:
    (project.root / "schemas/shop/v1/page.proto").unlink()


def shadow_import(project: Project) -> None:
    """The import is found in the schemas' own directory now, which is looked into first."""
    text = 'syntax = "proto3";\npackage acme;\nmessage Money {\n  int64 shadowed = 1;\n}\n'
    project.schema("acme/money.proto", text)


@pytest.mark.parametrize(
    "change",
    [
        edit_schema,
        edit_schema_and_keep_its_time,
        edit_import,
        add_schema,
        remove_schema,
        shadow_import,
    ],
)
def test_changed_inputs_are_noticed(fresh: Project, change: Callable[[Project], None]) -> None:
    before = fresh.files()
    change(fresh)
    assert fresh.run("-I", "vendor").exit_code == 0
    assert fresh.files() != before
    assert fresh.files() == _generated(fresh)


def _generated(project: Project) -> dict[str, str]:
    """What a run gives that knows no other."""
    return dict(sorted(run.generate(_config()).items(), key=lambda item: Path(item[0])))


def _config(out: str = "generated") -> Config:
    roots = (Path("vendor"),)
    return Settings(schemas=(Path("schemas"),), out=Path(out), import_roots=roots).config()


def test_broken_import_is_noticed(fresh: Project) -> None:
    (fresh.root / "vendor/acme/money.proto").unlink()
    before = fresh.files()
    assert fresh.run("-I", "vendor").exit_code == 2
    assert fresh.files() == before


def edit_output(project: Project) -> None:
    path = project.out / "client.py"
    times = path.stat()
    path.write_text(path.read_text().replace("send_pay_event", "send_bay_event"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def remove_output(project: Project) -> None:
    (project.out / "shop/v1/page_pb.py").unlink()


def add_stale_output(project: Project) -> None:
    text = (project.out / "shop/v1/page_pb.py").read_text()
    (project.out / "shop/v1/stale_pb.py").write_text(text)


def swap_outputs(project: Project) -> None:
    one, other = (project.out / f"shop/v1/{name}_pb.py" for name in ("page", "pay"))
    text = one.read_text()
    one.write_text(other.read_text())
    other.write_text(text)


@pytest.mark.parametrize("change", [edit_output, remove_output, add_stale_output, swap_outputs])
def test_changed_outputs_are_noticed(fresh: Project, change: Callable[[Project], None]) -> None:
    before = fresh.files()
    change(fresh)
    assert fresh.files() != before
    assert fresh.run("-I", "vendor", "--check").exit_code == 1
    assert fresh.run("-I", "vendor").exit_code == 0
    assert fresh.files() == before


@pytest.mark.parametrize(
    "options",
    [
        ["--exclude-events", "*.PayEvent"],
        ["--events", "acme.Money", "--events", "shop.*"],
    ],
)
def test_changed_options_are_noticed(fresh: Project, options: list[str]) -> None:
    before = fresh.files()["client.py"]
    fresh.schema("shop/v1/more.proto", PAGE.replace("PageEvent", "More"))
    assert fresh.run("-I", "vendor").exit_code == 0
    assert fresh.files()["client.py"] == before
    result = fresh.run("-I", "vendor", *options)
    assert (result.exit_code == 0 and fresh.files()["client.py"] != before) or result.exit_code == 2


def test_changed_override_is_noticed(fresh: Project) -> None:
    settings = fresh.root / "pyproject.toml"
    settings.write_text('[tool.raccoon-codegen.overrides."shop.v1.PageEvent"]\nname = "seen"\n')
    assert fresh.run("-I", "vendor").exit_code == 0
    assert "send_seen_event" in fresh.files()["client.py"]


def test_another_generator_is_noticed(
    fresh: Project, protoc: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "tool", lambda: "another version")
    assert fresh.run("-I", "vendor").exit_code == 0
    assert protoc == ["run"]


def test_only_what_changed_is_rendered(fresh: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from raccoon_codegen import render

    rendered: list[str] = []
    render_file = render.render_file

    def counted(path: str, piece: render.Piece) -> str:
        rendered.append(path)
        return render_file(path, piece)

    monkeypatch.setattr(render, "render_file", counted)
    edit_schema(fresh)
    assert fresh.run("-I", "vendor").exit_code == 0
    assert sorted(rendered) == ["client.py", "shop/v1/page_pb.py"]
    assert fresh.files() == _generated(fresh)


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"{}", b"\xff\xfe", b"0\n{}"])
def test_a_damaged_record_is_harmless(fresh: Project, protoc: list[str], damage: bytes) -> None:
    (record,) = records(fresh)
    record.write_bytes(damage)
    edit_output(fresh)
    assert fresh.run("-I", "vendor").exit_code == 0
    assert fresh.files() == _generated(fresh)
    protoc.clear()
    assert fresh.run("-I", "vendor").exit_code == 0
    assert protoc == []


def test_every_flipped_byte_is_noticed(fresh: Project) -> None:
    (record,) = records(fresh)
    whole = record.read_bytes()
    config = _config()
    assert cache.load(config) is not None
    for position in range(0, len(whole), 97):
        record.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert cache.load(config) is None, position


def test_a_record_of_another_shape_is_none(fresh: Project) -> None:
    (record,) = records(fresh)
    for body in (b"[]", b"null", b'{"seen": {}, "made": {}}', b'{"seen": 1}'):
        record.write_bytes(cache.digest(body).encode() + b"\n" + body)
        assert cache.load(_config()) is None


def test_without_a_place_for_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = project.root / "blocked"
    blocked.write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert (project.run().exit_code, project.run().output) == (0, "")


def test_without_a_home(project: Project) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME")}
    # As os.path.expanduser does for a user without an entry in the system's list of them.
    code = (
        "import os, runpy; os.path.expanduser = lambda path: path; "
        "runpy.run_module('raccoon_codegen', run_name='__main__')"
    )
    command = [sys.executable, "-c", code, "schemas", "-o", "generated"]
    done = subprocess.run(command, cwd=project.root, env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "client.py" in project.files()
    assert not (project.root / "~").exists()


def test_each_output_directory_has_a_record(fresh: Project, protoc: list[str]) -> None:
    assert fresh.bare("schemas", "-I", "vendor", "-o", "other").exit_code == 0
    assert len(records(fresh)) == 2
    protoc.clear()
    fresh.run("-I", "vendor")
    fresh.bare("schemas", "-I", "vendor", "-o", "other")
    assert protoc == []


def test_old_records_go(fresh: Project) -> None:
    (record,) = records(fresh)
    old = record.with_name("old.json")
    old.touch()
    directory = record.with_name("of another tool")
    directory.mkdir()
    for path in (old, directory):
        os.utime(path, (0, 0))
    before = record.read_bytes()
    edit_schema(fresh)
    fresh.run("-I", "vendor")
    assert sorted(records(fresh)) == sorted([record, directory])
    assert record.read_bytes() != before


def test_a_check_that_finds_drift_records_nothing(project: Project) -> None:
    assert project.run("--check").exit_code == 1
    assert records(project) == []


def test_a_schema_that_changes_during_the_run_is_noticed_by_the_next(
    fresh: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from raccoon_codegen import protoc

    compile = protoc.compile

    def compile_and_edit(sources: object) -> object:
        compiled = compile(sources)  # type: ignore[arg-type]
        edit_import(fresh)
        return compiled

    edit_schema(fresh)
    with monkeypatch.context() as racing:
        racing.setattr(protoc, "compile", compile_and_edit)
        assert fresh.run("-I", "vendor").exit_code == 0
    assert fresh.run("-I", "vendor").exit_code == 0
    assert "cents" in fresh.files()["acme/money_pb.py"]


def test_many_at_once(project: Project) -> None:
    for number in range(20):
        schema = PAGE.replace("PageEvent", f"Page{number}Event")
        project.schema(f"shop/v1/page{number}.proto", schema)
    command = [sys.executable, "-m", "raccoon_codegen", "schemas", "-o", "generated"]
    for _ in range(2):
        running = [
            subprocess.Popen(command, cwd=project.root, stderr=subprocess.PIPE) for _ in range(4)
        ]
        assert [(process.communicate()[1], process.returncode) for process in running] == [
            (b"", 0)
        ] * 4
        assert project.run("--check").exit_code == 0
        project.schema("shop/v1/page0.proto", CLICK)
