"""The WebSocket's opening handshake, against answers that no Raccoon gives."""

from __future__ import annotations

import asyncio

import pytest
from raccoon_runtime.collector.frames import BINARY, PING, close_frame, frame
from raccoon_runtime.envelope import Code
from raccoon_runtime.errors import (
    ConnectError,
    EndpointError,
    IdentityTakenError,
    RedirectError,
    SendError,
    UnavailableError,
)

from tests.transports.conftest import Make
from tests.transports.peers import (
    Line,
    Peer,
    Session,
    header,
    hold,
    http,
    upgrade_answer,
    upgraded,
)
from tests.transports.sending import body, deliver, fail, new_guid
from tests.transports.websockets import acknowledge, refusal, serve
from tests.waiting import until

TAKEN = refusal(Code.CODE_MAX_USER_LIMIT_REACHED, "duplicated connection: [--default--] me,")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (http(200, b"<html>hello</html>", Content_Type="text/html"), EndpointError),
        (http(200, b"pong", Upgrade="websocket", Connection="Upgrade"), EndpointError),
        (http(426, b"Upgrade Required"), EndpointError),
        (http(301, Location="/there"), RedirectError),
        (http(308, Location="wss://other.example/there"), RedirectError),
        (http(503, b"<html>busy</html>", Retry_After="3"), UnavailableError),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", EndpointError),
        (b"SSH-2.0-OpenSSH_9.6\r\n", EndpointError),
        (b"", ConnectError),
    ],
)
async def test_no_websocket(make: Make, peer: Peer, answer: bytes, kind: type[SendError]) -> None:
    async def handler(line: Line) -> None:
        await line.head()
        line.write(answer)
        await line.writer.drain()
        line.writer.write_eof()
        await line.ended()

    peer.handler = handler
    transport = make(peer.url("ws"))
    await fail(transport, kind, persisted="no")
    assert transport.connections == 0


@pytest.mark.parametrize(
    "change",
    [
        {"Upgrade": "h2c"},
        {"Connection": "close"},
        {"Sec-WebSocket-Accept": "bm90IHRoZSBrZXkgYXQgYWxsISEhIQ=="},
        {"Sec-WebSocket-Accept": ""},
        {"Sec-WebSocket-Extensions": "permessage-deflate"},
        {"Sec-WebSocket-Protocol": "mqtt"},
    ],
)
async def test_a_handshake_that_is_wrong(make: Make, peer: Peer, change: dict[str, str]) -> None:
    async def wait(session: Session) -> None:
        await session.wire.ended()

    peer.handler = upgraded(wait, **change)
    await fail(make(peer.url("ws")), EndpointError, status=101, persisted="no")


@pytest.mark.parametrize(
    "change", [{"Connection": "keep-alive, UPGRADE"}, {"Upgrade": "WebSocket"}]
)
async def test_a_handshake_that_is_spelt_otherwise(
    make: Make, peer: Peer, change: dict[str, str]
) -> None:
    peer.handler = upgraded(serve, **change)
    await deliver(make(peer.url("ws")))


async def test_the_handshake_may_end_at_any_byte(make: Make, peer: Peer) -> None:
    transport = make(peer.url("ws"))

    def until_byte(size: int, how: str) -> None:
        async def handler(line: Line) -> None:
            head = await line.head()
            line.write(upgrade_answer(head)[:size])
            await line.writer.drain()
            if how == "reset":
                line.reset()

        peer.handler = handler

    for how in ("eof", "reset"):
        for size in (0, 1, 12, 40, 80, 128, 1000):
            until_byte(size, how)
            await fail(transport, ConnectError, persisted="no", retryable=True)


async def test_a_handshake_byte_by_byte(make: Make, peer: Peer) -> None:
    async def handler(line: Line) -> None:
        head = await line.head()
        await line.trickle(upgrade_answer(head))
        await serve(Session(line, head))

    peer.handler = handler
    await deliver(make(peer.url("ws")))


async def test_what_is_asked(make: Make, peer: Peer) -> None:
    heads: list[str] = []

    async def look(session: Session) -> None:
        heads.append(session.head)
        await serve(session)

    peer.handler = upgraded(look)
    url = peer.url("ws", "/events?token=%7E").replace("://", "://me:p%40ss@")
    transport = make(url, headers={"X-Team": "shop"}, client_name="till")
    await deliver(transport)
    (head,) = heads
    assert head.startswith("GET /events?token=%7E HTTP/1.1\r\n")
    assert header(head, "upgrade") == "websocket" and header(head, "connection") == "Upgrade"
    assert header(head, "sec-websocket-version") == "13"
    assert header(head, "x-team") == "shop"
    assert (header(head, "x-user-id") or "").startswith("till-")
    assert header(head, "authorization") == "Basic bWU6cEBzcw=="
    for name in ("origin", "cookie", "accept-encoding", "content-type", "sec-websocket-extensions"):
        assert header(head, name) is None


