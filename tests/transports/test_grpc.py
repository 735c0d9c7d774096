"""gRPC against HTTP/2 peers that do as they are told, and against what is no HTTP/2."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import h2.errors
import h2.events
import h2.settings
import pytest
from raccoon_runtime import GrpcTransport
from raccoon_runtime.envelope import Code
from raccoon_runtime.errors import (
    AckTimeoutError,
    AnswerError,
    AuthError,
    ConnectError,
    ConnectionLostError,
    EndpointError,
    RedirectError,
    RejectedError,
    SendError,
    TooLargeError,
    UnavailableError,
)

from tests.transports.conftest import Advance, Make
from tests.transports.peers import (
    GRPC_HEADERS,
    GRPC_TRAILERS,
    H2,
    Line,
    Peer,
    hold,
    speaking_h2,
)
from tests.transports.sending import body, deliver, fail, inside, new_guid
from tests.transports.websockets import answer, guid_of
from tests.waiting import until

Headers = Sequence[tuple[str, str]]


async def serve(server: H2) -> None:
    """Say yes to everything."""
    while True:
        stream, message = await server.call()
        server.answer(stream, answer(guid_of(message)))


def answering(message: bytes | None, headers: Headers, trailers: Headers) -> Any:
    """Answer one call like this, the next ones with yes."""

    async def script(server: H2) -> None:
        stream, _ = await server.call()
        server.answer(stream, message, headers, trailers)
        await serve(server)

    return speaking_h2(script)


def ignoring(called: asyncio.Event) -> Any:
    """Say that a call came, and never answer it."""

    async def script(server: H2) -> None:
        await server.call()
        called.set()
        await server.wire.ended()

    return speaking_h2(script)


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x01\x00\x02\x02\x0a",
        b"\x00" * 100,
        b"\xff" * 100,
    ],
)
@pytest.mark.parametrize("trickles", [False, True])
async def test_no_http2_is_spoken(make: Make, peer: Peer, greeting: bytes, trickles: bool) -> None:
    async def handler(line: Line) -> None:
        if trickles:
            await line.trickle(greeting)
        else:
            line.write(greeting)
        await line.ended()

    peer.handler = handler
    transport = make(peer.url("grpc"))
    await fail(transport, EndpointError, persisted="no", reason="no HTTP/2 is spoken there")
    assert transport.connections == 0


@pytest.mark.parametrize("reset", [False, True])
async def test_closed_before_http2_begins(make: Make, peer: Peer, reset: bool) -> None:
    async def handler(line: Line) -> None:
        await line.reader.readexactly(1)
        if reset:
            line.reset()

    peer.handler = handler
    await fail(make(peer.url("grpc")), ConnectError, persisted="no", retryable=True)


async def test_a_server_that_does_not_greet(make: Make, peer: Peer) -> None:
    peer.handler = hold
    transport = make(peer.url("grpc"), connect_timeout=0.2)
    error = await fail(transport, ConnectError, persisted="no", retryable=True)
    assert "within 0.2 s" in error.reason


async def test_all_wait_for_one_attempt(make: Make, peer: Peer) -> None:
    peer.handler = speaking_h2(serve)
    transport = make(peer.url("grpc"))
    await asyncio.gather(*(deliver(transport) for _ in range(20)))
    assert peer.accepted == transport.connections == 1


def http_status(status: int) -> Headers:
    return [(":status", str(status)), ("content-type", "text/html"), ("location", "/elsewhere")]


@pytest.mark.parametrize(
    ("message", "headers", "trailers", "kind", "persisted"),
    [
        (b"<html>", http_status(301), (), RedirectError, "no"),
        (b"<html>", http_status(308), (), RedirectError, "no"),
        (b"<html>", http_status(400), (), UnavailableError, "possibly"),
        (b"<html>", http_status(401), (), AuthError, "no"),
        (b"<html>", http_status(403), (), AuthError, "no"),
        (b"<html>", http_status(404), (), EndpointError, "no"),
        (b"<html>", http_status(405), (), EndpointError, "no"),
        (b"<html>", http_status(413), (), TooLargeError, "no"),
        (b"<html>", http_status(429), (), UnavailableError, "possibly"),
        (b"<html>", http_status(500), (), UnavailableError, "possibly"),
        (b"<html>", http_status(502), (), UnavailableError, "possibly"),
        (b"<html>", http_status(200), (), AnswerError, "possibly"),
        (b"x", [(":status", "200")], (), AnswerError, "possibly"),
        (None, GRPC_HEADERS, GRPC_TRAILERS, AnswerError, "possibly"),
        (b"", GRPC_HEADERS, GRPC_TRAILERS, AnswerError, "possibly"),
        (b"\xff\xff", GRPC_HEADERS, GRPC_TRAILERS, AnswerError, "possibly"),
        (answer("another"), GRPC_HEADERS, GRPC_TRAILERS, AnswerError, "possibly"),
        (answer("x"), GRPC_HEADERS, [("grpc-status", "many")], AnswerError, "possibly"),
        (answer("x"), GRPC_HEADERS, [("grpc-status", "99")], AnswerError, "possibly"),
        (answer("x"), GRPC_HEADERS, [("x-odd", "1")], AnswerError, "possibly"),
        (answer("x"), GRPC_HEADERS, [("grpc-status", "14")], UnavailableError, "possibly"),
        (
            answer("x"),
            GRPC_HEADERS,
            [("grpc-status", "13"), ("grpc-message", "grpc: error unmarshalling request: why")],
            RejectedError,
            "no",
        ),
    ],
)
async def test_answers(
    make: Make,
    peer: Peer,
    message: bytes | None,
    headers: Headers,
    trailers: Headers,
    kind: type[SendError],
    persisted: str,
) -> None:
    peer.handlers = [answering(message, headers, trailers), speaking_h2(serve)]
    transport = make(peer.url("grpc"))
    error = await fail(transport, kind, persisted=persisted)
    await deliver(transport)
    assert transport.connections == 1 + (error.status == "UNAVAILABLE")


async def test_a_message_of_a_status_in_other_letters(make: Make, peer: Peer) -> None:
    trailers = [*GRPC_HEADERS, ("grpc-status", "2"), ("grpc-message", "%E2%98%83 100%25")]
    peer.handler = answering(None, trailers, ())
    await fail(make(peer.url("grpc")), UnavailableError, status="UNKNOWN", reason="☃ 100%")


@pytest.mark.parametrize(
    "data",
    [
        b"\x01\x00\x00\x00\x01x",  # compressed
        b"\x00\x00\x00\x00\x09x",  # shorter than it says
        b"\x00\x00",
    ],
)
async def test_messages_that_are_none(make: Make, peer: Peer, data: bytes) -> None:
    async def script(server: H2) -> None:
        stream, _ = await server.call()
        server.protocol.send_headers(stream, GRPC_HEADERS)
        server.protocol.send_data(stream, data)
        server.protocol.send_headers(stream, GRPC_TRAILERS, end_stream=True)
        server.flush()
        await serve(server)

    peer.handler = speaking_h2(script)
    transport = make(peer.url("grpc"))
    await fail(transport, AnswerError, persisted="possibly", retryable=True)
    await deliver(transport)


async def test_an_answer_byte_by_byte(make: Make, peer: Peer) -> None:
    async def script(server: H2) -> None:
        stream, message = await server.call()
        await server.wire.trickle(server.encode(stream, answer(guid_of(message))))
        await serve(server)

    peer.handler = speaking_h2(script)
    await deliver(make(peer.url("grpc")))


@pytest.mark.parametrize("reset", [False, True])
async def test_an_answer_that_breaks_off_at_any_byte(make: Make, peer: Peer, reset: bool) -> None:
    def until_byte(size: int) -> Any:
        async def script(server: H2) -> None:
            stream, message = await server.call()
            whole = server.encode(stream, answer(guid_of(message)))
            lengths.append(len(whole))
            server.wire.write(whole[:size])
            await server.wire.writer.drain()
            if reset:
                server.wire.reset()

        return speaking_h2(script)

    lengths: list[int] = []
    transport = make(peer.url("grpc"))
    size = 0
    while not lengths or size < lengths[-1]:
        peer.handlers = [until_byte(size)]
        await fail(transport, ConnectionLostError, persisted="possibly", retryable=True)
        size += 1
    assert size > 100 and transport.connections == size


@pytest.mark.parametrize("code", [h2.errors.ErrorCodes.CANCEL, h2.errors.ErrorCodes.REFUSED_STREAM])
async def test_a_stream_that_is_reset(make: Make, peer: Peer, code: h2.errors.ErrorCodes) -> None:
    async def script(server: H2) -> None:
        stream, _ = await server.call()
        server.protocol.reset_stream(stream, code)
        server.flush()
        await serve(server)

    peer.handler = speaking_h2(script)
    transport = make(peer.url("grpc"))
    await fail(transport, ConnectionLostError, persisted="possibly", retryable=True)
    await deliver(transport)
    assert transport.connections == 1


async def test_goaway_ends_all_calls_and_the_next_opens_another(make: Make, peer: Peer) -> None:
    async def leave(server: H2) -> None:
        for _ in range(3):
            await server.call()
        server.protocol.close_connection(additional_data=b"bye")
        server.flush()
        await server.wire.ended()

    peer.handlers = [speaking_h2(leave)]
    peer.handler = speaking_h2(serve)
    transport = make(peer.url("grpc"))
    errors = await asyncio.gather(
        *(fail(transport, ConnectionLostError, persisted="possibly") for _ in range(3))
    )
    assert all("GOAWAY" in error.reason for error in errors)
    await deliver(transport)
    assert peer.accepted == transport.connections == 2


async def test_goaway_while_idle(make: Make, peer: Peer) -> None:
    idle, gone = asyncio.Event(), asyncio.Event()

    async def leave(server: H2) -> None:
        stream, message = await server.call()
        server.answer(stream, answer(guid_of(message)))
        await idle.wait()
        server.protocol.close_connection()
        server.flush()
        await server.wire.ended()
        gone.set()

    peer.handlers = [speaking_h2(leave)]
    peer.handler = speaking_h2(serve)
    transport = make(peer.url("grpc"))
    await deliver(transport)
    idle.set()
    await gone.wait()
    await deliver(transport)
    assert transport.connections == 2


async def test_a_reset_and_a_goaway_in_one_packet(make: Make, peer: Peer) -> None:
    """Each cancels the call, and neither is a cancellation of the caller's."""

    async def leave(server: H2) -> None:
        stream, _ = await server.call()
        server.protocol.reset_stream(stream)
        server.protocol.close_connection()
        server.flush()

    peer.handler = speaking_h2(leave)
    await fail(make(peer.url("grpc")), ConnectionLostError, persisted="possibly")


