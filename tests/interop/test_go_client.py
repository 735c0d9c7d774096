"""Beside the Go client: our types read its requests, and our clients send the same bytes.

Its JSON serializer is Go's own encoding of a struct, where ours is ProtoJSON: with PROTO only are
the events the same.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import Any

import pytest
from raccoon_runtime import PROTO, Event, GrpcTransport, RestTransport, WebSocketTransport
from raccoon_runtime.client import AsyncClient
from raccoon_runtime.collector import Collector

from .messages import PageEvent, SendEventRequest
from .recordings import GO_CLIENT
from .server import Server, identity

BY_NAME = {case["case"]: case for case in GO_CLIENT}


def requests(serializer: str, wire: str) -> list[Any]:
    """The bodies that were sent with a serializer, in the form of a wire."""
    return [
        pytest.param(base64.b64decode(case["request"]["body"]), id=case["case"])
        for case in GO_CLIENT
        if f"serializer={serializer}" in case["case"]
        and (case["transport"] == "rest") == (wire == "json")
    ]


@pytest.mark.parametrize("body", requests("proto", "proto") + requests("json", "proto"))
def test_its_requests_are_read_and_written_back(body: bytes) -> None:
    request = SendEventRequest.parse(body)
    assert re.fullmatch(r"[0-9a-f-]{36}", request.req_guid)
    assert request.sent_time is not None and request.sent_time.year == 2026
    assert bytes(request) == body


@pytest.mark.parametrize("body", requests("proto", "proto"))
def test_its_events_are_read_and_written_back(body: bytes) -> None:
    for event in SendEventRequest.parse(body).events:
        assert event.type in ("page", "click")
        page = PageEvent.parse(event.event_bytes)
        assert page.event_name
        assert bytes(page) == event.event_bytes


def page(guid: str) -> PageEvent:
    """The event that was sent, made from what it says."""
    stamp = "2023-11-14T22:13:20.123456789Z"  # 1,700,000,000 s and 123,456,789 ns
    return PageEvent.from_dict({"eventGuid": guid, "eventName": "clicked", "sentTime": stamp})


EVENTS = {
    "one": [Event("page", page("guid-1"))],
    "two": [Event("page", page("guid-1")), Event("click", page("guid-2"))],
    "unicode": [Event("page", PageEvent(event_name="žluťoučký 🦝 <&>\u2028"))],
}


def sent(server: Server, view: Collector, transport: str, wire: Any, name: str) -> bytes:
    """What our client sends, to the byte."""
    given: Any = {"headers": identity()}
    transports = {
        "ws": lambda: WebSocketTransport(server.ws_url, wire=wire, **given),
        "rest": lambda: RestTransport(server.http_url, wire=wire, **given),
        "grpc": lambda: GrpcTransport(server.grpc_url, **given),
    }

    async def run() -> None:
        async with AsyncClient(transports[transport](), serializer=PROTO) as client:
            await client.send(EVENTS[name])

    asyncio.run(run())
    (received,) = view.received
    return received.body


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("transport", ["ws", "rest", "grpc"])
def test_our_requests_on_the_proto_wire(
    server: Server, view: Collector, transport: str, name: str
) -> None:
    ours = sent(server, view, transport, "proto", name)
    # The Go client's REST knows the JSON wire only; what it would be is what the others send.
    recorded = BY_NAME[f"go/{'ws' if transport == 'rest' else transport}/serializer=proto/{name}"]
    theirs = SendEventRequest.parse(base64.b64decode(recorded["request"]["body"]))
    mine = SendEventRequest.parse(ours)
    theirs.req_guid, theirs.sent_time = mine.req_guid, mine.sent_time
    assert ours == bytes(theirs)


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("transport", ["ws", "rest"])
def test_our_requests_on_the_json_wire(
    server: Server, view: Collector, transport: str, name: str
) -> None:
    ours = sent(server, view, transport, "json", name)
    recorded = BY_NAME[f"go/rest/serializer=proto/wire=json/{name}"]
    theirs = base64.b64decode(recorded["request"]["body"])
    assert _comparable(ours) == _comparable(theirs)


def _comparable(body: bytes) -> bytes:
    """The text without its guid and its time."""
    found = json.loads(body)
    for value in (found["req_guid"], *map(str, found["sent_time"].values())):
        assert body.count(value.encode()) == 1
        body = body.replace(value.encode(), b"?")
    return body
