"""What a decoder refuses, and how it says so: the message, the field's path, and what is wrong."""

from __future__ import annotations

import importlib
import io
import itertools
import json
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import DecodeError as TheirDecodeError
from raccoon_runtime.codec.plan import plan_of
from raccoon_runtime.errors import DecodeError, SerializationError
from raccoon_runtime.message import SIZE_DELIMITED, Casing
from raccoon_runtime.well_known import Any as AnyMessage

from tests.codec import kinds
from tests.codec.conftest import Made

SECRET = b"do-not-tell-anyone"


def told(cls: Any, data: bytes, theirs: Any = None) -> str:
    """The error of a decoding; upb refuses the same."""
    if theirs is not None:
        with pytest.raises(TheirDecodeError):
            theirs.FromString(data)
    with pytest.raises(DecodeError) as caught:
        cls.parse(data)
    assert SECRET.decode() not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def told_json(cls: Any, value: Any) -> str:
    with pytest.raises(DecodeError) as caught:
        cls.from_json(value if isinstance(value, (str, bytes)) else json.dumps(value))
    assert SECRET.decode() not in str(caught.value)
    return str(caught.value)


def tagged(number: int, wire: int, body: bytes = b"") -> bytes:
    head, tag = b"", number << 3 | wire
    while tag > 0x7F:
        head, tag = head + bytes((tag & 0x7F | 0x80,)), tag >> 7
    return head + bytes((tag,)) + body


BAD = {
    "a tag cut off": (b"\x80", "Node: truncated"),
    "a value cut off": (b"\x0a", "Node: truncated"),
    "a length cut off": (b"\x0a\x80", "Node: truncated"),
    "a text cut off": (b"\x0a\x05ab", "Node: truncated"),
    "a text cut off within": (b"\x12\x04\x0a\x05ab", "Node.child: truncated"),
    "a text longer than its message": (b"\x12\x03\x0a\x05a\x0a\x04abcd", "Node.child: truncated"),
    "a huge length": (b"\x0a\xff\xff\xff\xff\x07", "Node: truncated"),
    "a huger length": (
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        "Node: a length longer than five bytes",
    ),
    "invalid UTF-8": (b"\x0a\x01\xff", "Node.name: invalid UTF-8"),
    "a surrogate in UTF-8": (b"\x0a\x03\xed\xa0\x80", "Node.name: invalid UTF-8"),
    "overlong UTF-8": (b"\x0a\x02\xc0\x80", "Node.name: invalid UTF-8"),
    "invalid UTF-8 within": (
        b"\x1a\x00\x1a\x03\x0a\x01\xff",
        "Node.children[1].name: invalid UTF-8",
    ),
    "invalid UTF-8 in a key": (b"\x22\x03\x0a\x01\xff", "Node.named[0]: invalid UTF-8"),
    "field number 0": (b"\x00\x00", "Node: no such tag"),
    "a tag too large": (b"\xf8\xff\xff\xff\x1f\x01", "Node: no such tag"),
    "wire type 6": (b"\x0e", "Node: no such tag"),
    "a group never ended": (b"\x9b\x06", "Node: truncated"),
    "a group ended only": (b"\x9c\x06", "Node: the end of a group that was not begun"),
    "groups crossed": (
        b"\x9b\x06\xa3\x06\x9c\x06\xa4\x06",
        "Node: the end of a group that was not begun",
    ),
    "a varint of eleven bytes": (
        b"\x98\x06" + b"\xff" * 10 + b"\x01",
        "Node: a varint longer than ten bytes",
    ),
    "a length of six bytes": (
        b"\x0a\x82\x80\x80\x80\x80\x00ab",
        "Node: a length longer than five bytes",
    ),
    "a message's length of six bytes": (
        b"\x12\x83\x80\x80\x80\x80\x00\x0a\x01a",
        "Node: a length longer than five bytes",
    ),
    "a length of six bytes within": (
        b"\x12\x08\x0a\x81\x80\x80\x80\x80\x00a",
        "Node.child: a length longer than five bytes",
    ),
    "an unknown field's length of six bytes": (
        b"\x9a\x06\x80\x80\x80\x80\x80\x00",
        "Node: a length longer than five bytes",
    ),
    "a fixed cut off": (b"\x9d\x06abc", "Node: truncated"),
}