async def test_nothing_is_answered_in_time(make: Make, peer: Peer) -> None:
    async def ignore(server: H2) -> None:
        while True:
            await server.call()

    peer.handler = speaking_h2(ignore)
    transport = make(peer.url("grpc"), ack_timeout=0.2)
    await fail(transport, AckTimeoutError, persisted="possibly", retryable=True)
    await fail(transport, AckTimeoutError, persisted="possibly", retryable=True)
    assert peer.accepted == 2  # where nothing is answered, nothing more is sent


async def test_a_connection_without_stream_ids_left_is_replaced(make: Make, peer: Peer) -> None:
    peer.handler = speaking_h2(serve)
    transport = make(peer.url("grpc"))
    await deliver(transport)
    # What 2^30 calls make of it.
    inside(transport)._line._line.connection._connection.highest_outbound_stream_id = (1 << 31) - 1
    await fail(transport, ConnectError, persisted="no", retryable=True)
    await deliver(transport)
    assert peer.accepted == transport.connections == 2


async def test_a_call_that_fails_while_its_sender_gives_up(make: Make, peer: Peer) -> None:
    """asyncio would say, in the log, that nobody asked for its error."""
    called = asyncio.Event()
    peer.handler = ignoring(called)
    transport = make(peer.url("grpc"))
    guid = new_guid()
    sending = asyncio.ensure_future(transport.send(guid, body(transport.wire, guid)))
    await called.wait()
    (call,) = [task for task in asyncio.all_tasks() if "Line.call" in repr(task)]
    call.add_done_callback(lambda _: sending.cancel())
    await transport.close()
    await asyncio.wait([sending])
    assert sending.cancelled()


