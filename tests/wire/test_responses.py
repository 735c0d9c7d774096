"""Responses in both wires: ours equal google's protobuf's, and what is none is a DecodeError."""

from __future__ import annotations

import base64
import contextlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import DecodeError as GoogleDecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given
from hypothesis import strategies as st
from raccoon_runtime.collector.request import JSON, PROTO, Answer
from raccoon_runtime.envelope import Ack, Code, Status
from raccoon_runtime.errors import DecodeError
from raccoon_runtime.wires import JSON_WIRE, PROTO_WIRE

from tests.wire.conftest import Envelope

GOLDEN = Path(__file__).parents[1] / "golden"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
int32 = st.integers(-(1 << 31), (1 << 31) - 1)
int64 = st.integers(-(1 << 63), (1 << 63) - 1)
responses = st.fixed_dictionaries(
    {
        "status": st.integers(0, 2) | int32,
        "code": st.integers(0, 5) | int32,
        "sent_time": int64 | st.just(1_700_000_000),
        "reason": texts,
        "data": st.dictionaries(st.just("req_guid") | texts, texts, max_size=3),
    }
)
# Fields that a later version might have, in each wire type that proto3 writes.
unknown = st.lists(
    st.sampled_from([b"\x30\x07", b"\x3a\x03new", b"\x41abcdefgh", b"\x4dabcd", b"\xf8\x07\x01"]),
    max_size=3,
).map(b"".join)


def facts(ack: Ack) -> dict[str, Any]:
    return {
        "status": int(ack.status),
        "code": int(ack.code),
        "sent_time": ack.sent_time,
        "reason": ack.reason,
        "data": dict(ack.data),
    }


@given(given=responses, more=unknown, before=st.booleans())
def test_what_google_writes(
    envelope: Envelope, given: dict[str, Any], more: bytes, before: bool
) -> None:
    body = envelope.response(**given).SerializeToString()
    ack = PROTO_WIRE.response(more + body if before else body + more)
    assert facts(ack) == given
    assert ack.req_guid == given["data"].get("req_guid", "")


@given(given=responses)
def test_what_go_writes_as_json(given: dict[str, Any]) -> None:
    told = {name: value for name, value in given.items() if value}
    assert facts(JSON_WIRE.response(json.dumps(told).encode())) == given
    # With null for what is empty it says the same.
    full = {name: value or None for name, value in given.items()}
    assert facts(JSON_WIRE.response(json.dumps({**full, "later": [1]}).encode())) == given


@given(body=st.binary(max_size=60))
def test_any_bytes_are_an_answer_or_a_decode_error(envelope: Envelope, body: bytes) -> None:
    agree(envelope, body)
    with contextlib.suppress(DecodeError):
        JSON_WIRE.response(body)


# Each known number in each wire type, with a group among them.
TYPED = {
    (number, wire): bytes((number << 3 | wire,)) + value
    for number in range(1, 6)
    for wire, value in {
        0: b"\x07",
        1: b"ABCDEFGH",
        2: b"\x06\x0a\x01k\x12\x01v",
        3: b"\x08\x01\x53\x54" + bytes((number << 3 | 4,)),
        5: b"ABCD",
    }.items()
}


@pytest.mark.parametrize(("number", "wire"), TYPED)
def test_a_known_number_of_another_wire_type(envelope: Envelope, number: int, wire: int) -> None:
    """As in google's protobuf, it is an unknown field."""
    strange, data = TYPED[number, wire], {"req_guid": "g"}
    for told in ({"status": 1, "code": 1, "data": data}, {"reason": "no"}, {"sent_time": 5}):
        body = envelope.response(**told).SerializeToString()
        for whole in (strange + body, body + strange, strange + body + strange):
            PROTO_WIRE.response(whole)
            agree(envelope, whole)


@given(parts=st.lists(st.sampled_from([*TYPED.values(), b"\x30\x07", b"\x33\x34"]), max_size=6))
def test_fields_of_any_wire_type(envelope: Envelope, parts: list[bytes]) -> None:
    agree(envelope, b"".join(parts))


def agree(envelope: Envelope, body: bytes) -> None:
    """Check that ours and google's take a body for the same, or refuse it."""
    try:
        theirs = envelope.response.FromString(body)
    except GoogleDecodeError as error:
        if "bad UTF-8" not in str(error):  # ours reads what it can of such a text
            with pytest.raises(DecodeError):
                PROTO_WIRE.response(body)
        return
    unknown = [(field.field_number, field.wire_type) for field in UnknownFieldSet(theirs)]
    try:
        ack = PROTO_WIRE.response(body)
    except DecodeError:
        # Then it has none of a response's fields, and some of their numbers.
        assert not theirs.ListFields() and any(number < 6 for number, _ in unknown)
        return
    expected = {
        "status": theirs.status,
        "code": theirs.code,
        "sent_time": theirs.sent_time,
        "reason": theirs.reason,
        "data": dict(theirs.data),
    }
    if (5, 2) in unknown:  # upb takes an entry for unknown when there is an unknown field in it
        expected["data"] = ack.data
    assert facts(ack) == expected


