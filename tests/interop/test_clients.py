"""Our clients, asynchronous and synchronous: every route, good events and bad."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from raccoon_runtime import (
    PROTO,
    Ack,
    Code,
    EndpointError,
    Event,
    IdentityError,
    IdentityTakenError,
    PublishError,
    RedirectError,
    RejectedError,
    TooLargeError,
)
from raccoon_runtime.transports import make_transport

from examples.samples import SAMPLES
from generated import AsyncEventClient, EventClient, PageEvent

from .bodies import POISON
from .clients import ROUTES, Kind, Route, every_client, every_route, options, outcome, use
from .server import Server, identity

PROTO_ROUTES = [route for route in ROUTES if route.serializer is PROTO]
OVER_HTTP = [route for route in ROUTES if route.transport != "grpc"]
# Over WebSocket it would be the empty identity, which one connection at a time can have.
WITHOUT_WS = [route for route in ROUTES if route.transport != "ws"]


def assert_ack(ack: Ack, began: float) -> None:
    assert (ack.code, ack.reason, ack.data) == (Code.CODE_OK, "", {"req_guid": ack.req_guid})
    assert ack.req_guid and ack.attempts == 1 and not ack.possible_duplicate
    assert int(began) <= ack.sent_time <= time.time()


@every_client
@every_route
def test_typed_methods(server: Server, route: Route, kind: Kind) -> None:
    began = time.time()
    acks = use(
        kind,
        route.url(server),
        options(route),
        lambda client: [
            client.send_page_event(event_name="clicked"),
            client.send_page_event(PageEvent(event_name="žluťoučký 🦝\x00", tags=["a", ""])),
            client.send_click_event(element="button", x=-(1 << 31), y=(1 << 31) - 1),
        ],
    )
    assert len(acks) == 3
    for ack in acks:
        assert_ack(ack, began)


@every_client
@every_route
def test_each_event_of_the_schemas(server: Server, route: Route, kind: Kind) -> None:
    began = time.time()
    for acks in use(kind, route.url(server), options(route), lambda c: [c.send(SAMPLES)]):
        for ack in acks:
            assert_ack(ack, began)


def untyped(route: Route) -> Event:
    if route.serializer.name == "PROTO":
        return Event("any.type-of_1", PageEvent(event_name="x"))
    return Event("any.type-of_1", {"any": ["json", 1.5, None, {"ž": "\u2028<&>"}]})


@every_client
@every_route
def test_untyped_events(server: Server, route: Route, kind: Kind) -> None:
    event = untyped(route)
    (acks,) = use(kind, route.url(server), options(route), lambda client: [client.send([event])])
    assert [ack.code for ack in acks] == [Code.CODE_OK]


@every_route
def test_many_events_in_a_few_requests(server: Server, route: Route) -> None:
    events = [PageEvent(event_name=str(number)) for number in range(350)]
    (acks,) = use("async", route.url(server), options(route), lambda client: [client.send(events)])
    assert 1 < len({ack.req_guid for ack in acks}) == len(acks) < 50


@every_route
def test_many_callers_at_once(server: Server, route: Route) -> None:
    began = time.time()

    def calls(client: AsyncEventClient) -> list[Any]:
        return [client.send_page_event(event_name=str(number)) for number in range(200)]

    for ack in use("async", route.url(server), options(route), calls):
        assert_ack(ack, began)


@every_route
def test_many_threads_at_once(server: Server, route: Route) -> None:
    began = time.time()
    with EventClient.connect(route.url(server), **options(route)) as client:
        with ThreadPoolExecutor(8) as threads:
            names = map(str, range(80))
            acks = list(threads.map(lambda name: client.send_page_event(event_name=name), names))
        for ack in acks:
            assert_ack(ack, began)


@every_route
def test_events_that_nobody_waits_for(server: Server, route: Route) -> None:
    async def run() -> None:
        async with AsyncEventClient.connect(route.url(server), **options(route)) as client:
            stream = client.acks()
            futures = [client.submit_nowait(PageEvent(event_name=str(n))) for n in range(30)]
            await client.flush(20)
            guids = {future.result().req_guid for future in futures}
            seen: set[str] = set()
            async for ack in stream:
                assert ack.ok
                seen.add(ack.req_guid)
                if seen == guids:
                    return

    asyncio.run(asyncio.wait_for(run(), 60))


@every_client
@every_route
def test_a_large_event(server: Server, route: Route, kind: Kind) -> None:
    event = PageEvent(event_name="x" * 800_000)
    (ack,) = use(kind, route.url(server), options(route), lambda c: [c.send_page_event(event)])
    assert ack.ok


@every_route
def test_many_clients_at_once(server: Server, route: Route) -> None:
    """Each with the identity that it gives itself."""

    async def run() -> list[Ack]:
        given = {**options(route), "headers": None}
        clients = [AsyncEventClient.connect(route.url(server), **given) for _ in range(10)]
        acks = await asyncio.gather(*(c.send_page_event(event_name="x") for c in clients))
        await asyncio.gather(*(client.close() for client in clients))
        return acks

    assert all(ack.ok for ack in asyncio.run(run()))


# --- bad ------------------------------------------------------------------------------


class Poison:
    """Writes itself as bytes that a publisher refuses."""

    def SerializeToString(self) -> bytes:
        return POISON


@every_client
@pytest.mark.parametrize("route", PROTO_ROUTES, ids=str)
def test_an_event_that_cannot_be_published(server: Server, route: Route, kind: Kind) -> None:
    event = Event("page", Poison())
    got = outcome(kind, route.url(server), options(route), lambda client: client.send([event]))
    if server.event_ack == 0:
        assert isinstance(got, list) and got[0].ok
        return
    assert isinstance(got, PublishError)
    assert (got.code, got.persisted, got.retryable) == (Code.CODE_INTERNAL_ERROR, "possibly", True)
    assert got.req_guid
    if route.transport != "grpc":  # whose answer has no reason
        assert "cannot publish events: error when sending messages: proto:" in str(got)


@pytest.mark.parametrize("route", PROTO_ROUTES, ids=str)
def test_bytes_that_are_no_request(server: Server, route: Route) -> None:
    async def run() -> None:
        sending = make_transport(route.url(server), wire=route.wire, headers=identity())
        try:
            with pytest.raises(RejectedError) as refused:
                await sending.send("g", b"\xff")
        finally:
            await sending.close()
        assert (refused.value.req_guid, refused.value.persisted) == ("g", "no")
        assert not refused.value.retryable

    asyncio.run(run())


@every_client
@pytest.mark.parametrize("route", OVER_HTTP, ids=str)
def test_another_path(server: Server, route: Route, kind: Kind) -> None:
    url = route.url(server).replace("/events", "/nowhere")
    got = outcome(kind, url, options(route), lambda client: client.send_page_event(event_name="x"))
    assert isinstance(got, EndpointError)
    assert (got.status, got.persisted) == (404, "no")


@every_client
@pytest.mark.parametrize("route", OVER_HTTP, ids=str)
def test_a_redirect_is_told_and_not_followed(server: Server, route: Route, kind: Kind) -> None:
    url = route.url(server).replace("/api/", "//api/")
    got = outcome(kind, url, options(route), lambda client: client.send_page_event(event_name="x"))
    assert isinstance(got, RedirectError)
    assert (got.status, got.persisted) == (301, "no")
    assert "/api/v1/events" in str(got)


@every_client
def test_an_identity_that_is_taken(server: Server, kind: Kind) -> None:
    given = options(ROUTES[0])
    with EventClient.connect(server.ws_url, **given) as holder:
        assert holder.send_page_event(event_name="first").ok
        got = outcome(kind, server.ws_url, given, lambda c: c.send_page_event(event_name="x"))
    assert isinstance(got, IdentityTakenError)
    assert got.code is Code.CODE_MAX_USER_LIMIT_REACHED
    assert (got.persisted, got.retryable) == ("no", True)
    assert "duplicated connection: [--default--] " in str(got)


@every_client
@pytest.mark.parametrize("route", WITHOUT_WS, ids=str)
def test_without_an_identity(server: Server, route: Route, kind: Kind) -> None:
    given = options(route, headers=None, identity_header=None)
    got = outcome(
        kind, route.url(server), given, lambda client: client.send_page_event(event_name="x")
    )
    if route.transport == "rest":
        assert isinstance(got, Ack) and got.ok
    else:
        assert isinstance(got, IdentityError)
        assert "connection id header missing" in str(got)


@every_client
def test_an_event_larger_than_grpc_takes(server: Server, kind: Kind) -> None:
    given = options(PROTO_ROUTES[-1], max_event_bytes=8 << 20)
    event = PageEvent(event_name="x" * (5 << 20))
    got = outcome(kind, server.grpc_url, given, lambda client: client.send_page_event(event))
    assert isinstance(got, TooLargeError)
    assert (got.status, got.persisted) == ("RESOURCE_EXHAUSTED", "no")