async def test_a_slow_call_among_quick_ones_keeps_the_connection(
    make: Make, peer: Peer, advance: Advance
) -> None:
    called = asyncio.Event()

    async def ignore_the_first(server: H2) -> None:
        await server.call()
        called.set()
        await serve(server)

    peer.handler = speaking_h2(ignore_the_first)
    transport = make(peer.url("grpc"), ack_timeout=20.0)
    slow = asyncio.ensure_future(fail(transport, AckTimeoutError, persisted="possibly"))
    await called.wait()
    await deliver(transport)
    advance(30.0)
    await slow
    await deliver(transport)
    assert peer.accepted == 1


async def test_a_server_that_reads_nothing(make: Make, peer: Peer) -> None:
    async def greet_and_sleep(server: H2) -> None:
        server.wire.pause()
        await asyncio.sleep(3600)

    peer.handler = speaking_h2(greet_and_sleep)
    transport = make(peer.url("grpc"), ack_timeout=0.2)
    await fail(transport, AckTimeoutError, b"1" * (1 << 20), persisted="possibly")


async def test_a_server_with_a_small_window(make: Make, peer: Peer) -> None:
    async def narrow(server: H2) -> None:
        codes = h2.settings.SettingCodes
        server.protocol.update_settings(
            {codes.INITIAL_WINDOW_SIZE: 100, codes.MAX_CONCURRENT_STREAMS: 2}
        )
        server.flush()
        await serve(server)

    peer.handler = speaking_h2(narrow)
    transport = make(peer.url("grpc"))
    await asyncio.gather(*(deliver(transport, b"1" * 3_000) for _ in range(8)))