@pytest.mark.parametrize("what", BAD)
def test_bytes_that_are_no_message(made: Made, what: str) -> None:
    data, wanted = BAD[what]
    assert told(made.ours.Node, data, made.theirs.Node) == wanted


def test_lengths_of_many_bytes(made: Made) -> None:
    """Of every kind that has one, in every place: up to five bytes, as in upb."""
    for kind in kinds.KINDS:
        ours, theirs = made.pair(kinds.message_of(kind))
        for number in range(1, 8):
            for size in range(2, 11):
                data = tagged(number, 2, b"\x80" * (size - 1) + b"\x00")
                if size > 5:
                    assert told(ours, data, theirs).endswith(": a length longer than five bytes")
                else:
                    theirs.FromString(data)
                    ours.parse(data)


@pytest.mark.parametrize("data", [b"\x08", b"\x0d\x00", b"\x09\x00", b"\x0a\x01", b"\x0a\x03\x08"])
def test_numbers_cut_off(made: Made, data: bytes) -> None:
    for kind in (
        "Int32",
        "Fixed32",
        "Double",
        "Bool",
        "Mood",
        "Timestamp",
        "Int64Value",
        "FloatValue",
    ):
        ours, theirs = made.pair(f"Kind{kind}")
        for number in range(1, 7):
            harmed = tagged(number, data[0] & 7, data[1:])
            try:
                theirs.FromString(harmed)
            except TheirDecodeError:
                assert told(ours, harmed).startswith(f"Kind{kind}")
            else:
                ours.parse(harmed)


@pytest.mark.parametrize("name", ["Node", "Wide", "KindTimestamp", "KindInt32", "KindFixed64"])
def test_every_cut_is_told(made: Made, name: str) -> None:
    """A message cut at any byte is refused, or is what upb takes it for."""
    ours, theirs = made.pair(name)
    full = {
        "Node": lambda: ours(name="a" * 130, child=ours(name="b"), named={"c": ours(name="d")}),
        "Wide": lambda: ours(first=[1, 300], c2047="x", nodes={1: made.ours.Node()}, d=1.5),
        "KindTimestamp": lambda: ours.from_dict({"repeated": ["2026-03-14T15:09:26.535897Z"] * 2}),
        "KindInt32": lambda: ours(single=-1, repeated=[1, -1], unpacked=[300], keyed={5: "x"}),
        "KindFixed64": lambda: ours(single=1, repeated=[1, 2], unpacked=[3]),
    }[name]()
    data = bytes(full)
    for end in range(len(data)):
        try:
            theirs.FromString(data[:end])
        except TheirDecodeError:
            assert told(ours, data[:end]).startswith(name)
        else:
            ours.parse(data[:end])


def test_nesting(made: Made) -> None:
    def chain(levels: int, head: bytes) -> bytes:
        data = b""
        for _ in range(levels):
            size = len(data)
            length = bytes((size,)) if size < 128 else bytes((size & 127 | 128, size >> 7))
            data = head + length + data
        return data

    for head in (b"\x12", b"\x1a"):
        made.ours.Node.parse(chain(100, head))
        wanted = "Node: nested more than 100 levels deep"
        assert told(made.ours.Node, chain(101, head), made.theirs.Node) == wanted
    groups = b"\x9b\x06" * 100 + b"\x9c\x06" * 100
    assert made.ours.Node.parse(groups)._unknown_fields == groups
    assert "100 levels" in told(
        made.ours.Node, b"\x9b\x06" + groups + b"\x9c\x06", made.theirs.Node
    )


