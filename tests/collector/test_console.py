"""What the command prints of an event: readable, one line, and harmless to a terminal."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raccoon_runtime.collector import Stored, console, go_proto
from raccoon_runtime.collector.decoder import Decoder
from raccoon_runtime.collector.request import Event
from raccoon_runtime.envelope import Code

from generated import AsyncEventClient, PageEvent
from tests.interop.bodies import delimited, varint


def stored(**given: Any) -> Stored:
    fields: dict[str, Any] = {
        "transport": "ws",
        "wire": "PROTO",
        "req_guid": "g-1",
        "type": "page",
        "event_bytes": b'{"a": 1}',
        "identity": "u",
        "group": "--default--",
        "code": Code.CODE_OK,
        "time": 1_700_000_000.5,
    }
    return Stored(**{**fields, **given})


def decoded(type: str, data: bytes) -> Stored:
    message, problem = Decoder(AsyncEventClient).decode(Event(data, type))
    return stored(type=type, event_bytes=data, message=message, problem=problem)


def test_a_line_for_people() -> None:
    clock = time.strftime("%H:%M:%S", time.localtime(1_700_000_000.5))
    assert console.line(stored()) == f'{clock} ws   wire=PROTO CODE_OK g-1 page {{"a":1}}'


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"", "{}"),
        (b' {"b":\n2}', '{"b":2}'),
        (b"[1e999]", "[1e999]"),
        (delimited(1, "žluť".encode()) + b"\x10\x05", '{1: "žluť", 2: 5}'),
        (delimited(3, delimited(1, b"\x1b[2J\x08\x01")), "{3: {1: 1b5b324a0801}}"),
        (delimited(1, b"\xff\xfe"), "{1: fffe}"),
        (b"\x0d\x01\x02\x03\x04", "{1: 01020304}"),
    ],
)
def test_events_of_an_unknown_type(data: bytes, shown: str) -> None:
    assert console.line(stored(event_bytes=data)).endswith(f" page {shown}")


def test_decoded_events_are_shown_as_proto_json() -> None:
    event = PageEvent(event_name="x", path="/ž", tags=["a"])
    shown = '{"eventName":"x","path":"/ž","tags":["a"]}'
    for data in (bytes(event), event.to_json().encode()):
        assert console.line(decoded("page", data)).endswith(f" page {shown}")
        assert json.loads(console.json_line(decoded("page", data)))["event"] == json.loads(shown)


def test_what_cannot_be_decoded_says_why() -> None:
    line = console.line(decoded("nope", b"{}"))
    assert line.endswith(" nope {}  (no event has the type 'nope')")
    found = json.loads(console.json_line(decoded("page", b"\x08\x01\x0f")))
    assert found["event_bytes"] == "CAEP"
    assert found["problem"]


def test_what_json_cannot_hold_is_shown_as_bytes() -> None:
    # The year 100000, which a Timestamp on the wire can hold.
    data = delimited(2, b"x") + delimited(3, b"\x08" + varint(3_093_527_980_800))
    event = decoded("page", data)
    assert event.message is not None
    assert '{2: "x", 3: ' in console.line(event)
    assert json.loads(console.json_line(event))["problem"]


def test_a_long_event_is_cut() -> None:
    data = json.dumps({"x": "y" * 5000}).encode()
    line = console.line(stored(event_bytes=data))
    assert len(line) < 2200
    assert line.endswith("yyy… (5,009 bytes)")


def test_an_event_of_a_thousand_messages_in_each_other() -> None:
    data = b"\x08\x01"
    for _ in range(1000):
        data = delimited(1, data)
    assert console.line(stored(event_bytes=data))


def test_the_json_line_has_everything() -> None:
    found = json.loads(console.json_line(stored(req_guid="", group="g")))
    assert found == {
        "time": 1_700_000_000.5,
        "transport": "ws",
        "wire": "PROTO",
        "identity": "u",
        "group": "g",
        "req_guid": "",
        "code": "CODE_OK",
        "type": "page",
        "event_bytes": "eyJhIjogMX0=",
    }


HOSTILE = [
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "a\rb\nc\x08",
    "\u202eevil\u2066",
    "\x7f",
    "\u2028",
    "\ud800",
    "\U000e0001",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_senders_reaches_the_terminal_raw(text: str) -> None:
    data = PageEvent(event_name=text.replace("\ud800", "")).to_json().encode()
    for event in (
        stored(req_guid=text, type=text, identity=text, group=text, problem=text),
        stored(event_bytes=delimited(1, text.encode(errors="replace"))),
        decoded("page", data),
    ):
        for line in (console.line(event), console.json_line(event)):
            assert line.isprintable()
            line.encode()
    assert json.loads(console.json_line(stored(req_guid=text)))["req_guid"] == text


@given(text=st.text(), data=st.binary(max_size=60))
def test_every_line_is_printable_and_one(text: str, data: bytes) -> None:
    try:
        go_proto.check(data)
    except go_proto.ProtoError:
        data = json.dumps(text).encode()
    for event in (stored(req_guid=text, type=text, event_bytes=data), decoded("page", data)):
        assert console.line(event).isprintable()
        line = console.json_line(event)
        assert line.isprintable()
        json.loads(line)


@given(st.text())
def test_json_stays_what_it_was(text: str) -> None:
    assert json.loads(console.safe(json.dumps(text, ensure_ascii=False))) == text