async def test_an_answer_that_is_too_long(make: Make, peer: Peer) -> None:
    sent = 0

    async def flood(server: H2) -> None:
        nonlocal sent
        stream, _ = await server.call()
        server.protocol.send_headers(stream, GRPC_HEADERS)
        server.protocol.send_data(stream, b"\x00\x7f\xff\xff\xff")
        while True:
            room = server.protocol.local_flow_control_window(stream)
            if room < 16_384:
                server.protocol.receive_data(await server.wire.reader.read(1 << 16))
                continue
            server.protocol.send_data(stream, bytes(16_384))
            sent += 16_384
            server.flush()
            await server.wire.writer.drain()

    peer.handler = speaking_h2(flood)
    error = await fail(make(peer.url("grpc")), ConnectionLostError, persisted="possibly")
    assert "more came than an answer can be long" in error.reason
    assert sent < 12 << 20


async def test_what_goes_out(make: Make, peer: Peer) -> None:
    served: list[H2] = []

    async def look(server: H2) -> None:
        served.append(server)
        await serve(server)

    peer.handler = speaking_h2(look)
    url = peer.url("grpc").replace("://", "://me:secret@")
    await deliver(make(url, headers={"X-Team": "shop"}, client_name="till"))
    (head,) = served[0].heads
    headers = dict(head)
    assert headers[":method"] == "POST" and headers[":scheme"] == "http"
    assert headers[":path"] == "/raystack.raccoon.v1beta1.EventService/SendEvent"
    assert headers[":authority"] == f"127.0.0.1:{peer.port}"
    assert headers["content-type"] == "application/grpc" and headers["te"] == "trailers"
    assert headers["x-team"] == "shop" and headers["x-user-id"].startswith("till-")
    assert headers["authorization"] == "Basic bWU6c2VjcmV0"
    assert "grpc-encoding" not in headers


async def test_a_short_address_means_grpc(make: Make, peer: Peer) -> None:
    peer.handler = speaking_h2(serve)
    transport = GrpcTransport(f"127.0.0.1:{peer.port}")
    ack = await deliver(transport)
    assert ack.code is Code.CODE_OK and transport.address == peer.url("grpc")
    await transport.close()


async def test_close_ends_what_is_under_way(make: Make, peer: Peer) -> None:
    called = asyncio.Event()
    peer.handler = ignoring(called)
    transport = make(peer.url("grpc"))
    waiting = asyncio.ensure_future(fail(transport, ConnectionLostError, persisted="possibly"))
    await called.wait()
    await transport.close()
    await waiting