def test_what_is_no_bytes(made: Made) -> None:
    for given in ("text", None, 1, ["x"], [1]):
        with pytest.raises(DecodeError, match=r"^Node: .* where bytes belongs?"):
            made.ours.Node.parse(given)
    for given in (bytearray(b"\n\x01x"), memoryview(b"\n\x01x")):
        assert made.ours.Node.parse(given) == made.ours.Node(name="x")


LENGTHS = {
    "none": (b"", "no length where a delimited message should begin"),
    "one cut off": (b"\x80", "no length where a delimited message should begin"),
    "more than there is": (b"\x05\n\x01x", "the stream ended after 3 of 5 bytes"),
    "more than memory": (b"\xff\xff\xff\xff\x7fx", "the stream ended after 1 of 34359738367 bytes"),
    "more than a length can be": (b"\xff" * 9 + b"\x01", "a length longer than five bytes"),
    "a small one in six bytes": (b"\x80" * 5 + b"\x00", "a length longer than five bytes"),
    "one without an end": (b"\xff" * 100, "a length longer than five bytes"),
}


@pytest.mark.parametrize("what", LENGTHS)
def test_a_length_in_a_stream_that_is_none(made: Made, what: str, tmp_path: Path) -> None:
    data, wanted = LENGTHS[what]
    (tmp_path / "stream").write_bytes(data)
    for stream in (io.BytesIO(data), (tmp_path / "stream").open("rb")):
        with stream, pytest.raises(DecodeError) as caught:
            made.ours.Node().load(stream, SIZE_DELIMITED)
        assert str(caught.value) == wanted


@pytest.mark.parametrize("size", [5, 1 << 40, -5])
def test_a_stream_that_is_shorter_than_said(made: Made, size: int) -> None:
    node = made.ours.Node(name="before")
    with pytest.raises(DecodeError, match=rf"^the stream ended after 3 of {size} bytes$"):
        node.load(io.BytesIO(b"\n\x01x"), size)
    assert node == made.ours.Node(name="before")


