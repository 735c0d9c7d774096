"""Text of a schema comes out inert, and black would not write it otherwise."""

from __future__ import annotations

import ast

import black
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from raccoon_codegen.text import comment, docstring

AWKWARD = list("\\\"' \n\t\r{}%#:") + list(
    "\x00\x0b\x0c\x1b\x1c\x85\xa0\xad\u200b\u2028\u202e\u3000\ufeff本é"
)
TEXT = st.text(st.one_of(st.sampled_from(AWKWARD), st.characters()), max_size=120)

PLACES = {
    "module": ("", "{}\n\nimport os\n"),
    "class": ("    ", "class A:\n    {}\n\n    x = 1\n"),
    "attribute": ("    ", "class A:\n    x = 1\n    {}\n    y = 2\n"),
    "method": (
        "        ",
        "class A:\n    def f(self):\n        {}\n        return 1\n",
    ),
}


@pytest.mark.parametrize("place", PLACES)
@given(text=TEXT)
@example(text='"')
@example(text='""')
@example(text='"""')
@example(text='x"')
@example(text='x\\"')
@example(text="\\")
@example(text="x\\\\")
@example(text="x \\\n y \\")
@example(text='a\n"')
@example(text='a\n\n    b\n  c\n"""')
@example(text="x" * 100)
@example(text="x\n" + "y" * 100)
@example(text="\ta\n\tb\n\t\tc")
@example(text="")
def test_docstring(place: str, text: str) -> None:
    indent, template = PLACES[place]
    source = template.replace("{}", docstring(text, indent))

    source.encode()
    assert black.format_str(source, mode=black.Mode()) == source
    # Whatever the text, the code is what it would be with another one.
    assert _without_texts(source) == _without_texts(template.replace("{}", '"""x"""'))


def _without_texts(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


@given(text=TEXT)
def test_docstring_shows_nothing_that_cannot_be_seen(text: str) -> None:
    shown = docstring(text, "")
    assert not set(shown) & set("\x00\t\r\x0b\x0c\x1b\x1c\x85\xad\u200b\u2028\u202e\ufeff")
    assert all(line == line.rstrip() for line in shown.split("\n"))


@given(text=st.text(st.characters(codec="utf-8", categories=["L", "N"]), max_size=40))
def test_plain_text_stays_what_it_is(text: str) -> None:
    assert ast.literal_eval(docstring(text, "")) == text


def test_lines_keep_their_margin_and_lose_the_common_one() -> None:
    text = "One.\n\n      - two\n        three\n    four\n\n"
    assert docstring(text, "    ") == '"""One.\n\n      - two\n        three\n    four\n    """'


@given(text=TEXT)
def test_comment_stays_one_line(text: str) -> None:
    line = f"# from {comment(text)}"
    assert ast.dump(ast.parse(line)) == ast.dump(ast.parse(""))
    assert len(line.splitlines()) == 1
