"""The recorded answers, read by our own reader: an Ack, or the error that they stand for."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from raccoon_runtime import (
    Code,
    ConnectionLimitError,
    IdentityTakenError,
    PublishError,
    RejectedError,
    SendError,
    Status,
)
from raccoon_runtime.transports.base import judge
from raccoon_runtime.wires import JSON_WIRE, PROTO_WIRE

from .answers import OK, answer, timeless
from .messages import SendEventResponse
from .recordings import GO_CLIENT, SERVER

ERRORS: dict[Code, type[SendError]] = {
    Code.CODE_BAD_REQUEST: RejectedError,
    Code.CODE_INTERNAL_ERROR: PublishError,
    Code.CODE_MAX_CONNECTION_LIMIT_REACHED: ConnectionLimitError,
    Code.CODE_MAX_USER_LIMIT_REACHED: IdentityTakenError,
}


def answers() -> Iterator[tuple[str, bytes]]:
    """Every answer of a Raccoon's that was recorded."""
    for event_ack, cases in SERVER.items():
        for case in cases:
            name = f"{event_ack}-{case['transport']}-{case['case']}"
            for frame in case.get("frames", []):
                if frame["from"] == "server" and frame["opcode"] != "close":
                    yield name, base64.b64decode(frame["body"])
            if case["transport"] != "ws" and case.get("response"):
                yield name, base64.b64decode(case["response"])
    for case in GO_CLIENT:
        yield case["case"], base64.b64decode(case["response"]["body"])


# What a Go server says for itself, not for the Raccoon, is text.
ANSWERS: list[Any] = [
    pytest.param(body, id=name)
    for name, body in answers()
    if body.startswith((b"{", b"\x08")) and body
]


def test_there_are_answers_of_each_kind() -> None:
    bodies: list[bytes] = [param.values[0] for param in ANSWERS]
    assert len(bodies) > 100
    codes = {read(body).code for body in bodies}
    assert codes == {Code.CODE_OK, *ERRORS} - {Code.CODE_MAX_CONNECTION_LIMIT_REACHED}


def read(body: bytes) -> Any:
    return (JSON_WIRE if body.startswith(b"{") else PROTO_WIRE).response(body)


def by_the_codec(body: bytes) -> SendEventResponse:
    """The same, read by the codec of generated messages.

    Go's JSON is ProtoJSON but for the names, which are the proto ones, and the numbers.
    """
    if body.startswith(b"{"):
        return SendEventResponse.from_json(body)
    return SendEventResponse.parse(body)


@pytest.mark.parametrize("body", ANSWERS)
def test_an_answer_is_read(body: bytes) -> None:
    ack, expected = read(body), by_the_codec(body)
    assert (ack.status, ack.code) == (Status(expected.status), Code(expected.code))
    assert (ack.sent_time, ack.reason) == (expected.sent_time, expected.reason)
    assert ack.data == expected.data
    assert ack.req_guid == expected.data.get("req_guid", "")


@pytest.mark.parametrize("body", ANSWERS)
def test_an_answer_is_an_ack_or_an_error(body: bytes) -> None:
    ack = read(body)
    if ack.code is Code.CODE_OK:
        assert judge(ack, ack.req_guid) is ack
        return
    mine = ack.req_guid or "mine"
    with pytest.raises(SendError) as raised:
        judge(ack, mine)
    error = raised.value
    assert type(error) is ERRORS[ack.code]
    assert (error.req_guid, error.code) == (mine, ack.code)
    assert ack.reason in str(error)


@pytest.mark.parametrize("last", [0x06, 0x20])
def test_a_time_whose_bytes_look_like_a_hard_space(last: int) -> None:
    """In such a second the comparison of answers must still take the time out."""
    time = bytes((0xA0, 0xC2, 0xA0, 0xD8, last))
    told = answer("PROTO", OK, "g")
    assert timeless(told[:5] + time + told[5:]) == told
