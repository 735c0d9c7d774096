"""Harm done to bytes and to JSON."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Mutation = tuple[str, int, int, bytes]
"""What, where, how much, and what is put there; places are taken modulo the length."""

SNIPPETS = (
    b"\x80",
    b"\xff" * 9 + b"\x01",
    b"\xff" * 10,
    b"\x00",
    b"\x0b\x0c",
    b"\x0b" * 120,
    b"\x0c",
    b"\x08\x80\x80\x00",
    b"\x8a\x80\x00\x01x",
    b"\x0a\xff\xff\xff\xff\x0f",
    b"\x0a\x82\x80\x80\x80\x00",
    b"\x0a\x82\x80\x80\x80\x80\x00",
    b"\x0a\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00",
    b"\xf8\xff\xff\xff\x0f\x01",
    b"\xf8\xff\xff\xff\x1f\x01",
    b"\xed\xa0\x80",
    b"\xc0\x80",
)


def mutations() -> st.SearchStrategy[list[Mutation]]:
    """A few mutations."""
    kinds = st.sampled_from(("insert", "delete", "replace", "repeat", "cut", "flip"))
    content = st.binary(min_size=1, max_size=6) | st.sampled_from(SNIPPETS)
    where = st.integers(0, 10_000)
    return st.lists(st.tuples(kinds, where, st.integers(1, 8), content), min_size=1, max_size=3)


def mutate(data: bytes, todo: list[Mutation]) -> bytes:
    """Return the bytes with the mutations done."""
    for what, where, size, content in todo:
        at = where % (len(data) + 1)
        if what == "insert":
            data = data[:at] + content + data[at:]
        elif what == "delete":
            data = data[:at] + data[at + size :]
        elif what == "replace":
            data = data[:at] + content + data[at + len(content) :]
        elif what == "repeat":
            data = data[:at] + data[at : at + size] * 2 + data[at + size :]
        elif what == "cut":
            data = data[:at]
        elif at < len(data):
            data = data[:at] + bytes((data[at] ^ 1 << size % 8,)) + data[at + 1 :]
    return data


ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    0.5,
    1e300,
    2**63,
    2**64,
    10**30,
    "",
    "1",
    "-0",
    "1e3",
    "0.0",
    " 1",
    "NaN",
    "Infinity",
    "2026-03-14T15:09:26Z",
    "2026-03-14t15:09:26z",
    "2026-03-14T15:09:26.123456789+14:00",
    "0000-01-01T00:00:00Z",
    "1.5s",
    "1.s",
    "-0.5s",
    "999999999999s",
    "aGk=",
    "aGk",
    "_-8",
    "a b",
    "true",
    "MOOD_GOOD",
    "x" * 300,
    "fooBar,bazQux",
    [],
    [None],
    [[]],
    {},
    {"": None},
    {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"},
    {"@type": "type.googleapis.com/codec.v1.Leaf", "name": "x"},
    {"@type": "nothing"},
)


@st.composite
def changed_json(draw: st.DrawFn, value: Any) -> Any:
    """The JSON with one value in it changed into something odd, or one key."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value)))
        if draw(st.integers(0, 5)) == 0:
            rest = {k: v for k, v in value.items() if k != key}
            return {**rest, draw(st.text(max_size=3)): value[key]}
        return {**value, key: draw(changed_json(value[key]))}
    if isinstance(value, list) and value and draw(st.booleans()):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], draw(changed_json(value[index])), *value[index + 1 :]]
    return draw(st.sampled_from(ODD))