@pytest.mark.parametrize("close", [b"", close_frame(1008, b"duplicate connection: me")])
@pytest.mark.parametrize("wire", ["proto", "json"])
async def test_a_refusal_in_the_packet_of_the_handshake(
    make: Make, peer: Peer, wire: str, close: bytes
) -> None:
    async def handler(line: Line) -> None:
        head = await line.head()
        line.write(upgrade_answer(head) + frame(BINARY, TAKEN) + close)
        await line.ended()

    peer.handler = handler
    error = await fail(make(peer.url("ws"), wire=wire), IdentityTakenError, persisted="no")
    assert error.reason == "duplicated connection: [--default--] me,"


@pytest.mark.parametrize("pings", [0, 1, 3])
async def test_pings_and_a_reset_in_the_packet_of_the_handshake(
    make: Make, peer: Peer, pings: int
) -> None:
    async def handler(line: Line) -> None:
        head = await line.head()
        line.write(upgrade_answer(head) + frame(PING, b"still there?") * pings)
        line.reset()

    peer.handler = handler
    await fail(make(peer.url("ws")), ConnectError, persisted="no", retryable=True)


async def test_a_refusal_without_words(make: Make, peer: Peer) -> None:
    async def handler(line: Line) -> None:
        head = await line.head()
        line.write(upgrade_answer(head) + close_frame(1008, b"no"))
        await line.ended()

    peer.handler = handler
    await fail(make(peer.url("ws")), ConnectError, status=1008, persisted="no", retryable=True)


async def test_nothing_is_sent_before_the_server_answers_a_ping(make: Make, peer: Peer) -> None:
    asked = asyncio.Event()
    let_in = asyncio.Event()

    async def shy(session: Session) -> None:
        session.answers_pings = False
        reading = asyncio.ensure_future(session.read())
        await until(lambda: session.pinged)
        asked.set()
        await let_in.wait()
        assert not reading.done()
        session.send(b"", 0xA)
        message = await reading
        acknowledge(session, message.payload)
        await session.ended()

    peer.handler = upgraded(shy)
    sending = asyncio.ensure_future(deliver(make(peer.url("ws"))))
    await asked.wait()
    assert not sending.done()
    let_in.set()
    await sending


async def test_a_ping_of_the_servers_is_answered_before_it_admits(make: Make, peer: Peer) -> None:
    async def asks_first(session: Session) -> None:
        session.answers_pings = False
        session.send(b"who are you", 0x9)
        message = await session.read()
        assert (message.opcode, message.payload) == (0xA, b"who are you")
        session.answers_pings = True
        session.send(b"", 0xA)
        await serve(session)

    peer.handler = upgraded(asks_first)
    await deliver(make(peer.url("ws")))


async def test_all_wait_for_one_attempt(make: Make, peer: Peer) -> None:
    transport = make(peer.url("ws"))
    peer.handler = upgraded(serve)
    await asyncio.gather(*(deliver(transport) for _ in range(20)))
    assert peer.accepted == transport.connections == 1


async def test_all_hear_of_an_attempt_that_failed(make: Make, peer: Peer) -> None:
    async def refuse(line: Line) -> None:
        await line.head()
        line.write(http(503, Retry_After="2"))
        await line.writer.drain()
        await line.ended()

    peer.handler = refuse
    transport = make(peer.url("ws"))
    told = await asyncio.gather(
        *(fail(transport, UnavailableError, retry_after=2.0, persisted="no") for _ in range(9))
    )
    assert len({error.req_guid for error in told}) == 9
    assert peer.accepted == 1


async def test_who_gives_up_does_not_end_the_attempt_for_the_others(make: Make, peer: Peer) -> None:
    go_on = asyncio.Event()

    async def slow(line: Line) -> None:
        head = await line.head()
        await go_on.wait()
        line.write(upgrade_answer(head))
        await serve(Session(line, head))

    peer.handler = slow
    transport = make(peer.url("ws"))
    guid = new_guid()
    impatient = asyncio.ensure_future(transport.send(guid, body(transport.wire, guid)))
    patient = asyncio.ensure_future(deliver(transport))
    await until(lambda: peer.accepted)
    impatient.cancel()
    await asyncio.wait([impatient])
    assert impatient.cancelled()
    go_on.set()
    await patient
    assert peer.accepted == 1


async def test_close_during_the_handshake(make: Make, peer: Peer) -> None:
    peer.handler = hold
    transport = make(peer.url("ws"))
    waiting = asyncio.ensure_future(fail(transport, ConnectError, reason="closed meanwhile"))
    await until(lambda: peer.accepted)
    await transport.close()
    await waiting
