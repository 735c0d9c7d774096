"""Every field kind in every place: bytes and ProtoJSON, out and in, beside google's protobuf."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format
from raccoon_runtime import codec
from raccoon_runtime.message import Casing, OutputFormat

from tests.codec import kinds
from tests.codec.conftest import Made
from tests.codec.google import same, to_google

OBJECTS = ("Struct", "Value", "ListValue")
"""Of these the order of keys is nobody's, and differs."""

CASES = [(kind, place) for kind in kinds.KINDS for place in kinds.places(kind)]


def filled(kind: str, place: str, made: Made) -> list[Any]:
    """What a field may hold, the empty first."""
    each = kinds.values(kind, made.ours)
    if kind == "Value" and place in ("repeated", "mapped"):
        each = (None, *each[1:])  # where nothing can be unset, None is null
    if place in ("repeated", "unpacked"):
        return [[], *([value] for value in each), list(each), list(each) * 20]
    if place == "mapped":
        return [{}, *({"k": value} for value in each), {f"k{i}": v for i, v in enumerate(each)}]
    if place == "keyed":
        return [{}, *({value: "v"} for value in each), dict.fromkeys(each, "v")]
    return list(each)


@pytest.mark.parametrize(("kind", "place"), CASES)
def test_bytes(made: Made, kind: str, place: str) -> None:
    ours, theirs = made.pair(kinds.message_of(kind))
    for value in filled(kind, place, made):
        message = ours(**{place: value})
        written, peer = bytes(message), to_google(message, theirs)
        assert same(theirs.FromString(written), peer)
        if not (kind in OBJECTS or (isinstance(value, dict) and len(value) > 1)):
            assert written == peer.SerializeToString()
        assert codec.of(ours).encode_fields({place: value}) == written
        assert ours.parse(peer.SerializeToString()) == message
        assert ours.parse(written) == message


@pytest.mark.parametrize(("kind", "place"), CASES)
def test_json(made: Made, kind: str, place: str) -> None:
    ours, theirs = made.pair(kinds.message_of(kind))
    for value in filled(kind, place, made):
        message = ours(**{place: value})
        peer = to_google(message, theirs)
        text = message.to_json()
        assert json.loads(text) == json_format.MessageToDict(peer)
        assert codec.of(ours).json_fields({place: value}) == text.encode()
        assert message.to_dict() == json.loads(text)
        assert same(json_format.Parse(text, theirs()), peer)
        assert ours.from_json(json_format.MessageToJson(peer)) == message
        assert ours.from_json(text) == message
        assert ours.from_dict(message.to_dict()) == message
        python = message.to_dict(output_format=OutputFormat.PYTHON)
        assert ours.from_dict(python) == message


@pytest.mark.parametrize(("kind", "bits"), [("float", "0100c07f"), ("double", "010000000000f47f")])
def test_a_nan_is_kept_to_the_bit(made: Made, kind: str, bits: str) -> None:
    cls = getattr(made.ours, kinds.message_of(kind))
    tag = b"\x0d" if kind == "float" else b"\x09"
    data = tag + bytes.fromhex(bits)
    assert bytes(cls.parse(data)) == data


@pytest.mark.parametrize("form", OutputFormat)
def test_what_defaults_are_shown_of_comes_back(made: Made, form: OutputFormat) -> None:
    """Null stands for what is not set, except where it would be a value."""
    for name in [*map(kinds.message_of, kinds.KINDS), "Everything", "Node", "Choice"]:
        cls = getattr(made.ours, name)
        shown = cls().to_dict(output_format=form, include_default_values=True)
        assert cls.from_dict(shown) == cls()
        assert cls.from_json(cls().to_json(include_default_values=True)) == cls()
    value = made.ours.KindValue().to_dict(output_format=form, include_default_values=True)
    assert value == {"repeated": [], "mapped": {}, "otherwise": None}
    null = made.ours.Choice(null=made.ours.Choice.from_json('{"null": null}').null)
    shown = null.to_dict(output_format=form, include_default_values=True)
    assert made.ours.Choice.from_dict(shown) == null


@pytest.mark.parametrize(("kind", "place"), CASES)
def test_json_with_proto_names(made: Made, kind: str, place: str) -> None:
    _, theirs = made.pair("Everything")
    ours = made.ours.Everything
    name = f"{kind.lower()}_{place}"
    for value in filled(kind, place, made):
        message = ours(**{name: value})
        peer = to_google(message, theirs)
        text = message.to_json(casing=Casing.SNAKE)
        names = json_format.MessageToDict(peer, preserving_proto_field_name=True)
        assert json.loads(text) == names
        assert codec.of(ours).json_fields_proto_names({name: value}) == text.encode()
        assert ours.from_json(text) == message
        assert same(json_format.Parse(text, theirs()), peer)


@pytest.mark.parametrize(("kind", "place"), CASES)
def test_bytes_among_many(made: Made, kind: str, place: str) -> None:
    """The same in a message of more than a hundred fields, whose decoder is another."""
    ours, theirs = made.pair("Everything")
    name = f"{kind.lower()}_{place}"
    for value in filled(kind, place, made):
        message = ours(**{name: value})
        peer = to_google(message, theirs)
        assert same(theirs.FromString(bytes(message)), peer)
        assert ours.parse(peer.SerializeToString()) == message
