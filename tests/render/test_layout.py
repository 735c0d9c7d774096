"""Whatever the lengths of its names, a rendered file is what black would make of it."""

from __future__ import annotations

from pathlib import Path

import black
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raccoon_codegen import model, style
from raccoon_codegen.build import Inputs, build
from raccoon_codegen.header import LEAVE_ALONE
from raccoon_codegen.render import INTERFACE, render, render_file
from raccoon_runtime import interface


def name(prefix: str, most: int = 100) -> st.SearchStrategy[str]:
    """Names of every length, short ones more often."""
    return st.integers(1, most).map(
        lambda length: (prefix + "abcdefghij" * 10)[:length].ljust(2, "_")
    )


DOC = st.sampled_from(
    ["", "One line.", "Two\n\nlines.", 'Ends with a "quote"', "x" * 100, "幅" * 40]
)
LITERAL = st.integers(1, 90).map(lambda length: f'"{"m" * length}"')
CLASS = st.one_of(name("C"), name("Outer", 30).map(lambda n: f"{n}.Inner"))
ANNOTATION = st.one_of(
    st.sampled_from(["str", "int", "datetime | None", "dict[str, str]", "_builtins.list[int]"]),
    CLASS,
    CLASS.map(lambda c: f"{c} | None"),
    CLASS.map(lambda c: f"list[{c}]"),
    CLASS.map(lambda c: f"dict[str, {c}]"),
)
ARGUMENT = st.one_of(
    st.sampled_from(["repeated=True", "optional=True", 'auto="now"', "packed=False"]),
    CLASS.map(lambda c: f"lambda: {c}"),
    LITERAL.map(lambda text: f"name={text}"),
)
FIELD = st.builds(
    model.Field,
    name("f"),
    ANNOTATION,
    st.sampled_from(["field", "_field"]),
    st.lists(ARGUMENT, max_size=4).map(lambda more: ("1", '"string"', *more)),
    DOC,
)
ENUM = st.builds(
    model.Enum,
    name("E"),
    st.sampled_from(["Enum", "_Enum"]),
    st.sampled_from(
        [
            (),
            ('renamed={"mro_": "mro"}',),
            ('renamed={"mro_": "mro", "name_": "name"}',),
        ]
    ),
    st.lists(
        st.builds(model.Member, name("M"), st.integers(-(2**31), 2**31 - 1), DOC),
        min_size=1,
        max_size=3,
    ).map(tuple),
    DOC,
)


def messages(
    nested: st.SearchStrategy[tuple[model.Message, ...]],
) -> st.SearchStrategy[model.Message]:
    return st.builds(
        model.Message,
        name("M"),
        st.sampled_from(["dataclass", "_dataclass", "_" * 40 + "dataclass"]),
        st.sampled_from(["Message", "_Message"]),
        st.lists(LITERAL.map(lambda text: f"proto={text}"), min_size=1, max_size=2).map(tuple),
        st.lists(ENUM, max_size=2).map(tuple),
        nested,
        st.lists(FIELD, max_size=4).map(tuple),
        DOC,
    )


MESSAGE = messages(st.lists(messages(st.just(())), max_size=2).map(tuple))
MODULE_NAME = st.one_of(
    name("m").map(lambda n: f".{n}"), st.sampled_from(["datetime", "...a.b_pb"])
)
IMPORT = st.builds(model.Import, MODULE_NAME, name("N"), st.one_of(st.none(), name("A")))
IMPORTS = st.lists(IMPORT, min_size=1, max_size=6).map(lambda found: tuple(sorted(found, key=str)))
MODULE = st.builds(
    model.Module,
    st.just("a/b_pb.py"),
    st.sampled_from(["a/b.proto", "a\nb.proto", "x" * 100]),
    st.tuples(
        st.just(model.Import("dataclasses", "dataclass")),
        st.just(model.Import("builtins")),
    ),
    st.lists(ENUM, max_size=2).map(tuple),
    st.lists(MESSAGE, min_size=1, max_size=3).map(tuple),
    st.lists(st.tuples(name("_A"), name("A")), max_size=2).map(tuple),
    DOC,
)
FACE = st.builds(
    model.Face,
    st.sampled_from(["__init__.py", "a/__init__.py"]),
    st.lists(st.tuples(name("N", 60), MODULE_NAME), max_size=8, unique_by=lambda e: e[0]).map(
        tuple
    ),
    st.sampled_from(["", "A package."]),
)
KEYWORD = st.builds(
    model.Keyword,
    name("k"),
    ANNOTATION,
    st.sampled_from([None, '""', "None", "...", "Kind.KIND_UNSPECIFIED"]),
)
EVENT = st.builds(
    model.Event,
    name("send_"),
    name("t"),
    name(".m").map(lambda module: f"{module}:Class"),
    CLASS,
    st.lists(KEYWORD, max_size=6).map(tuple),
    DOC,
    st.one_of(st.none(), st.sampled_from(["It is deprecated.", "x" * 70, "x y " * 30])),
)
CLIENT = st.builds(model.Client, IMPORTS, st.lists(EVENT, min_size=1, max_size=3).map(tuple))


@pytest.mark.parametrize(
    ("path", "pieces"),
    [
        ("a/b_pb.py", MODULE),
        ("__init__.py", FACE),
        ("a/__init__.py", FACE),
        ("client.py", CLIENT),
    ],
)
@given(data=st.data())
def test_black_leaves_it_as_it_is(
    path: str,
    pieces: st.SearchStrategy[model.Module | model.Face | model.Client],
    data: st.DataObject,
) -> None:
    source = render_file(path, data.draw(pieces))
    bare = source.replace(LEAVE_ALONE, "", 1)
    assert bare != source
    assert black.format_str(bare, mode=black.Mode()) == bare


def test_black_is_asked_only_about_long_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(source: str, indent: str) -> str:
        raise AssertionError(source)

    monkeypatch.setattr(style, "_blackened", asked)
    schemas = Path(__file__).parents[2] / "schemas"
    assert len(render(build(Inputs(schemas=(schemas,))))) > 10


def test_wide_characters_take_two_columns() -> None:
    assert [style.fits(line) for line in ("x" * 88, "x" * 89, "幅" * 44, "幅" * 44 + "x")] == [
        True,
        False,
        True,
        False,
    ]


def test_interface_is_the_runtimes() -> None:
    assert INTERFACE == interface.INTERFACE