JSON_BAD: list[tuple[str, Any, str]] = [
    ("Node", "{", "Node: not JSON: "),
    ("Node", "", "Node: not JSON: "),
    ("Node", b"\xff", "Node: not JSON: "),
    ("Node", '{"name": "\\ud800"}', "Node: not JSON: "),
    ("Node", '{"name": NaN}', "Node: not JSON: "),
    ("Node", "[]", "Node: list where an object belongs"),
    ("Node", "null", "Node: NoneType where an object belongs"),
    ("Node", '{"name": "a", "name": "b"}', "Node: the key 'name' twice in one object"),
    ("Node", '{"child": {"name": "a", "name": "b"}}', "Node: the key 'name' twice in one object"),
    ("Node", '{"named": {"a": {}, "a": {}}}', "Node: the key 'a' twice in one object"),
    ("Node", '{"data": {"a": [{"b": 1, "b": 2}]}}', "Node: the key 'b' twice in one object"),
    ("Node", '{"name": null, "name": "a"}', "Node: the key 'name' twice in one object"),
    ("Wide", '{"c2047": "a", "c2047": "a"}', "Wide: the key 'c2047' twice in one object"),
    *(
        ("Node", text.replace("_", space), "Node: the key 'a' twice in one object")
        for space in (" ", "\t", "\n", "\r\n")
        for text in (
            '{"named": {"a": {}, "a"_: {}}}',
            '{"named": {"a"_: {}, "a": {}}, "name": "x"}',
            '{"data": {"a"_: 1, "a"_: 2}, "name": "\\": \\": "}',
        )
    ),
    ("Node", {"surname": "x"}, "Node: no field 'surname'"),
    ("Node", {"child": {"children": [{}, {"x": 1}]}}, "Node.child.children[1]: no field 'x'"),
    ("Node", {"name": 1}, "Node.name: int where a str belongs"),
    ("Node", {"children": {}}, "Node.children: dict where an array belongs"),
    ("Node", {"children": [None]}, "Node.children[0]: NoneType where an object belongs"),
    ("Node", {"named": []}, "Node.named: list where an object belongs"),
    ("Node", {"named": {"a": None}}, "Node.named['a']: NoneType where an object belongs"),
    (
        "Names",
        {"snakeCase2": "a", "snake_case_2": "b"},
        "Names.snake_case_2: twice, by both of its names",
    ),
    ("Link", {"some_name": 1, "someName": None}, "Link.some_name: int where a str belongs"),
    ("Link", {"someName": None, "some_name": "a"}, "Link.some_name: twice, by both of its names"),
    ("Link", {"next_link": {"some_name": 1}}, "Link.next_link.some_name: int where a str belongs"),
    *(
        ("Link", given, f"Link.{second}: set although {first} is, of the same oneof")
        for given, first, second in (
            ({"left_end": "a", "right_end": {}}, "left_end", "right_end"),
            ({"left_end": "a", "rightEnd": {}}, "left_end", "right_end"),
            ({"leftEnd": "a", "right_end": {}}, "left_end", "right_end"),
            ({"no_end": None, "leftEnd": "a"}, "no_end", "left_end"),
        )
    ),
    (
        "Choice",
        {"text": "a", "number": 1},
        "Choice.number: set although text is, of the same oneof",
    ),
    (
        "Choice",
        {"null": None, "text": "a"},
        "Choice.text: set although null is, of the same oneof",
    ),
    (
        "KindInt32",
        {"single": 1.5},
        "KindInt32.single: a number that is no integer, or out of range",
    ),
    ("KindInt32", {"single": 2**31}, "KindInt32.single: out of range for int32"),
    ("KindInt32", {"single": "2147483648"}, "KindInt32.single: out of range for int32"),
    ("KindInt32", {"single": " 1"}, "KindInt32.single: a str that is no integer"),
    ("KindInt32", {"single": "1" * 5_000}, "KindInt32.single: "),
    ("KindInt32", {"single": True}, "KindInt32.single: bool where an integer belongs"),
    (
        "KindInt32",
        {"repeated": [1, None]},
        "KindInt32.repeated[1]: NoneType where an integer belongs",
    ),
    ("KindInt32", {"keyed": {"x": ""}}, "KindInt32.keyed[key 0]: a str that is no integer"),
    ("KindInt32", {"keyed": {"1": "", "1e0": ""}}, "KindInt32.keyed[key 1]: twice"),
    ("KindUint64", {"single": "-1"}, "KindUint64.single: out of range for uint64"),
    ("KindUint64", {"single": 2**64}, "KindUint64.single: "),
    ("KindBool", {"single": "true"}, "KindBool.single: str where true or false belongs"),
    ("KindBool", {"keyed": {"yes": ""}}, "KindBool.keyed[key 0]: str where true or false belongs"),
    ("KindDouble", {"single": "1e400"}, "KindDouble.single: out of range for double"),
    ("KindDouble", {"single": "nan"}, "KindDouble.single: a str that is no number"),
    ("KindFloat", {"single": 1e39}, "KindFloat.single: out of range for float"),
    ("KindBytes", {"single": "a"}, "KindBytes.single: a str that is no base64"),
    ("KindBytes", {"single": "a b="}, "KindBytes.single: a str that is no base64"),
    ("KindBytes", {"single": "aé=="}, "KindBytes.single: a str that is no base64"),
    ("KindMood", {"single": "MOOD_SAD"}, "KindMood.single: a str that is no name of the enum"),
    ("KindMood", {"single": 2**31}, "KindMood.single: out of range for int32"),
    ("KindMood", {"single": []}, "KindMood.single: list where an enum's name or number belongs"),
    (
        "KindTimestamp",
        {"single": "2026-03-14T15:09:26"},
        "KindTimestamp.single: a str that is no RFC",
    ),
    (
        "KindTimestamp",
        {"single": "2026-03-14t15:09:26Z"},
        "KindTimestamp.single: a str that is no RFC",
    ),
    (
        "KindTimestamp",
        {"single": "2026-02-30T15:09:26Z"},
        "KindTimestamp.single: day is out of range",
    ),
    (
        "KindTimestamp",
        {"single": "2026-02-30T15:09:26.000001Z"},
        "KindTimestamp.single: day is out",
    ),
    (
        "KindTimestamp",
        {"single": "2026-03-14T15:09:60.000001Z"},
        "KindTimestamp.single: second must be",
    ),
    (
        "KindTimestamp",
        {"single": "2026-W11-6T15:09:26.53589Z"},
        "KindTimestamp.single: a str that is no",
    ),
    (
        "KindTimestamp",
        {"single": "2026-03-14T15:09:26,535897Z"},
        "KindTimestamp.single: a str that is no",
    ),
    *(
        ("KindTimestamp", {"single": given}, "KindTimestamp.single: out of range")
        for given in (
            "0001-01-01T00:00:00+01:00",
            "0001-01-01T00:00:00.000001+01:00",
            "0001-01-01T00:00:00.000000001+00:01",
            "9999-12-31T23:59:59-01:00",
            "9999-12-31T23:59:59.999-01:00",
            "9999-12-31T23:59:59.999999999-00:01",
        )
    ),
    (
        "KindTimestamp",
        {"single": "2026-03-14T15:09:26+24:00"},
        "KindTimestamp.single: no such offset",
    ),
    ("KindTimestamp", {"single": 5}, "KindTimestamp.single: int where a str belongs"),
    ("KindDuration", {"single": "1"}, "KindDuration.single: a str that is no number of seconds"),
    (
        "KindDuration",
        {"single": "315576000001s"},
        "KindDuration.single: out of range for a Duration",
    ),
    ("KindFieldMask", {"single": "a_b"}, "KindFieldMask.single: a path that is not in camel case"),
    ("KindAny", {"single": {"value": 1}}, "KindAny.single: an Any without @type"),
    ("KindAny", {"single": {"@type": "x"}}, "KindAny.single: an Any whose type is no URL"),
    (
        "KindAny",
        {"single": {"@type": "a/b.C"}},
        "KindAny.single: an Any of 'b.C', whose class is not",
    ),
    ("KindEmpty", {"single": {"x": 1}}, "KindEmpty.single: no field 'x'"),
]


