"""The caller's headers, fixed or made by a function, and the identity among them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
from grpclib import Status
from hypothesis import given
from hypothesis import strategies as st
from raccoon_runtime import telemetry
from raccoon_runtime.collector import Collector, GrpcStatus, HttpStatus
from raccoon_runtime.errors import AuthError, ConfigError, HeadersError
from raccoon_runtime.headers import HeaderSource, beside, checked, checked_for_grpc
from raccoon_runtime.transports import make_transport

from generated import AsyncEventClient, PageEvent
from tests.transports.conftest import Advance, Make
from tests.transports.peers import H2, Line, Peer, http, speaking_h2
from tests.transports.sending import deliver, fail
from tests.transports.websockets import answer, guid_of
from tests.waiting import until


@pytest.mark.parametrize(
    "headers",
    [
        {"X A": "v"},
        {"": "v"},
        {"X:": "v"},
        {"X-Ü": "v"},
        {3: "v"},
        {"X": 3},
        {"X": None},
        {"X": b"v"},
        {"X": "line\nbreak"},
        {"X": "line\rbreak"},
        {"X": "nul\0"},
        {"X": "del\x7f"},
        {"X": "é"},
        {"X": "☃"},
        {"X": "\ud800"},
        {"Content-Type": "text/plain"},
        {"content-length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"Content-Encoding": "gzip"},
        {"Upgrade": "h2c"},
        {"Connection": "close"},
        {"Expect": "100-continue"},
        {"TE": "trailers"},
        {"Sec-WebSocket-Key": "x"},
        {"X-Team": "a", "x-team": "b"},
        ["X", "v"],
        "X: v",
        3,
    ],
)
@pytest.mark.parametrize("url", ["ws://host", "http://host", "grpc://host:1"])
def test_headers_that_cannot_be_sent(url: str, headers: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        make_transport(url, headers=headers)
    assert caught.value.argument == "headers"


@pytest.mark.parametrize(
    "headers",
    [
        {"grpc-timeout": "1S"},
        {"trace-bin": "v"},
        {"User-Agent": "mine"},
        {"Host": "other"},
        {"X!": "v"},
        {"X": "a\tb"},
        {"X": ""},
    ],
)
def test_headers_that_grpc_cannot_carry(headers: dict[str, str]) -> None:
    assert make_transport("http://host", headers=headers)
    with pytest.raises(ConfigError) as caught:
        make_transport("grpc://host:1", headers=headers)
    assert caught.value.argument == "headers"


LETTERS = st.text(st.characters(max_codepoint=0x17F), max_size=8)


@given(st.dictionaries(LETTERS, LETTERS, max_size=3))
def test_what_passes_is_a_line_of_its_own(headers: dict[str, str]) -> None:
    try:
        found = checked(headers)
    except ConfigError:
        return
    for name, value in found.items():
        line = f"{name}: {value}".encode("ascii")
        assert len(line.splitlines()) == 1 and line.partition(b":")[0].decode() == name
    try:
        metadata = checked_for_grpc(found)
    except ConfigError:
        return
    assert all(key == key.lower() for key in metadata)


def counter() -> tuple[Callable[[], dict[str, str]], list[int]]:
    """A function that gives another token each time, and what it gave."""
    given: list[int] = []

    def make() -> dict[str, str]:
        given.append(len(given) + 1)
        return {"Authorization": f"Bearer {given[-1]}"}

    return make, given


def refuse(collector: Collector, scheme: str, times: int) -> None:
    if scheme == "grpc":
        collector.faults.add(GrpcStatus(Status.UNAUTHENTICATED, "expired", times=times))
    else:
        collector.faults.add(HttpStatus(401, times=times))


async def test_refused_credentials_are_made_anew_once(
    make: Make, url: str, scheme: str, collector: Collector
) -> None:
    headers, given = counter()
    transport = make(url, headers=headers)
    refuse(collector, scheme, 1)
    await deliver(transport)
    assert given == [1, 2]
    if scheme == "ws":
        await transport.close()
    refuse(collector, scheme, 2)
    await fail(transport, AuthError, persisted="no", retryable=False, outage=True)
    assert given == [1, 2, 3, 4]


async def test_fixed_credentials_are_not_tried_again(
    make: Make, url: str, scheme: str, collector: Collector
) -> None:
    transport = make(url, headers={"Authorization": "Bearer old"})
    refuse(collector, scheme, 1)
    await fail(transport, AuthError, persisted="no")
    await deliver(transport)


async def test_403_is_not_tried_again(make: Make, collector: Collector) -> None:
    headers, given = counter()
    collector.faults.add(HttpStatus(403, times=1))
    await fail(make(collector.http_url, headers=headers), AuthError, status=403)
    assert given == [1]


async def test_a_function_is_asked_for_each_request_or_connection(
    make: Make, url: str, scheme: str
) -> None:
    headers, given = counter()
    transport = make(url, headers=headers)
    for _ in range(3):
        await deliver(transport)
    assert len(given) == (1 if scheme == "ws" else 3)


async def test_an_asynchronous_function(make: Make, url: str) -> None:
    async def headers() -> dict[str, str]:
        await asyncio.sleep(0)
        return {"Authorization": "Bearer new"}

    await deliver(make(url, headers=headers))


async def test_a_connection_for_all_is_opened_in_nobodys_context(
    make: Make, collector: Collector
) -> None:
    tenant, seen = ContextVar("tenant", default="nobody"), list[str]()

    def headers() -> dict[str, str]:
        seen.append(tenant.get())
        return {}

    tenant.set("first")
    await deliver(make(collector.ws_url, headers=headers))
    assert seen == ["nobody"]


async def test_a_function_that_takes_too_long(make: Make, url: str) -> None:
    cancelled = asyncio.Event()

    async def headers() -> dict[str, str]:
        try:
            await asyncio.sleep(3600)
        finally:
            cancelled.set()
        return {}

    transport = make(url, headers=headers, connect_timeout=0.1)
    error = await fail(transport, HeadersError, persisted="no", retryable=True, outage=True)
    assert error.reason == "connect_timeout= passed (0.1 s)"
    assert isinstance(error.__cause__, asyncio.TimeoutError)
    await until(cancelled.is_set)


@pytest.mark.parametrize("how", ["passes", "gives up"])
async def test_a_function_that_will_not_end_holds_nobody_up(make: Make, url: str, how: str) -> None:
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def headers() -> dict[str, str]:
        begun.set()
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()
        raise LookupError("too late")

    transport = make(url, headers=headers, connect_timeout=0.1 if how == "passes" else 20.0)
    sending = asyncio.ensure_future(deliver(transport))
    await begun.wait()
    if how == "gives up":
        sending.cancel()
    try:
        await until(sending.done)
        assert sending.cancelled() or isinstance(sending.exception(), HeadersError)
        closing = asyncio.ensure_future(transport.close())
        await until(closing.done)
        gc.collect()
        # It is kept until its end, and its error asked for.
        assert any("headers" in repr(task.get_coro()) for task in asyncio.all_tasks())
    finally:
        let_go.set()


async def test_a_function_that_fails_while_its_sender_gives_up(
    make: Make, collector: Collector
) -> None:
    """asyncio would say, in the log, that nobody asked for its error."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def headers() -> dict[str, str]:
        begun.set()
        await go_on.wait()
        raise LookupError

    async def give_up() -> None:
        sending = asyncio.ensure_future(deliver(make(collector.http_url, headers=headers)))
        await begun.wait()
        (made,) = [task for task in asyncio.all_tasks() if "headers" in repr(task.get_coro())]
        made.add_done_callback(lambda _: sending.cancel())
        go_on.set()
        await asyncio.wait([sending])
        assert sending.cancelled()

    await give_up()
    gc.collect()


