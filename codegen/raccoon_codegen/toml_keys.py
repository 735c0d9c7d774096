"""Where the keys of a TOML text stand, which its parser does not tell."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(
    r"""
    (?P<word> \"{3} (?:\\.|.)*? \"{3,5} | '{3} .*? '{3,5} | "(?:\\.|[^"\\])*" | '[^']*'
            | [^\s\[\]{}=,.\#"']+ )
    | (?P<mark> [\n\[\]{}=,] )
    | \#[^\n]*
    """,
    re.VERBOSE | re.DOTALL,
)


def places(text: str) -> Mapping[tuple[str, ...], tuple[int, int]]:
    """Line and column, counted from 1, of the first mention of each key of a valid text.

    A key comes behind those of the tables around it, and as it is written where it has escapes.
    """
    found: dict[tuple[str, ...], tuple[int, int]] = {}
    # What is open, outermost first: what comes between its entries, and the keys that lead to it.
    within: list[tuple[str, tuple[str, ...]]] = [("\n", ())]
    key: tuple[str, ...] = ()
    reads_key = True
    for token in _TOKEN.finditer(text):
        between, around = within[-1]
        word, mark = token["word"], token["mark"]
        if word:
            if reads_key:
                key += (word[1:-1] if word[0] in "\"'" else word,)
                found.setdefault(around + key, _place(text, token.start()))
        elif mark == "=":
            reads_key = False
        elif mark == "[" and reads_key:
            within = [("\n", ())]
        elif mark == "]" and reads_key:
            within, reads_key = [("\n", key)], False
        elif mark in ("[", "{"):
            within.append(("," if mark == "{" else "", around + key))
            key, reads_key = (), mark == "{"
        elif mark in ("]", "}"):
            within, key, reads_key = within[:-1] or within, (), False
        elif mark == between:
            key, reads_key = (), True
    return found


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
