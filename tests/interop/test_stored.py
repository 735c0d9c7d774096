"""What a consumer would read: looked up in the dev collector."""

from __future__ import annotations

import json
from typing import Any

import pytest
from raccoon_runtime import Code, Event
from raccoon_runtime.collector import Collector
from raccoon_runtime.message import Message

from examples.samples import SAMPLES
from generated import AsyncEventClient, ClickEvent, PageEvent

from . import bodies, raw, raw_grpc
from .clients import Kind, Route, every_client, every_route, options, use
from .server import Server, identity


def filled(event: Message) -> Message:
    """The event with what is filled in when it is accepted, so that its bytes are known before."""
    copy: Any = type(event).parse(bytes(event))
    copy.event_guid = "11111111-2222-4333-8444-555555555555"
    copy.sent_time = PageEvent.from_dict({"sentTime": "2023-11-14T22:13:20.123456789Z"}).sent_time
    return copy


@every_client
@every_route
def test_each_event_as_its_serializer_writes_it(
    server: Server, view: Collector, route: Route, kind: Kind
) -> None:
    events = [filled(event) for event in SAMPLES]
    ((*acks,),) = use(kind, route.url(server), options(route), lambda client: [client.send(events)])
    stored = view.wait(len(events))
    assert [event.type for event in stored] == [event.__event__ for event in events]
    assert [event.event_bytes for event in stored] == list(map(route.serializer.encode, events))
    assert {event.req_guid for event in stored} == {ack.req_guid for ack in acks}
    for event in stored:
        assert (event.transport, event.wire.lower()) == (route.transport, route.wire)
        assert (event.acknowledged, event.group) == (True, "--default--")
    for kind_of_event in {type(event) for event in events}:
        sent = [event for event in events if type(event) is kind_of_event]
        assert view.messages(kind_of_event) == sent


@every_route
def test_what_is_filled_in_is_on_the_wire(server: Server, view: Collector, route: Route) -> None:
    event = PageEvent(event_name="x")
    use("async", route.url(server), options(route), lambda client: [client.send([event])])
    view.wait(1)
    (found,) = view.messages(PageEvent)
    assert len(found.event_guid) == 36
    assert found.sent_time is not None
    # Into the bytes, not into the caller's message.
    assert (event.event_guid, event.sent_time) == ("", None)


@every_route
def test_untyped_data_goes_as_it_is(server: Server, view: Collector, route: Route) -> None:
    data: Any = {"any": ["json", 1.5, None, {"ž": "\u2028<&>"}]}
    if route.serializer.name == "PROTO":
        data = filled(ClickEvent(element="x", x=-1))
    use("sync", route.url(server), options(route), lambda c: [c.send([Event("any", data)])])
    (stored,) = view.wait(1)
    assert stored.type == "any"
    if isinstance(data, ClickEvent):
        assert stored.event_bytes == bytes(data)
    else:
        assert json.loads(stored.event_bytes) == data


@every_client
@every_route
def test_each_client_has_an_identity_of_its_own(
    server: Server, view: Collector, route: Route, kind: Kind
) -> None:
    given = {**options(route), "headers": None, "client_name": "shop.web-1"}
    for _ in range(2):
        use(kind, route.url(server), given, lambda client: [client.send_page_event(event_name="x")])
    one, other = (event.identity for event in view.wait(2))
    assert one != other
    assert one.startswith("shop.web-1-") and other.startswith("shop.web-1-")


@every_route
def test_nothing_is_stored_of_what_cannot_be_encoded(
    server: Server, view: Collector, route: Route
) -> None:
    events: list[object] = [PageEvent(event_name="good"), Event("page", object())]

    async def calls(client: AsyncEventClient) -> None:
        await client.send(events)

    with pytest.raises(ValueError, match=r"events\[1\]: "):
        use("async", route.url(server), options(route), lambda client: [calls(client)])
    assert view.received_count == 0


@pytest.mark.parametrize("transport", ["ws", "rest", "grpc"])
async def test_the_others_of_a_poisonous_request_are_published(
    server: Server, view: Collector, transport: str
) -> None:
    body = bodies.proto("g", b'{"n":1}', bodies.POISON, b'{"n":2}')
    await _send(server, transport, body)
    stored = await view.wait_for(2)
    assert [event.event_bytes for event in stored] == [b'{"n":1}', b'{"n":2}']
    acknowledged = server.event_ack == 0
    assert [event.acknowledged for event in stored] == [acknowledged] * 2
    (received,) = view.received
    assert received.code is (Code.CODE_OK if acknowledged else Code.CODE_INTERNAL_ERROR)
    assert received.body == body
    assert received.types == ("page",) * 3


@pytest.mark.parametrize("transport", ["ws", "rest", "grpc"])
async def test_an_unreadable_request_is_received_and_not_stored(
    server: Server, view: Collector, transport: str
) -> None:
    await _send(server, transport, b"\xff")
    (received,) = view.received
    assert received.code is Code.CODE_BAD_REQUEST
    assert (received.transport, received.body) == (transport, b"\xff")
    assert view.stored == []


async def test_proto_json_on_the_json_wire_loses_its_events(
    server: Server, view: Collector
) -> None:
    body = b'{"reqGuid":"g","events":[{"eventBytes":"e30=","type":"page"}]}'
    headers = {"Content-Type": "application/json"}
    assert (await raw.http(server.http_url, body, headers)).status == 200
    (stored,) = await view.wait_for(1)
    assert (stored.req_guid, stored.type, stored.event_bytes) == ("", "page", b"")


async def _send(server: Server, transport: str, body: bytes) -> None:
    if transport == "rest":
        headers = {"Content-Type": "application/proto", **identity()}
        await raw.http(server.http_url, body, headers)
    elif transport == "grpc":
        headers = {name.lower(): value for name, value in identity().items()}
        await raw_grpc.call(server.grpc_url, body, headers)
    else:
        async with raw.websocket(server.ws_url, identity()) as ws:
            await ws.send("binary", body)
            await ws.read()