@pytest.mark.parametrize(("name", "value", "wanted"), JSON_BAD)
def test_json_that_is_no_message(made: Made, name: str, value: Any, wanted: str) -> None:
    assert told_json(getattr(made.ours, name), value).startswith(wanted)


def test_values_are_not_told(made: Made) -> None:
    secret = SECRET.decode()
    for name, value in [
        ("KindInt32", {"single": secret}),
        ("KindInt32", {"keyed": {secret: ""}}),
        ("KindMood", {"single": secret}),
        ("KindTimestamp", {"single": secret}),
        ("KindDuration", {"single": secret}),
        ("KindBytes", {"single": secret + "!"}),
        ("KindFieldMask", {"single": secret}),
    ]:
        told_json(getattr(made.ours, name), value)
    assert told(made.ours.Node, b"\x0a\x14" + SECRET + b"\xff\xff")


TWICE = {
    "a field": ("nextLink", '{"someName": "a", "someName": "b"}', "someName"),
    "a proto name": ("nextLink", '{"some_name": "a", "some_name": "b"}', "some_name"),
    "a null": ("nextLink", '{"someName": null, "someName": "b"}', "someName"),
    "in a list": ("moreLinks", '[{}, {"someName": "a", "someName": "b"}]', "someName"),
    "an entry": ("namedLinks", '{"a": {}, "a": {}}', "a"),
    "in an entry": ("namedLinks", '{"a": {"someName": "a", "someName": "b"}}', "someName"),
    "in a oneof": ("rightEnd", '{"leftEnd": "a", "leftEnd": "a"}', "leftEnd"),
    "in an Any": (
        "anyLink",
        '{"@type": "x/codec.v1.Link", "someName": "a", "someName": "b"}',
        "someName",
    ),
    "in a Struct in an Any": (
        "anyLink",
        '{"@type": "x/google.protobuf.Struct", "value": {"b": 1, "b": 2}}',
        "b",
    ),
}
SIBLINGS = ['"some_name": "a"', '"someName": null', '"no_end": null', '"x": {"y": [{"z": 1}]}', ""]