@given(given=responses, cut=st.integers(1, 200), at=st.integers(0, 200), bit=st.integers(0, 7))
def test_damaged_answers_raise_nothing_else(
    envelope: Envelope, given: dict[str, Any], cut: int, at: int, bit: int
) -> None:
    body = bytearray(envelope.response(**given).SerializeToString())
    if body:
        body[at % len(body)] ^= 1 << bit
    for damaged in (bytes(body), bytes(body[:-cut])):
        with contextlib.suppress(DecodeError):
            PROTO_WIRE.response(damaged)


GUIDS = [
    "g",
    "x" * 32,
    "x" * 36,
    "x" * 114,
    "x" * 115,
    "x" * 116,
    "x" * 127,
    "x" * 128,
    "é" * 20,
    "",
]


@pytest.mark.parametrize("guid", GUIDS)
@pytest.mark.parametrize("code", Code)
def test_a_servers_answer_however_it_is_read(guid: str, code: Code, envelope: Envelope) -> None:
    """What a server answers most is read by another way than the rest; nobody may tell."""
    for sent_time in (0, 1, 127, 128, 1_700_000_000, -1, (1 << 63) - 1):
        for status in Status:
            told = {"status": int(status), "code": int(code), "sent_time": sent_time, "reason": ""}
            told["data"] = {"req_guid": guid}
            body = envelope.response(**told).SerializeToString()
            assert facts(PROTO_WIRE.response(body)) == told


@pytest.mark.parametrize(
    "body",
    [
        b"\x08",
        b"\x08\x80",
        b"\x08" + b"\xff" * 10 + b"\x01",
        b"\x0a\x01x",  # only bytes where the status belongs
        b"\x22",
        b"\x22\x05abc",
        b"\x20\x01",  # only a number where the reason belongs
        b"\x28\x01",
        b"\x2a\x02\x0a\x05",
        b"\x31abc",  # half of a fixed64
        b"\x35ab",
        b"\x33",  # a group without an end
        b"\x37",
        b"\x00\x01",  # a field of number 0
        b"\x02\x01x",
        b"<html><body>502 Bad Gateway</body></html>",
        b"HTTP/1.1 400 Bad Request",
        b'{"status":1,"code":1}',
    ],
)
def test_what_is_no_answer_on_the_proto_wire(body: bytes) -> None:
    with pytest.raises(DecodeError):
        PROTO_WIRE.response(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"null",
        b"1",
        b'"x"',
        b"[]",
        b"pong",
        b"<html>",
        b'{"status":"STATUS_SUCCESS"}',
        b'{"status":1.5}',
        b'{"status":true}',
        b'{"status":false}',
        b'{"code":"1"}',
        b'{"code":[]}',
        b'{"sent_time":"2026-01-01"}',
        b'{"sent_time":99999999999999999999}',
        b'{"reason":1}',
        b'{"reason":[]}',
        b'{"data":[]}',
        b'{"data":"x"}',
        b'{"data":{"req_guid":1}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_answer_on_the_json_wire(body: bytes) -> None:
    with pytest.raises(DecodeError):
        JSON_WIRE.response(body)


@pytest.mark.parametrize("name", ["server-ack-sync", "server-ack-async"])
def test_what_the_real_server_answered(name: str, envelope: Envelope) -> None:
    """Each recorded answer is read, and says what google's protobuf says."""
    read = 0
    for case in json.loads((GOLDEN / f"{name}.json").read_text())["cases"]:
        for body in answers_of(case):
            if body.startswith(b"{"):
                told = json.loads(body)
                ack = JSON_WIRE.response(body)
                expected = {**facts(Ack("")), **told}
            else:
                theirs = envelope.response.FromString(body)
                ack = PROTO_WIRE.response(body)
                expected = {
                    "status": theirs.status,
                    "code": theirs.code,
                    "sent_time": theirs.sent_time,
                    "reason": theirs.reason,
                    "data": dict(theirs.data),
                }
            assert facts(ack) == expected
            assert ack.ok == (ack.code is Code.CODE_OK)
            read += 1
    assert read > 20


def answers_of(case: dict[str, Any]) -> list[bytes]:
    """The bodies and frames of a recorded case that are a Raccoon's answers."""
    frames = [frame for frame in case.get("frames", []) if frame["from"] == "server"]
    texts = [case.get("response"), *(frame.get("body") for frame in frames)]
    bodies = [base64.b64decode(text) for text in texts if text]
    return [body for body in bodies if body[:1] in (b"{", b"\x08")]


def test_later_values_have_names_too() -> None:
    assert Code(17).name == "CODE_17" and int(Code(17)) == 17 and Status(-3).name == "STATUS_-3"
    assert repr(Code(17)) == "<Code.CODE_17: 17>"
    assert Code(17) not in list(Code) and Code(1) is Code.CODE_OK
    assert pickle.loads(pickle.dumps(Code(17))) == 17
    for wrong in ("1", None, 1.5):
        with pytest.raises(ValueError, match="is not a valid Code"):
            Code(wrong)


def test_an_ack_of_another_form_is_the_same(envelope: Envelope) -> None:
    answer = Answer(Code.CODE_INTERNAL_ERROR, "cannot publish events: <why> & ☃", "the-guid")
    one, other = PROTO_WIRE.response(answer.encode(PROTO)), JSON_WIRE.response(answer.encode(JSON))
    assert one == other
    assert one.req_guid == "the-guid" and not one.ok and one.reason == answer.reason
    assert (one.attempts, one.possible_duplicate) == (1, False)
