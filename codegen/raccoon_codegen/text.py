"""Text from a schema, made inert: the one way in which it gets into generated code."""

from __future__ import annotations

import re

_TAB = 4

# What a reader would not see, or what would move other text: control characters, spaces of no
# width, marks that change the direction of writing, line separators, lone surrogates, tags. A list
# of our own: Python's changes with its version, and the output must not.
_UNSEEN = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufeff\uffa0"
    r"\ufff0-\ufffc\ufffe\uffff\U000e0000-\U000e0fff]"
)
_QUOTES = re.compile(r'"{3,}')
_INDENT = re.compile(r"\s+")


def docstring(text: str, indent: str) -> str:
    """A docstring literal of `text`, laid out as black does; lines after the first are indented.

    It holds the text of the schema, so it always is a plain string between triple quotes.
    """
    first, *rest = _lines(text)
    if first.startswith('"'):
        first = f"\\{first}"
    if rest:
        below = "\n".join(f"{indent}{line}" if line else "" for line in rest)
        return f'"""{first}\n{below}\n{indent}"""'
    end = " " if first.endswith('"') else ""
    return f'"""{first}{end}"""'


def comment(text: str) -> str:
    """Text that cannot leave the comment in which it stands."""
    return _UNSEEN.sub(_escaped, text.replace("\n", "\\n")).strip()


def _lines(text: str) -> list[str]:
    """At least one line, without the margin that all after the first have in common."""
    plain = text.expandtabs(_TAB).replace("\\", "\\\\")
    plain = _QUOTES.sub(lambda quotes: '\\"' * len(quotes[0]), plain)
    lines = [line.rstrip() for line in _UNSEEN.sub(_escaped, plain).split("\n")]
    while len(lines) > 1 and not lines[-1]:
        lines.pop()
    while len(lines) > 1 and not lines[0]:
        lines.pop(0)
    rest = [
        _INDENT.sub(_spaces, line, count=1) if line[:1].isspace() else line for line in lines[1:]
    ]
    margin = min((len(line) - len(line.lstrip()) for line in rest if line), default=0)
    return [lines[0].lstrip(), *(line[margin:] for line in rest)]


def _spaces(indent: re.Match[str]) -> str:
    return " " * len(indent[0])


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