@pytest.mark.parametrize("sibling", SIBLINGS)
@pytest.mark.parametrize("what", TWICE)
def test_a_key_twice_beside_a_name_of_another_form(made: Made, what: str, sibling: str) -> None:
    """Whatever lies beside it: before it or behind it, under either of its holder's names."""
    name, value, key = TWICE[what]
    wanted = f"Link: the key '{key}' twice in one object"
    proto_name = next(f.proto_name for f in plan_of(made.ours.Link).fields if f.json_name == name)
    for holder in (f'"{name}": {value}', f'"{proto_name}": {value}'):
        for parts in ([holder, sibling], [sibling, holder]):
            if name == "rightEnd" and sibling.startswith('"no_end"'):
                continue  # two of one oneof
            text = f"{{{', '.join(filter(None, parts))}}}"
            for again in (text, f'{{"nextLink": {text}, "some_name": "a"}}'):
                with pytest.raises(DecodeError) as caught:
                    made.ours.Link.from_json(again, ignore_unknown_fields=True)
                assert str(caught.value) == wanted


def test_names_and_nulls_at_every_level(made: Made) -> None:
    """What JSON has beside the names that are looked for first is parsed once, however deep."""
    link, levels = made.ours.Link, 90
    plain = link(some_name="end")
    for _ in range(levels):
        plain = link(some_name="a", right_end=plain)
    assert link.from_json(plain.to_json(casing=Casing.SNAKE)) == plain
    assert link.from_dict(plain.to_dict(casing=Casing.SNAKE)) == plain
    for key, holder in itertools.product(("nextLink", "next_link"), ({}, {"x": {}}, {"x": None})):
        said: dict[str, Any] = {"some_name": "end"}
        wanted = link(some_name="end")
        for _ in range(levels):
            said = {"someName": None, key: said, **holder}
            wanted = link(next_link=wanted)
        text = json.dumps(said)
        assert link.from_json(text, ignore_unknown_fields=True) == wanted
        assert link.from_dict(said, ignore_unknown_fields=True) == wanted
        if holder:
            assert told_json(link, text).endswith(": no field 'x'")
    nested = '{"next_link": ' * 101 + "{}" + "}" * 101
    assert told_json(link, nested) == "Link: nested more than 100 levels deep"


LOWEST = ["-9223372036854775808", "-9223372036854775808.0", "-9.223372036854775808e18"]


@pytest.mark.parametrize("kind", ["int64", "sint64", "sfixed64", "Int64Value"])
@pytest.mark.parametrize("written", LOWEST)
def test_the_lowest_number(made: Made, kind: str, written: str) -> None:
    """However it is written. The text's other numbers stay what they are."""
    cls = getattr(made.ours, kinds.message_of(kind))
    for single in (written, f'"{written}"'):
        assert cls.from_json(f'{{"single": {single}}}') == cls(single=-(1 << 63))
        assert cls.from_json(f'{{"repeated": [{single}, 5.0]}}') == cls(repeated=[-(1 << 63), 5])
        mapped = f'{{"mapped": {{"a": {single}}}, "new": [{{}}, 1.5]}}'
        assert cls.from_json(mapped, ignore_unknown_fields=True) == cls(mapped={"a": -(1 << 63)})
    below = f'{{"single": {written}, "repeated": [-9223372036854775809]}}'
    assert told_json(cls, below).startswith(f"{cls.__name__}.repeated[0]: ")
    assert told_json(cls, '{"single": -9223372036854775809}').endswith("or out of range")
    assert told_json(cls, '{"single": 1.5}').endswith("or out of range")
    twice = f'{{"single": {written}, "single": {written}}}'
    assert told_json(cls, twice) == f"{cls.__name__}: the key 'single' twice in one object"