async def test_what_a_function_takes_is_not_of_the_requests_time(
    make: Make, url: str, advance: Advance
) -> None:
    async def headers() -> dict[str, str]:
        advance(30.0)
        for _ in range(3):
            await asyncio.sleep(0)
        return {}

    await deliver(make(url, headers=headers, connect_timeout=40.0, ack_timeout=20.0))


async def test_a_function_that_fails(make: Make, url: str) -> None:
    def headers() -> dict[str, str]:
        raise LookupError("no vault")

    error = await fail(make(url, headers=headers), HeadersError, reason="LookupError")
    assert isinstance(error.__cause__, LookupError)


@pytest.mark.parametrize("made", [None, [], {"X": 1}, {"X Y": "v"}, {"Content-Type": "x"}, "X: v"])
async def test_a_function_that_gives_no_headers(make: Make, url: str, made: Any) -> None:
    error = await fail(make(url, headers=lambda: made), HeadersError, persisted="no")
    assert isinstance(error.__cause__, ConfigError)
    assert error.reason == str(error.__cause__)


async def test_cancellation_passes_through_a_function(make: Make, url: str) -> None:
    begun = asyncio.Event()

    async def headers() -> dict[str, str]:
        begun.set()
        await asyncio.sleep(3600)
        return {}

    transport = make(url, headers=headers)
    sending = asyncio.ensure_future(deliver(transport))
    await begun.wait()
    sending.cancel()
    await asyncio.wait([sending])
    assert sending.cancelled()
    await transport.close()


async def cancelled() -> asyncio.Task[dict[str, str]]:
    """A task that somebody has cancelled."""

    async def refresh() -> dict[str, str]:
        return {}

    task = asyncio.ensure_future(refresh())
    task.cancel()
    await asyncio.wait([task])
    return task


@pytest.mark.parametrize("how", ["awaits", "gives", "asks"])
async def test_a_cancellation_of_what_a_function_waits_for(make: Make, url: str, how: str) -> None:
    shared = await cancelled()

    async def awaits() -> dict[str, str]:
        return await shared

    functions: dict[str, Any] = {"awaits": awaits, "gives": lambda: shared, "asks": shared.result}
    transport = make(url, headers=functions[how])
    error = await fail(transport, HeadersError, persisted="no", retryable=True, outage=True)
    assert error.reason == "CancelledError"


