"""`[tool.raccoon-codegen]` in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest
from raccoon_codegen.toml_keys import places

from .conftest import CLICK, PAGE, Project

BASIC = '[tool.raccoon-codegen]\nschemas = ["schemas"]\nout = "generated"\n'


@pytest.fixture
def settings(project: Project) -> Path:
    path = project.root / "pyproject.toml"
    path.write_text(BASIC, "utf-8")
    return path


def test_plain_command(project: Project, settings: Path) -> None:
    assert project.bare().exit_code == 0
    assert "shop/v1/page_pb.py" in project.files()


def test_from_a_directory_below(
    project: Project, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = project.root / "src" / "deep"
    below.mkdir(parents=True)
    # One of somebody else's on the way is not ours.
    (below / "pyproject.toml").write_text('[project]\nname = "x"\n')
    (project.root / "src" / "pyproject.toml").write_text('[tool.raccoon]\nx = "raccoon-codegen"\n')
    monkeypatch.chdir(below)
    assert project.bare().exit_code == 0
    assert "shop/v1/page_pb.py" in project.files()


def test_the_command_line_goes_first(project: Project, settings: Path) -> None:
    settings.write_text(BASIC + 'exclude-events = ["*"]\n')
    assert project.bare("-o", "other").exit_code == 0
    assert not project.out.exists()
    assert not (project.root / "other/client.py").exists()

    project.schema("shop/v1/click.proto", CLICK.replace("ClickEvent", "Click"))
    assert project.bare("--exclude-events", "*.Click").exit_code == 0
    assert (project.out / "client.py").exists()


def test_every_setting(project: Project, settings: Path) -> None:
    project.schema("shop/v1/click.proto", CLICK.replace("ClickEvent", "Click"))
    project.schema("shop/v1/other.proto", PAGE.replace("PageEvent", "OtherEvent"))
    vendored = project.root / "vendor/acme/money.proto"
    vendored.parent.mkdir(parents=True)
    vendored.write_text('syntax = "proto3";\npackage acme;\nmessage Money {}\n')
    project.schema(
        "shop/v1/pay.proto",
        'syntax = "proto3";\npackage shop.v1;\nimport "acme/money.proto";\n'
        "message PayEvent {\n  acme.Money money = 1;\n}\n",
    )
    settings.write_text(
        BASIC + 'import-roots = ["vendor"]\nevents = ["*.Click"]\n'
        'exclude-events = ["*.OtherEvent"]\n'
        '[tool.raccoon-codegen.overrides."shop.v1.PageEvent"]\nname = "seen"\ntype = "seen-1"\n'
    )
    result = project.bare()
    assert (result.exit_code, result.output) == (0, "")
    client = project.files()["client.py"]
    assert "send_click_event" in client
    assert "send_pay_event" in client
    assert "send_seen_event" in client
    assert '"seen-1": ".shop.v1.page_pb:PageEvent"' in client
    assert "OtherEvent" not in client


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "exclude_events = []",
            ":4:1: [tool.raccoon-codegen] has no setting 'exclude_events'",
        ),
        ("exclude_events = []", "did you mean exclude-events?"),
        (
            "zzz = 1",
            "there are schemas, import-roots, events, exclude-events, out, overrides",
        ),
        (
            'events = "x"',
            ':4:1: events is a list of texts, such as events = ["acme.audit.v1.*"]',
        ),
        ("events = [1]", ":4:1: events is a list of texts"),
        (
            '[tool.raccoon-codegen.events."a.B"]',
            ":4:23: events is a list of globs; what concerns",
        ),
        (
            '[tool.raccoon-codegen.overrides."a.B"]\nnmae = "x"',
            ":5:1: [tool.raccoon-codegen.over",
        ),
        ('[tool.raccoon-codegen.overrides."a.B"]\nnmae = "x"', "did you mean name?"),
        (
            '[tool.raccoon-codegen.overrides."a.B"]\nname = 1',
            ":5:1: name in [tool.raccoon-codegen",
        ),
        ('[tool.raccoon-codegen.overrides.a.B]\nname = "x"', "needs quotes"),
        ("overrides = 1", ":4:1: overrides is made of tables"),
        ("x = = 1", ":4:5: Invalid value"),
        (
            '[tool.raccoon-codegen.overrides."a.B"]\nname = "x"',
            ":4:33: settings for an event a.B",
        ),
        ('overrides = {"a.B" = {nam = "x"}}', ":4:23: [tool.raccoon-codegen.overrides."),
        ('overrides = {"a.B" = {name = 1}}', ":4:23: name in [tool.raccoon-codegen"),
        ('overrides = {"a.B" = {type = "b"}}', ":4:14: settings for an event a.B"),
        ("overrides.'a.B'.name = 1", ":4:17: name in [tool.raccoon-codegen"),
        ("overrides = {a.B.name = ''}", ":4:14: the message's full name in [tool.racc"),
        ('events = [\n  "a]", # "\n]\nnmae = """\nnmae = 1"""', ":7:1: [tool.raccoon-codegen] has"),
        ('events = ["x"]', "Error: pyproject.toml:4:1: events 'x' matches no message"),
        (
            'exclude-events = ["x"]',
            "Error: pyproject.toml:4:1: exclude-events 'x' matches no message",
        ),
        ('import-roots = ["no"]', "Error: pyproject.toml:4:1: no: no such directory"),
        ('import-roots = ["\\u0000"]', ":4:1: import-roots has a path with a NUL in it"),
    ],
)
def test_mistakes(project: Project, settings: Path, text: str, said: str) -> None:
    settings.write_text(f"{BASIC}{text}\n")
    result = project.bare()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert said in result.stderr
    assert not project.out.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool]\nraccoon-codegen = 1\n", ":2:1: raccoon-codegen is a table"),
        ('[tool.raccoon-codegen]\nout = ["x"]\n', ":2:1: out is a directory"),
        ("[tool.raccoon-codegen]\nout = 'x'\n", "Error: no schemas were given"),
        (
            "[tool.raccoon-codegen]\nschemas = []\nout = 'x'\n",
            "Error: pyproject.toml:2:1: schemas is an empty list; name a directory of .proto "
            'files, such as schemas = ["schemas"]\n',
        ),
        ('[tool.raccoon-codegen]\nout = "x\\u0000"\n', ":2:1: out has a path with a NUL in it"),
        (
            '[tool.raccoon-codegen]\nout = "x"\nschemas = ["no"]\n',
            "Error: pyproject.toml:3:1: no: no such file or directory",
        ),
        (
            '[tool.raccoon-codegen]\nout = "x"\nschemas = ["."]\nimport-roots = ["."]\n'
            'overrides = { "shop.v1.PageEvent" = { name = "" } }\n',
            "pyproject.toml:5:39: an event cannot be named ''",
        ),
    ],
)
def test_other_mistakes(project: Project, settings: Path, text: str, said: str) -> None:
    settings.write_text(text)
    result = project.bare()
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("setting", "said"),
    [('name = ""', "an event cannot be named ''"), ('type = "é"', "an event cannot have the type")],
)
def test_an_event_that_cannot_be(project: Project, settings: Path, setting: str, said: str) -> None:
    settings.write_text(
        f'{BASIC}[tool.raccoon-codegen.overrides."shop.v1.PageEvent"]\n# name, type\n{setting}\n',
        "utf-8",
    )
    result = project.bare()
    assert result.exit_code == 2
    assert result.stderr.startswith(f"pyproject.toml:6:1: {said}")


def test_a_mistake_of_the_command_line_is_not_the_file_s(project: Project, settings: Path) -> None:
    settings.write_text(f'{BASIC}events = ["*"]\nimport-roots = ["schemas"]\n')
    for arguments, said in [
        (("--events", "x"), "--events 'x' matches no message of the schemas"),
        (("--exclude-events", "x"), "--exclude-events 'x' matches no message of the schemas"),
        (("-I", "no"), "-I no: no such directory"),
        (("no",), "no: no such file or directory"),
    ]:
        result = project.bare(*arguments)
        assert (result.exit_code, result.stderr) == (2, f"Error: {said}\n")


def test_places_of_keys() -> None:
    text = """\
top = { a.b = [ { c = 1 }, { e = 2 } ], "d e" = 'x = 1' } # no = 1
"" = "\\"" # '
[[ list ]]
'k' = 1979-05-27T07:32:00Z
[ list . "in.ner" ]
k = [
  1.5, # ]
  "]",
]
m = '''
[no]
'''
top = {}
"""
    assert {".".join(key): place for key, place in places(text).items()} == {
        "top": (1, 1),
        "top.a": (1, 9),
        "top.a.b": (1, 11),
        "top.a.b.c": (1, 19),
        "top.a.b.e": (1, 30),
        "top.d e": (1, 41),
        "": (2, 1),
        "list": (3, 4),
        "list.k": (4, 1),
        "list.in.ner": (5, 10),
        "list.in.ner.k": (6, 1),
        "list.in.ner.m": (10, 1),
        "list.in.ner.top": (13, 1),
    }


def test_not_utf_8(project: Project, settings: Path) -> None:
    settings.write_bytes(b"\xff\n[tool.raccoon-codegen]")
    result = project.bare()
    assert result.exit_code == 2
    assert "pyproject.toml: cannot be read" in result.stderr