async def test_close_during_the_attempt(make: Make, peer: Peer) -> None:
    peer.handler = hold
    transport = make(peer.url("grpc"))
    waiting = asyncio.ensure_future(fail(transport, ConnectError, reason="closed meanwhile"))
    await until(lambda: peer.accepted)
    await transport.close()
    await waiting


@pytest.mark.parametrize("status", ["14", "4"])
async def test_what_another_server_may_do_better_is_sent_on_a_new_connection(
    make: Make, peer: Peer, status: str
) -> None:
    """As a balancer's connection to a server that drains; the calls under way on it may end."""
    under_way, answered = asyncio.Event(), asyncio.Event()

    async def drain(server: H2) -> None:
        if peer.accepted > 1:
            await serve(server)
            return
        first, message = await server.call()
        under_way.set()
        refused, _ = await server.call()
        server.answer(refused, None, GRPC_HEADERS, [("grpc-status", status)])
        await answered.wait()
        server.answer(first, answer(guid_of(message)))
        await server.call()

    peer.handler = speaking_h2(drain)
    transport = make(peer.url("grpc"))
    slow = asyncio.ensure_future(deliver(transport))
    await under_way.wait()
    guid = new_guid()
    with pytest.raises(SendError) as told:
        await transport.send(guid, body(transport.wire, guid))
    assert told.value.retryable
    await deliver(transport)
    assert transport.connections == 2
    answered.set()
    assert (await slow).ok


async def test_a_refusal_of_another_request_is_no_answer(make: Make, peer: Peer) -> None:
    async def refuse(server: H2) -> None:
        stream, _ = await server.call()
        server.answer(stream, answer(new_guid(), code=Code.CODE_BAD_REQUEST))
        await server.call()

    peer.handler = speaking_h2(refuse)
    error = await fail(make(peer.url("grpc")), AnswerError, persisted="possibly", retryable=True)
    assert "to another request" in error.reason


FRAMES = {
    "origin": b"\0\0\x06\x0c\0\0\0\0\0\0\x04abcd",
    "alternative service": b"\0\0\x0b\x0a\0\0\0\0\0\0\0" + b'h2=":443"',
    "unknown": b"\0\0\x03\xfa\0\0\0\0\0abc",
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
async def test_frames_that_http2_has_us_pass_over(make: Make, peer: Peer, frame: bytes) -> None:
    async def extended(server: H2) -> None:
        server.wire.write(frame)
        await serve(server)

    peer.handler = speaking_h2(extended)
    transport = make(peer.url("grpc"))
    await deliver(transport)
    await deliver(transport)
    assert transport.connections == 1


async def test_an_informational_response_comes_before_the_answer(make: Make, peer: Peer) -> None:
    async def inform(server: H2) -> None:
        stream, message = await server.call()
        server.protocol.send_headers(stream, [(":status", "103"), ("link", "</x>")])
        server.answer(stream, answer(guid_of(message)))
        await serve(server)

    peer.handler = speaking_h2(inform)
    transport = make(peer.url("grpc"))
    await deliver(transport)
    await deliver(transport)
    assert transport.connections == 1


async def test_headers_may_hold_any_byte(make: Make, peer: Peer) -> None:
    async def say(server: H2) -> None:
        stream, message = await server.call()
        headers = [*GRPC_HEADERS, ("x-city", "Zürich")]
        server.answer(stream, answer(guid_of(message)), headers, [*GRPC_TRAILERS, ("x", "ü")])
        await serve(server)

    peer.handler = speaking_h2(say)
    transport = make(peer.url("grpc"))
    await deliver(transport)
    assert transport.connections == 1


async def test_what_h2_did_not_foresee_ends_the_connection_and_tells_no_header(
    make: Make, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.handlers = [speaking_h2(serve)]
    transport = make(peer.url("grpc"))
    await deliver(transport)

    def fail_to(event: object) -> None:
        raise ZeroDivisionError("hunter2")

    processors = inside(transport)._line._line.processor.processors
    monkeypatch.setitem(processors, h2.events.ResponseReceived, fail_to)
    error = await fail(transport, ConnectionLostError, persisted="possibly")
    assert "hunter2" not in str(error)