@pytest.mark.parametrize("written", LOWEST)
def test_the_lowest_number_is_no_other_kinds(made: Made, written: str) -> None:
    for kind in ("uint64", "int32", "bool", "string"):
        assert told_json(getattr(made.ours, kinds.message_of(kind)), f'{{"single": {written}}}')
    double = made.ours.KindDouble.from_json(f'{{"single": {written}}}')
    assert double.single.hex() == (-(2.0**63)).hex()
    deep = "[" * 5_000 + written + "]" * 5_000
    assert told_json(made.ours.KindInt64, f'{{"single": {deep}}}')


def test_json_that_is_taken(made: Made) -> None:
    """Forms that nobody writes canonically, and the spec allows."""
    everything = made.ours.Everything
    for given, wanted in [
        ({"int32Single": "1e2"}, {"int32_single": 100}),
        ({"int32Single": 5.0}, {"int32_single": 5}),
        ({"int32_single": None, "stringSingle": None}, {}),
        ({"uint64Single": 2**64 - 1}, {"uint64_single": 2**64 - 1}),
        ({"doubleSingle": "1.5"}, {"double_single": 1.5}),
        ({"doubleSingle": 1}, {"double_single": 1.0}),
        ({"doubleRepeated": [1, "-Infinity", 0.5]}, {"double_repeated": [1.0, float("-inf"), 0.5]}),
        ({"bytesSingle": "_-8"}, {"bytes_single": b"\xff\xef"}),
        ({"bytesSingle": "//8="}, {"bytes_single": b"\xff\xff"}),
        ({"bytesSingle": "//8"}, {"bytes_single": b"\xff\xff"}),
        ({"moodSingle": 1}, {"mood_single": made.ours.Mood.MOOD_GOOD}),
        ({"moodSingle": "MOOD_FINE"}, {"mood_single": made.ours.Mood.MOOD_GOOD}),
        ({"moodSingle": 7}, {"mood_single": made.ours.Mood(7)}),
        ({"boolKeyed": {"true": "a"}}, {"bool_keyed": {True: "a"}}),
        (
            {"durationSingle": "-0.5s"},
            {"duration_single": made.ours.KindDuration.from_dict({"single": "-0.500s"}).single},
        ),
    ]:
        assert everything.from_json(json.dumps(given)) == everything(**wanted)
        assert everything.from_dict(given) == everything(**wanted)


def test_unknown_names_may_be_ignored(made: Made) -> None:
    given = {"name": "a", "x": {"y": [1]}, "child": {"z": None, "name": "b"}}
    wanted = made.ours.Node(name="a", child=made.ours.Node(name="b"))
    assert made.ours.Node.from_json(json.dumps(given), ignore_unknown_fields=True) == wanted
    assert made.ours.Node.from_dict(given, ignore_unknown_fields=True) == wanted
    # A key twice is told even where it is ignored.
    twice = '{"x": {"y": 1, "y": 2}}'
    with pytest.raises(DecodeError, match="'y' twice"):
        made.ours.Node.from_json(twice, ignore_unknown_fields=True)


def test_quotes_and_colons_in_texts_are_no_keys(made: Made) -> None:
    node = made.ours.Node(name='":' * 5, named={'a":': made.ours.Node()}, data={'":': ['":']})
    assert made.ours.Node.from_json(node.to_json()) == node


