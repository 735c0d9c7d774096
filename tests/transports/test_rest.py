"""REST against answers that no Raccoon gives."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from raccoon_runtime.envelope import Code
from raccoon_runtime.errors import (
    AckTimeoutError,
    AnswerError,
    ConnectError,
    ConnectionLostError,
    EndpointError,
    PublishError,
    RedirectError,
    RejectedError,
    SendError,
    TooLargeError,
    UnavailableError,
)

from tests.transports.conftest import Make
from tests.transports.peers import Handler, Line, Peer, answering, header, hold, http
from tests.transports.sending import body, deliver, fail, new_guid
from tests.waiting import until

GUID = "0123456789abcdef0123456789abcdef"
FACTS: dict[str, Any] = {
    "status": 1,
    "code": 1,
    "sent_time": 1_700_000_000,
    "data": {"req_guid": GUID},
}
YES = json.dumps(FACTS).encode()
JSON = {"Content_Type": "application/json"}


def once(answer: bytes, end: Callable[[Line], object] | None = None) -> Handler:
    """Answer one request with these bytes, and end the connection."""

    async def handler(line: Line) -> None:
        await line.request()
        line.write(answer)
        await line.writer.drain()
        if end is not None:
            end(line)
        else:
            line.writer.close()
            await line.ended()

    return handler


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00" * 100,
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000 + b"\r\n\r\n",
        http(200, b"<html>Welcome to the portal</html>", Content_Type="text/html"),
        http(200),
        http(200, b"[]", **JSON),
        http(200, b"{}", **JSON),
        http(200, b'{"status":"OK"}', **JSON),
        http(200, b"\xff\xfe", Content_Type="application/proto"),
        http(200, YES.replace(b"0123", b"3210"), **JSON),
        http(200, b'{"status":1,"code":99}', **JSON),
        http(202, YES, **JSON),
        http(400, b"<html>no</html>"),
        http(400, YES, **JSON),
    ],
)
async def test_what_is_no_answer(make: Make, peer: Peer, answer: bytes) -> None:
    peer.handler = once(answer)
    transport = make(peer.url("http"))
    await fail(transport, AnswerError, req_guid=GUID, persisted="possibly", retryable=True)


@pytest.mark.parametrize(
    ("status", "facts", "kind", "reason"),
    [
        (400, {"code": 2, "reason": "deserialization failure"}, RejectedError, None),
        (400, {"code": 2, "reason": "invalid content type"}, EndpointError, None),
        (500, {"code": 3, "reason": "cannot publish events: why"}, PublishError, None),
        (200, {"code": 3, "reason": "cannot publish events: why"}, PublishError, None),
        (500, {"code": 1}, UnavailableError, ""),
        (500, {"code": 2}, UnavailableError, ""),
        (502, {"code": 3}, UnavailableError, ""),
        (404, {"code": 2}, EndpointError, ""),
    ],
)
async def test_statuses_and_codes(
    make: Make, peer: Peer, status: int, facts: dict[str, Any], kind: type[SendError], reason: Any
) -> None:
    told = {"status": 2, **facts, "data": {"req_guid": GUID}}
    peer.handler = answering(http(status, json.dumps(told).encode(), **JSON))
    error = await fail(make(peer.url("http")), kind, req_guid=GUID, status=status)
    assert error.reason == (facts["reason"] if reason is None else reason)


async def test_a_refusal_of_another_request_is_no_answer(make: Make, peer: Peer) -> None:
    told = {"status": 2, "code": 2, "reason": "why", "data": {"req_guid": GUID}}
    peer.handler = answering(http(400, json.dumps(told).encode(), **JSON))
    error = await fail(
        make(peer.url("http")), AnswerError, status=400, persisted="possibly", retryable=True
    )
    assert "to another request" in error.reason


@pytest.mark.parametrize("how", ["eof", "reset"])
async def test_an_answer_that_breaks_off_at_any_byte(make: Make, peer: Peer, how: str) -> None:
    answer = http(200, YES, **JSON)
    transport = make(peer.url("http"))
    for size in range(len(answer)):
        peer.handlers = [once(answer[:size], Line.reset if how == "reset" else None)]
        guid = new_guid()
        with pytest.raises(SendError) as caught:
            await transport.send(guid, body(transport.wire, guid))
        assert type(caught.value) in (ConnectionLostError, AnswerError)
        assert caught.value.persisted == "possibly" and caught.value.req_guid == guid
    peer.handlers = [once(answer)]
    await deliver(transport, req_guid=GUID)
    assert peer.accepted == len(answer) + 1


async def test_an_answer_byte_by_byte(make: Make, peer: Peer) -> None:
    async def handler(line: Line) -> None:
        await line.request()
        await line.trickle(http(200, YES, **JSON))
        await line.ended()

    peer.handler = handler
    await deliver(make(peer.url("http")), req_guid=GUID)


async def test_an_answer_that_never_ends(make: Make, peer: Peer) -> None:
    async def handler(line: Line) -> None:
        await line.request()
        line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            await line.trickle(b" ")
            await asyncio.sleep(0.02)

    peer.handler = handler
    limits = {"connect_timeout": 0.1, "write_timeout": 0.1, "ack_timeout": 0.2}
    await fail(make(peer.url("http"), **limits), AckTimeoutError, persisted="possibly")


@pytest.mark.parametrize("encoding", ["Content-Length: 100000000000", "Transfer-Encoding: chunked"])
async def test_an_answer_that_is_too_long(make: Make, peer: Peer, encoding: str) -> None:
    written = 0

    async def handler(line: Line) -> None:
        nonlocal written
        await line.request()
        line.write(f"HTTP/1.1 200 OK\r\n{encoding}\r\n\r\n".encode())
        piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        while True:
            line.write(piece)
            written += len(piece)
            await line.writer.drain()

    peer.handler = handler
    await fail(make(peer.url("http")), AnswerError, persisted="possibly")
    # A mebibyte, and what the buffers of both sides hold.
    assert written < 40 << 20


async def test_413_before_the_body_was_read(make: Make, peer: Peer) -> None:
    async def handler(line: Line) -> None:
        await line.head()
        line.write(http(413, b"too large", Connection="close"))
        await line.writer.drain()
        line.writer.write_eof()
        await line.ended()

    peer.handler = handler
    await fail(make(peer.url("http")), TooLargeError, b"1" * 500_000, status=413, persisted="no")


async def test_a_server_that_reads_nothing(make: Make, peer: Peer) -> None:
    async def handler(line: Line) -> None:
        line.reader._limit = 1  # type: ignore[attr-defined]  # so that it stops reading at once
        await asyncio.sleep(3600)

    peer.handler = handler
    limits = {"connect_timeout": 0.1, "write_timeout": 0.1, "ack_timeout": 0.2}
    transport = make(peer.url("http"), **limits)
    await fail(transport, AckTimeoutError, b"1" * (16 << 20), persisted="possibly")


async def test_connections_are_kept_and_replaced(make: Make, peer: Peer) -> None:
    transport = make(peer.url("http"))
    peer.handlers = [answering(http(200, YES, **JSON))]
    for _ in range(3):
        await deliver(transport, req_guid=GUID)
    assert peer.accepted == 1
    peer.handlers = [once(http(200, YES, **JSON, Connection="close"))] * 2
    await transport.close()
    for _ in range(2):
        await deliver(transport, req_guid=GUID)
    assert peer.accepted == 3


async def test_a_connection_that_the_server_closed_meanwhile(make: Make, peer: Peer) -> None:
    transport = make(peer.url("http"))
    closed = asyncio.Event()

    async def handler(line: Line) -> None:
        await line.request()
        line.write(http(200, YES, **JSON))
        await line.writer.drain()
        line.writer.write_eof()
        await line.ended()
        closed.set()

    peer.handler = handler
    await deliver(transport, req_guid=GUID)
    await closed.wait()
    await deliver(transport, req_guid=GUID)


async def test_what_goes_out(make: Make, peer: Peer) -> None:
    heads: list[str] = []

    async def handler(line: Line) -> None:
        while True:
            head, sent = await line.request()
            assert sent == expected
            heads.append(head)
            line.write(http(200, YES, **JSON, Set_Cookie="session=1"))

    peer.handler = handler
    transport = make(peer.url("http"), headers={"X-Team": "shop"}, wire="json")
    expected = body(transport.wire, GUID)
    for _ in range(2):
        await transport.send(GUID, expected)
    for head in heads:
        assert head.startswith("POST /api/v1/events HTTP/1.1\r\n")
        assert header(head, "content-type") == "application/json"
        assert header(head, "content-length") == str(len(expected))
        assert header(head, "x-team") == "shop"
        assert (header(head, "x-user-id") or "").startswith("raccoon-python-")
        for name in ("origin", "cookie", "accept-encoding", "authorization", "expect"):
            assert header(head, name) is None
    assert heads[0] == heads[1]


async def test_path_and_query_are_sent_as_given(make: Make, peer: Peer) -> None:
    asked: list[str] = []

    async def handler(line: Line) -> None:
        while True:
            head, _ = await line.request()
            asked.append(head.split()[1])
            line.write(http(200, YES, **JSON))

    peer.handler = handler
    for path in ("/a%7Eb/c?sig=%2B+a%3D&x=~", "/ü?q=é", "?only=query", ""):
        await deliver(make(peer.url("http", path)), req_guid=GUID)
    events = "/api/v1/events"
    assert asked == [
        "/a%7Eb/c?sig=%2B+a%3D&x=~",
        "/%C3%BC?q=%C3%A9",
        f"{events}?only=query",
        events,
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + http(200, YES, **JSON),
        http(200, YES, **JSON).replace(b"HTTP/1.1", b"HTTP/1.0"),
        http(200, YES, Content_Type="application/json; charset=utf-8"),
        http(200, YES),
        http(200, gzip.compress(YES), **JSON, Content_Encoding="gzip"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
        % (len(YES), YES),
    ],
)
async def test_answers_in_other_dresses(make: Make, peer: Peer, answer: bytes) -> None:
    peer.handler = once(answer)
    ack = await deliver(make(peer.url("http")), req_guid=GUID)
    assert ack.sent_time == 1_700_000_000


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("/moved?token=secret#x", "to {base}/moved"),
        ("https://u:secret@other.example:8443/x?secret", "to https://other.example:8443/x"),
        ("//other.example/x", "to http://other.example/x"),
        ("http://[", "to an address that is none"),
    ],
)
async def test_where_a_redirect_points(make: Make, peer: Peer, location: str, told: str) -> None:
    peer.handler = answering(http(307, Location=location))
    error = await fail(make(peer.url("http", "/x?mine=secret")), RedirectError, status=307)
    assert error.reason == told.format(base=peer.url("http"))
    assert peer.accepted == 1


async def test_a_redirect_to_nowhere(make: Make, peer: Peer) -> None:
    peer.handler = answering(http(302))
    await fail(make(peer.url("http")), AnswerError, status=302, persisted="possibly")


async def test_dates_in_retry_after(make: Make, peer: Peer) -> None:
    transport = make(peer.url("http"))
    for date, seconds in (
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 300.0),
        ("Mon, 01 Jan 0001 00:00:00 +1400", 0.0),
    ):
        peer.handlers = [once(http(429, Retry_After=date, Connection="close"))]
        await fail(transport, UnavailableError, status=429, retry_after=seconds)


async def test_the_connection_takes_too_long(make: Make) -> None:
    # A listener whose queue is full lets nobody in.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        for scheme in ("ws", "http", "grpc"):
            transport = make(f"{scheme}://127.0.0.1:{port}", connect_timeout=0.2)
            error = await fail(transport, ConnectError, persisted="no", retryable=True)
            own = "connect_timeout= passed" if scheme == "http" else "no connection within 0.2 s"
            assert error.reason == own
            await transport.close()
        for filler in fillers:
            filler.close()


async def test_close_ends_what_is_under_way(make: Make, peer: Peer) -> None:
    peer.handler = hold
    transport = make(peer.url("http"))
    waiting = asyncio.ensure_future(fail(transport, ConnectionLostError, persisted="possibly"))
    await until(lambda: peer.accepted == 1)
    await asyncio.sleep(0)
    await transport.close()
    await waiting


async def test_codes_are_open(make: Make, peer: Peer) -> None:
    told = b'{"status":2,"code":17,"reason":"new","data":{"req_guid":"%b"}}' % GUID.encode()
    peer.handler = answering(http(200, told, **JSON))
    error = await fail(make(peer.url("http")), AnswerError, req_guid=GUID, reason="new")
    assert error.code == 17 and error.code not in set(Code)
    assert "CODE_17" in str(error)
