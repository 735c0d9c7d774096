"""Requests in both wires: google's protobuf reads them, and the Go client's are the same bytes."""

from __future__ import annotations

import base64
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raccoon_runtime.collector import go_json, go_proto
from raccoon_runtime.collector.request import Request
from raccoon_runtime.wires import JSON_WIRE, PROTO_WIRE, WIRES, Wire

from tests.wire.conftest import Envelope

GOLDEN = Path(__file__).parents[1] / "golden"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
types = st.sampled_from(["", "page", "a" * 127, "a" * 200]) | texts
payloads = st.sampled_from([b"", b"x", bytes(118), bytes(119), bytes(2_047), bytes(5_000)]) | (
    st.binary(max_size=300)
)
# Of the clock that seals batches.
times = st.integers(0, 1 << 63) | st.sampled_from([0, 1, 999_999_999, 10**9, 1_700_000_000 * 10**9])
guids = texts.filter(bool)
requests = st.tuples(guids, times, st.lists(st.tuples(types, payloads), max_size=5))
Given = tuple[str, int, list[tuple[str, bytes]]]


def encoded(wire: Wire, given: Given) -> bytes:
    guid, time_ns, events = given
    return wire.request(guid, time_ns, [wire.frame(type, data) for type, data in events])


@given(given=requests)
def test_google_reads_the_proto_wire_and_writes_the_same(envelope: Envelope, given: Given) -> None:
    guid, time_ns, events = given
    body = encoded(PROTO_WIRE, given)
    read = envelope.request.FromString(body)
    assert read.req_guid == guid
    assert (read.sent_time.seconds, read.sent_time.nanos) == divmod(time_ns, 10**9)
    assert [(event.type, event.event_bytes) for event in read.events] == events
    assert read.SerializeToString(deterministic=True) == body


@given(given=requests)
def test_the_json_wire_is_what_go_reads(given: Given) -> None:
    guid, time_ns, events = given
    seconds, nanos = divmod(time_ns, 10**9)
    told = json.loads(encoded(JSON_WIRE, given))
    stamp = {"seconds": seconds, "nanos": nanos}
    assert told.pop("req_guid") == guid
    assert told.pop("sent_time") == {name: n for name, n in stamp.items() if n}
    found = [
        (event.get("type", ""), base64.b64decode(event.get("event_bytes", ""), validate=True))
        for event in told.pop("events", [])
    ]
    assert found == events and not told


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
@given(given=requests)
def test_the_collector_reads_both(wire: Wire, given: Given) -> None:
    guid, time_ns, events = given
    request = Request()
    parse = go_json.parse_request if wire.text else go_proto.parse_request
    parse(encoded(wire, given), request)
    assert request.req_guid == guid
    assert request.sent_time == divmod(time_ns, 10**9)
    assert [(e.type, e.event_bytes) for e in request.events if e is not None] == events


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
@given(events=st.lists(st.tuples(types, payloads), min_size=1, max_size=5))
def test_frames_give_back_what_was_framed(wire: Wire, events: list[tuple[str, bytes]]) -> None:
    for type, data in events:
        frame = wire.frame(type, data)
        assert wire.unframe(frame) == (type, data)
        assert wire.framer(type)(data) == frame


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
def test_a_large_event(wire: Wire, envelope: Envelope) -> None:
    data = bytes(range(256)) * 4_000
    body = encoded(wire, ("guid", 1, [("page", data)]))
    assert wire.unframe(wire.frame("page", data)) == ("page", data)
    if wire is PROTO_WIRE:
        assert envelope.request.FromString(body).events[0].event_bytes == data


def test_what_framing_remembers_is_little(envelope: Envelope) -> None:
    """However many types and sizes there are: nobody's memory fills, and the bytes stay right."""
    data = bytes(4_095)
    tracemalloc.start()
    try:
        for length in range(1, 61):
            frame = PROTO_WIRE.framer("t" * length)
            for size in range(len(data)):
                frame(data[:size])
        remembered, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert remembered < 8_000_000
    event = envelope.request.FromString(frame(data[:2_000])).events[0]
    assert (event.type, event.event_bytes) == ("t" * 60, data[:2_000])


# --- the Go client's recorded requests ------------------------------------------------------

CASES = json.loads((GOLDEN / "go-client.json").read_text())


def is_json(case: dict[str, Any]) -> bool:
    return bool(case["transport"] == "rest" and "wire=json" in case["case"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_what_the_go_client_sent_is_what_we_send(case: dict[str, Any], envelope: Envelope) -> None:
    body = base64.b64decode(case["request"]["body"])
    request = Request()
    parse = go_json.parse_request if is_json(case) else go_proto.parse_request
    parse(body, request)
    assert request.sent_time is not None
    seconds, nanos = request.sent_time
    events = [(event.type, event.event_bytes) for event in request.events if event is not None]
    wire = JSON_WIRE if is_json(case) else PROTO_WIRE
    assert encoded(wire, (request.req_guid, seconds * 10**9 + nanos, events)) == body


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_what_the_server_answered_the_go_client(case: dict[str, Any]) -> None:
    wire = JSON_WIRE if is_json(case) else PROTO_WIRE
    ack = wire.response(base64.b64decode(case["response"]["body"]))
    assert ack.ok and ack.sent_time > 1_700_000_000 and ack.reason == ""
    assert ack.data == {"req_guid": ack.req_guid} and len(ack.req_guid) == 36