def test_a_dict_of_what_has_no_bytes(made: Made) -> None:
    """Where no text is parsed, there can be more in a dict than JSON can say."""
    for given, path in [
        ({"stringSingle": "\ud800"}, "string_single: a str with a lone surrogate"),
        ({"stringMapped": {"a": "b", "\ud800": ""}}, "string_mapped[key 1]: a str with a lone"),
        ({"structSingle": {"a": ["\ud800"]}}, "struct_single['a'][0]: a str with a lone"),
        ({"leafSingle": {"name": "\ud800"}}, "leaf_single.name: a str with a lone surrogate"),
        ({"timestampSingle": datetime(2026, 1, 1)}, "timestamp_single: a naive datetime"),
    ]:
        with pytest.raises(DecodeError, match=f"^{re.escape(f'Everything.{path}')}"):
            made.ours.Everything.from_dict(given)


def test_an_any_runs_nothing_but_generated_packages(made: Made) -> None:
    """What else lies below the generated root is not imported, whatever a type's name says."""
    package = made.folder / "codec_ours"
    for place in ("foreign.py", "strange/__init__.py", "codec/foreign.py", "broken/__init__.py"):
        (package / place).parent.mkdir(exist_ok=True)
        (package / place).write_text("x = y" if "broken" not in place else "x = =")
    (package / "empty").mkdir()
    importlib.invalidate_caches()
    for name in ("foreign.X", "strange.X", "codec.foreign.X", "broken.X", "empty.X", "codec.X.Y"):
        wanted = f"Everything.any_single: an Any of '{name}', whose class is not known here"
        assert told_json(made.ours.Everything, {"anySingle": {"@type": f"x/{name}"}}) == wanted
    found = {name for name in sys.modules if name.startswith("codec_ours.")}
    assert not [name for name in found if name.endswith((".foreign", ".strange", ".broken"))]


def test_an_any_of_a_class_that_python_spells_otherwise(made: Made) -> None:
    everything = made.ours.Everything
    for name in ("_Item", "_Item._1", "None.parse", "None.__X", "annotations", "Node"):
        field = "name" if name == "Node" else "a"
        said = {"anySingle": {"@type": f"x/codec.v1.{name}", field: "text"}}
        assert everything.from_dict(said).to_dict() == said
        assert everything.from_dict(said).any_single.value == b"\n\x04text"
    for name in ("Item", "None_", "None.X", "None.E", "None.parse.a", "Mood", "v1.Node", "lazy"):
        wanted = f"an Any of 'codec.v1.{name}', whose class is not known here"
        said = {"anySingle": {"@type": f"x/codec.v1.{name}"}}
        assert told_json(everything, said) == f"Everything.any_single: {wanted}"


def test_an_any_in_a_class_of_ones_own(made: Made) -> None:
    """A class that derives from a generated one finds the same types, wherever it lies."""

    class Special(made.ours.Node):  # type: ignore[misc,name-defined] # made at run time
        pass

    class MoreSpecial(Special):
        pass

    said = {"any": {"@type": "type.googleapis.com/codec.v1.Leaf", "name": "a"}}
    for cls in (Special, MoreSpecial):
        message = cls(any=AnyMessage.pack(made.ours.Leaf(name="a")))
        assert message.to_dict() == json.loads(message.to_json()) == said
        assert cls.from_dict(said) == message


def test_an_any_of_a_type_of_many_parts(made: Made) -> None:
    url = "x/" + "a." * 3_000 + "b"
    wanted = f"Everything.any_single: an Any of {url[2:82]!r}, whose class is not known here"
    assert told_json(made.ours.Everything, {"anySingle": {"@type": url}}) == wanted
    message = made.ours.Everything(any_single=AnyMessage(type_url=url))
    with pytest.raises(SerializationError, match=f"^{re.escape(wanted)}$"):
        message.to_json()


def test_what_is_wrong_with_an_any_by_itself() -> None:
    said = {"@type": "x/google.protobuf.FloatValue", "value": 1e39}
    assert told_json(AnyMessage, said) == "Any: out of range for float"