async def test_a_cancelled_function_does_not_end_the_client(url: str) -> None:
    tasks = [await cancelled()]

    async def headers() -> dict[str, str]:
        return await tasks.pop() if tasks else {}

    async with AsyncEventClient.connect(url, headers=headers, retry_wait=0.01) as client:
        ack = await (await client.submit(PageEvent(event_name="x")))
        assert ack.ok and ack.attempts == 2


async def test_a_cancellation_of_both_is_one_of_ours(make: Make, url: str) -> None:
    begun, never = asyncio.Event(), asyncio.Event()
    shared = asyncio.ensure_future(never.wait())

    async def headers() -> dict[str, str]:
        begun.set()
        await shared
        return {}

    sending = asyncio.ensure_future(deliver(make(url, headers=headers)))
    await begun.wait()
    shared.cancel()
    sending.cancel()
    await asyncio.wait([sending])
    assert sending.cancelled()


async def test_the_identity_is_ours_unless_it_is_the_callers() -> None:
    ours = HeaderSource(None, "X-User-ID", "till")
    first, second = ours.new_identity(), ours.new_identity()
    assert first != second and first.startswith("till-")
    assert await ours.get(first) == {"X-User-ID": first}
    theirs = HeaderSource({"x-user-id": "me"}, "X-User-ID", "till")
    assert await theirs.get(first) == {"x-user-id": "me"}
    assert await HeaderSource(None, None, "till").get(first) == {}


async def test_userinfo_is_an_authorization_unless_there_is_one() -> None:
    source = HeaderSource(None, None, "till", "Basic YTpi")
    assert await source.get("id") == {"Authorization": "Basic YTpi"}
    source = HeaderSource({"authorization": "Bearer x"}, None, "till", "Basic YTpi")
    assert await source.get("id") == {"authorization": "Bearer x"}


# --- beside a trace's context -------------------------------------------------------------------


async def received(
    make: Make, peer: Peer, scheme: str, headers: dict[str, str]
) -> list[tuple[str, str]]:
    """Deliver a request with these headers; return those that came, their names in lower case."""
    found: list[tuple[str, str]] = []

    async def rest(line: Line) -> None:
        head, body = await line.request()
        pairs = [header.partition(": ") for header in head.split("\r\n")[1:] if header]
        found.extend((name.lower(), value) for name, _, value in pairs)
        line.write(http(200, answer(guid_of(body)), Content_Type="application/proto"))
        await line.ended()

    async def grpc(server: H2) -> None:
        stream, body = await server.call()
        found.extend(server.heads[0])
        server.answer(stream, answer(guid_of(body)))
        await server.wire.ended()

    peer.handler = rest if scheme == "http" else speaking_h2(grpc)
    await deliver(make(peer.url(scheme), headers=headers))
    return found


CONTEXT: dict[Any, Any] = {
    "traceparent": "00-a-b-01",
    "Baggage": "kept=1",
    "baggage": "a second one",
    "uber-trace-id": "1:2:0:1\nX-Injected: yes",
    "odd": "é",
    "sp ace": "x",
    "number": 3,
    4: "x",
    "Content-Type": "text/plain",
    "content-length": "0",
}


@pytest.mark.parametrize("scheme", ["http", "grpc"])
async def test_what_cannot_be_carried_of_a_context_is_left_out(
    make: Make, peer: Peer, scheme: str
) -> None:
    telemetry._carried.set(CONTEXT)
    found = await received(make, peer, scheme, {"X-Team": "shop"})
    names = [name for name, _ in found]
    assert ("traceparent", "00-a-b-01") in found and ("x-team", "shop") in found
    assert [value for name, value in found if name == "baggage"] == ["kept=1"]
    assert names.count("content-type") == 1 and ("content-length", "0") not in found
    assert not {"uber-trace-id", "x-injected", "odd", "sp ace", "number", "4"} & {*names}


@pytest.mark.parametrize("scheme", ["http", "grpc"])
async def test_the_callers_own_headers_win(make: Make, peer: Peer, scheme: str) -> None:
    telemetry._carried.set({"traceparent": "theirs", "TRACESTATE": "theirs", "X-User-ID": "theirs"})
    found = await received(make, peer, scheme, {"Traceparent": "mine", "tracestate": "mine"})
    ours = [value for name, value in found if name in ("traceparent", "tracestate")]
    assert ours == ["mine", "mine"]
    (identity,) = [value for name, value in found if name == "x-user-id"]
    assert identity != "theirs"


def test_one_name_is_one_header_whatever_its_case() -> None:
    assert beside({"X-A": "1"}, {"x-a": "2", "X-B": "3", "x-b": "4"}) == {"X-A": "1", "X-B": "3"}
    assert beside({"x-a": "1"}, {"X-A": "2", "X-B": "3"}, checked_for_grpc) == {
        "x-a": "1",
        "x-b": "3",
    }
