"""A WebSocket connection against a peer that does as it is told, frame by frame."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable

import pytest
from aiohttp.http import WebSocketWriter
from raccoon_runtime.collector.frames import close_frame, frame
from raccoon_runtime.envelope import Ack, Code
from raccoon_runtime.errors import (
    AckTimeoutError,
    AnswerError,
    ConnectionLimitError,
    ConnectionLostError,
    IdentityTakenError,
    PublishError,
    RejectedError,
    SendError,
    TooLargeError,
)
from raccoon_runtime.transports import Transport

from tests.transports.conftest import Make
from tests.transports.peers import Peer, Session, upgraded
from tests.transports.sending import body, deliver, fail, inside, new_guid
from tests.transports.websockets import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    acknowledge,
    answer,
    guid_of,
    refusal,
    serve,
)
from tests.waiting import until

Serve = Callable[[Session], Awaitable[None]]


def sending(transport: Transport, guid: str) -> asyncio.Task[Ack]:
    """Send a request in the background."""
    return asyncio.ensure_future(transport.send(guid, body(transport.wire, guid)))


async def opened(make: Make, peer: Peer, script: Serve, **options: object) -> Transport:
    """Return a transport that is connected: `script` serves from the second request on."""

    async def first_yes(session: Session) -> None:
        message = await session.read()
        acknowledge(session, message.payload)
        await script(session)

    peer.handler = upgraded(first_yes)
    transport = make(peer.url("ws"), **options)
    await deliver(transport)
    return transport


# --- text and binary ------------------------------------------------------------------------


@pytest.mark.parametrize(("wire", "opcode"), [("proto", BINARY), ("json", TEXT)])
async def test_a_wire_has_its_kind_of_frame(make: Make, peer: Peer, wire: str, opcode: int) -> None:
    seen: list[int] = []

    async def look(session: Session) -> None:
        while True:
            message = await session.read()
            seen.append(message.opcode)
            acknowledge(session, message.payload)

    transport = await opened(make, peer, look, wire=wire)
    await deliver(transport)
    assert seen == [opcode]


@pytest.mark.parametrize("wire", ["proto", "json"])
async def test_an_answer_may_come_in_the_other_kind(make: Make, peer: Peer, wire: str) -> None:
    async def contrary(session: Session) -> None:
        message = await session.read()
        told = answer(guid_of(message.payload), text=wire == "proto")
        session.send(told, TEXT if wire == "proto" else BINARY)
        await session.ended()

    await deliver(await opened(make, peer, contrary, wire=wire))


# --- frames in many pieces --------------------------------------------------------------------


async def test_an_answer_byte_by_byte(make: Make, peer: Peer) -> None:
    async def trickle(session: Session) -> None:
        message = await session.read()
        told = frame(PING, b"still here") + frame(BINARY, answer(guid_of(message.payload)))
        await session.wire.trickle(told)
        await session.ended()

    await deliver(await opened(make, peer, trickle))


async def test_an_answer_in_fragments_around_a_ping(make: Make, peer: Peer) -> None:
    pongs: list[bytes] = []

    async def fragments(session: Session) -> None:
        message = await session.read()
        told = answer(guid_of(message.payload))
        pieces = [told[:1], b"", told[1:20], told[20:]]
        for n, piece in enumerate(pieces):
            first = (BINARY if n == 0 else 0) | (0x80 if n == 3 else 0)
            session.wire.write(bytes((first, len(piece))) + piece)
            session.send(b"%d" % n, PING)
        while True:
            pong = await session.read()
            assert pong.opcode == PONG
            pongs.append(pong.payload)

    await deliver(await opened(make, peer, fragments))
    await until(lambda: pongs == [b"0", b"1", b"2", b"3"])


async def test_many_answers_in_one_packet(make: Make, peer: Peer) -> None:
    async def gather(session: Session) -> None:
        guids = [guid_of((await session.read()).payload) for _ in range(12)]
        frames = [frame(BINARY, answer(guid)) for guid in reversed(guids)]
        session.wire.write(b"".join(frames))
        await session.ended()

    transport = await opened(make, peer, gather)
    await asyncio.gather(*(deliver(transport) for _ in range(12)))


@pytest.mark.parametrize("how", ["eof", "reset"])
async def test_an_answer_that_breaks_off_at_any_byte(make: Make, peer: Peer, how: str) -> None:
    whole = len(frame(BINARY, answer(new_guid())))
    for size in range(whole + 1):

        async def break_off(session: Session, size: int = size) -> None:
            message = await session.read()
            session.wire.write(frame(BINARY, answer(guid_of(message.payload)))[:size])
            await session.wire.writer.drain()
            if how == "reset":
                session.wire.reset()

        transport = await opened(make, peer, break_off)
        guid = new_guid()
        try:
            await transport.send(guid, body(transport.wire, guid))
            assert size == whole
        except ConnectionLostError as error:
            # A RST may overtake the answer.
            assert size < whole or how == "reset"
            assert error.persisted == "possibly" and error.req_guid == guid
        await transport.close()


@pytest.mark.parametrize("how", ["eof", "reset"])
async def test_the_server_reads_a_part_of_a_request(make: Make, peer: Peer, how: str) -> None:
    async def read_some(session: Session) -> None:
        for _ in range(3):
            await session.wire.reader.readexactly(1)
        if how == "reset":
            session.wire.reset()

    transport = await opened(make, peer, read_some)
    await fail(transport, ConnectionLostError, b"1" * 300_000, persisted="possibly")


@pytest.mark.parametrize(
    ("garbage", "code"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 1002),
        (b"\xc2\x05hello", 1002),  # RSV1: compressed
        (b"\x83\x01x", 1002),  # a reserved opcode
        (b"\x8b\x01x", 1002),
        (b"\x80\x01x", 1002),  # a continuation of nothing
        (b"\x82\x81\0\0\0\0x", 1002),  # masked
        (b"\x09\x00", 1002),  # a ping in fragments
        (b"\x89\x7e\x00\x80" + b"x" * 128, 1002),  # a ping that is too long
        (b"\x02\x01x\x82\x01x", 1002),  # a message within a message
        (b"\x82\x7f\x00\x00\x00\x00\x7f\xff\xff\xff", 1009),
        (b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 1009),
        ((b"\x02\x7e\xff\xff" + bytes(65535) + (b"\x00\x7e\xff\xff" + bytes(65535)) * 16), 1009),
    ],
)
async def test_frames_that_are_none(make: Make, peer: Peer, garbage: bytes, code: int) -> None:
    said: list[bytes] = []

    async def talk_nonsense(session: Session) -> None:
        await session.read()
        session.wire.write(garbage)
        message = await session.read()
        assert message.opcode == CLOSE
        said.append(message.payload)

    transport = await opened(make, peer, talk_nonsense)
    await fail(transport, AnswerError, persisted="possibly", retryable=True)
    await until(lambda: said)
    assert said == [code.to_bytes(2, "big")]
    peer.handler = upgraded(serve)
    await deliver(transport)


@pytest.mark.parametrize(
    ("payload", "opcode"),
    [
        (b"\xff\xff", BINARY),
        (b"<html>", TEXT),
        (b"\xff\xfe", TEXT),
        (b"[]", TEXT),
        (b"null", TEXT),
        (b'{"status":"ok"}', TEXT),
        (b"\x0a\x05hello", BINARY),
    ],
)
async def test_messages_that_are_no_answers(
    make: Make, peer: Peer, payload: bytes, opcode: int
) -> None:
    async def talk_nonsense(session: Session) -> None:
        await session.read()
        session.send(payload, opcode)
        await session.ended()

    transport = await opened(make, peer, talk_nonsense)
    await fail(transport, AnswerError, persisted="possibly", reason="a frame that is no answer")


async def test_an_echo_is_no_answer(make: Make, peer: Peer) -> None:
    async def echo(session: Session) -> None:
        while True:
            message = await session.read()
            session.send(message.payload, message.opcode)

    for wire in ("proto", "json"):
        transport = await opened(make, peer, echo, wire=wire)
        if wire == "json":  # all its keys are unknown ones, but for the time
            await fail(transport, AnswerError, persisted="possibly")
        else:
            await fail(transport, AnswerError, persisted="possibly")


# --- answers ------------------------------------------------------------------------------------


async def test_unknown_late_and_doubled_answers(make: Make, peer: Peer) -> None:
    async def confuse(session: Session) -> None:
        first = guid_of((await session.read()).payload)
        second = guid_of((await session.read()).payload)
        for guid in ("nobody", second, second, "", first, first, second):
            session.send(answer(guid))
        third = guid_of((await session.read()).payload)
        session.send(answer(first, Code.CODE_INTERNAL_ERROR, "too late"))
        session.send(answer(third))
        await session.ended()

    transport = await opened(make, peer, confuse)
    await asyncio.gather(deliver(transport), deliver(transport))
    await deliver(transport)
    assert transport.connections == 1


async def test_an_error_is_told_to_its_request_only(make: Make, peer: Peer) -> None:
    async def one_fails(session: Session) -> None:
        guids = [guid_of((await session.read()).payload) for _ in range(3)]
        session.send(answer(guids[1], Code.CODE_INTERNAL_ERROR, "cannot publish events: why"))
        session.send(answer(guids[2]))
        session.send(answer(guids[0]))
        await session.ended()

    transport = await opened(make, peer, one_fails)
    results = await asyncio.gather(
        *(sending(transport, f"guid-{n}") for n in range(3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [Ack, PublishError, Ack]
    assert isinstance(results[1], SendError) and results[1].req_guid == "guid-1"


async def test_a_code_of_a_later_version(make: Make, peer: Peer) -> None:
    async def modern(session: Session) -> None:
        guid = guid_of((await session.read()).payload)
        told = {"status": 2, "code": 9, "reason": "new", "data": {"req_guid": guid}}
        session.send(json.dumps(told).encode(), TEXT)
        await serve(session)

    transport = await opened(make, peer, modern)
    error = await fail(transport, AnswerError, persisted="possibly", reason="new")
    assert error.code == 9
    await deliver(transport)
    assert transport.connections == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (Code.CODE_MAX_USER_LIMIT_REACHED, IdentityTakenError),
        (Code.CODE_MAX_CONNECTION_LIMIT_REACHED, ConnectionLimitError),
    ],
)
async def test_a_refusal_in_the_middle(
    make: Make, peer: Peer, code: Code, kind: type[SendError]
) -> None:
    async def change_mind(session: Session) -> None:
        await session.read()
        session.send(refusal(code, "enough"))
        session.wire.write(close_frame(1008, b"enough"))
        await session.ended()

    transport = await opened(make, peer, change_mind, wire="json")
    # It was sent, so the server may have it.
    await fail(transport, kind, code=code, reason="enough", persisted="possibly")


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 4000, None])
async def test_a_close_of_the_servers(make: Make, peer: Peer, code: int | None) -> None:
    replies: list[bytes] = []

    async def part(session: Session) -> None:
        await session.read()
        session.wire.write(close_frame(1005 if code is None else code))
        message = await session.read()
        assert message.opcode == CLOSE
        replies.append(message.payload)
        await session.ended()

    transport = await opened(make, peer, part)
    status = 1005 if code is None else code
    await fail(transport, ConnectionLostError, status=status, persisted="possibly")
    await until(lambda: replies)
    assert replies == [b"" if code is None else code.to_bytes(2, "big")]


async def test_an_answer_behind_pings_that_can_no_longer_be_answered(
    make: Make, peer: Peer
) -> None:
    async def ping_and_leave(session: Session) -> None:
        message = await session.read()
        told = frame(BINARY, answer(guid_of(message.payload)))
        session.wire.write(frame(PING, b"still there?") * 3 + told)
        session.wire.reset()

    transport = await opened(make, peer, ping_and_leave)
    connection = inside(transport)._connection
    await deliver(transport)
    await until(lambda: connection.ended)
    assert connection.ended.reason == "end of the stream"


async def test_a_frame_that_is_too_large_for_the_server(make: Make, peer: Peer) -> None:
    """Close 1009: the one request that is under way is to be divided; of two nobody knows which."""
    begun: list[bytes] = []

    async def refuse(session: Session) -> None:
        begun.append((await session.read()).payload)
        if len(begun) > 1:
            await session.read()
        session.wire.write(close_frame(1009))
        await session.ended()

    transport = await opened(make, peer, refuse)
    await fail(transport, TooLargeError, status=1009, persisted="no")
    # The first on the new connection is acknowledged, the two behind it are read together.
    several = [sending(transport, new_guid()) for _ in range(3)]
    ack, *failures = await asyncio.gather(*several, return_exceptions=True)
    assert isinstance(ack, Ack)
    assert [type(failure) for failure in failures] == [ConnectionLostError] * 2


async def test_a_connection_that_broke_while_idle_is_opened_again(make: Make, peer: Peer) -> None:
    async def leave(session: Session) -> None:
        session.wire.writer.close()

    transport = await opened(make, peer, leave)
    peer.handler = upgraded(serve)
    await until(lambda: inside(transport)._connection.ended is not None)
    await deliver(transport)
    assert transport.connections == 2


# --- a guid again -------------------------------------------------------------------------------


async def test_an_unanswered_request_is_not_sent_again(make: Make, peer: Peer) -> None:
    seen: list[str] = []
    go_on = asyncio.Event()

    async def slow(session: Session) -> None:
        seen.append(guid_of((await session.read()).payload))
        await go_on.wait()
        session.send(answer(seen[0]))
        await serve(session)

    transport = await opened(make, peer, slow)
    first = sending(transport, "the-guid")
    await until(lambda: seen)
    first.cancel()
    await asyncio.wait([first])
    second, third = sending(transport, "the-guid"), sending(transport, "the-guid")
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    await asyncio.sleep(0)
    assert not third.done()
    go_on.set()
    assert (await third).req_guid == "the-guid"
    assert seen == ["the-guid"]
    # Answered, it may be sent again, and is.
    assert (await sending(transport, "the-guid")).ok


async def test_an_answer_that_comes_as_the_first_sender_gives_up(make: Make, peer: Peer) -> None:
    seen: list[bytes] = []
    served: list[Session] = []

    async def listen(session: Session) -> None:
        seen.append((await session.read()).payload)
        served.append(session)
        message = await session.read()
        seen.append(message.payload)
        acknowledge(session, message.payload)
        await session.ended()

    transport = await opened(make, peer, listen)
    first, second = sending(transport, "the-guid"), sending(transport, "the-guid")
    await until(lambda: served)
    # It is there to be read before the second sender hears of the first one's end.
    served[0].send(answer("the-guid"))
    first.cancel()
    assert (await second).req_guid == "the-guid"
    assert [guid_of(payload) for payload in seen] in (["the-guid"], ["the-guid"] * 2)


async def test_two_who_send_the_same_both_get_the_answer(make: Make, peer: Peer) -> None:
    seen: list[str] = []

    async def count(session: Session) -> None:
        while True:
            message = await session.read()
            seen.append(guid_of(message.payload))
            await asyncio.sleep(0.02)
            acknowledge(session, message.payload)

    transport = await opened(make, peer, count)
    acks = await asyncio.gather(*(sending(transport, "same") for _ in range(5)))
    assert {ack.req_guid for ack in acks} == {"same"} and seen == ["same"]


async def test_a_request_whose_sender_gave_up_still_ends_the_connection(
    make: Make, peer: Peer
) -> None:
    async def ignore(session: Session) -> None:
        await session.ended()

    transport = await opened(make, peer, ignore, ack_timeout=0.2)
    first = sending(transport, "one")
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    connection = inside(transport)._connection
    await until(lambda: connection.ended is not None)
    peer.handler = upgraded(serve)
    await deliver(transport, req_guid="one")


# --- payloads that the server cannot read ------------------------------------------------------


async def test_one_of_sixteen_is_blamed(make: Make, peer: Peer) -> None:
    async def refuse_the_sixth(session: Session) -> None:
        guids = [guid_of((await session.read()).payload) for _ in range(16)]
        session.send(answer("", Code.CODE_BAD_REQUEST, "cannot deserialize request: why"))
        # The others are published one by one; requests go on meanwhile.
        for guid in guids[:5] + guids[:5:-1]:
            session.send(answer(guid))
            later = await session.read()
            acknowledge(session, later.payload)
        await session.ended()

    transport = await opened(make, peer, refuse_the_sixth)
    tasks = [sending(transport, f"guid-{n}") for n in range(16)]
    await asyncio.sleep(0)
    for n in range(15):
        await deliver(transport, req_guid=f"more-{n}")
    results = await asyncio.gather(*tasks, return_exceptions=True)
    (culprit,) = [result for result in results if isinstance(result, BaseException)]
    assert isinstance(culprit, RejectedError)
    assert culprit.req_guid == "guid-5" and culprit.code is Code.CODE_BAD_REQUEST
    assert culprit.persisted == "no" and not culprit.retryable
    assert transport.connections == 1


async def test_two_of_sixteen_are_blamed(make: Make, peer: Peer) -> None:
    async def refuse_two(session: Session) -> None:
        guids = [guid_of((await session.read()).payload) for _ in range(16)]
        for _ in range(2):
            session.send(answer("", Code.CODE_BAD_REQUEST, "cannot deserialize request: why"))
        for guid in guids:
            if guid not in ("guid-3", "guid-11"):
                session.send(answer(guid))
        await serve(session)

    transport = await opened(make, peer, refuse_two)
    tasks = [sending(transport, f"guid-{n}") for n in range(16)]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    blamed = [r.req_guid for r in results if isinstance(r, RejectedError)]
    assert blamed == ["guid-3", "guid-11"]
    assert sum(isinstance(result, Ack) for result in results) == 14
    await deliver(transport)


@pytest.mark.parametrize("answered", [True, False])
async def test_a_refusal_that_comes_twice_is_no_ones_end_who_is_answered(
    make: Make, peer: Peer, answered: bool
) -> None:
    async def refuse_twice(session: Session) -> None:
        guids = [guid_of((await session.read()).payload) for _ in range(2)]
        for _ in range(2):
            session.send(answer("", Code.CODE_BAD_REQUEST, "cannot deserialize request: why"))
        if answered:
            session.send(answer(guids[1]))
        await serve(session)

    transport = await opened(make, peer, refuse_twice)
    first, second = sending(transport, "bad"), sending(transport, "good")
    with pytest.raises(RejectedError) as told:
        await first
    assert told.value.persisted == "possibly"  # who knows which of the two it was
    if answered:
        assert (await second).ok
    else:
        with pytest.raises(RejectedError) as told:
            await second
        assert told.value.persisted == "possibly"
    assert (await sending(transport, "another")).ok


async def test_who_is_blamed_is_so_also_when_the_connection_ends(make: Make, peer: Peer) -> None:
    async def refuse(session: Session) -> None:
        await session.read()
        session.send(answer("", Code.CODE_BAD_REQUEST, "cannot deserialize request: why"))

    transport = await opened(make, peer, refuse)
    with pytest.raises(RejectedError) as told:
        await sending(transport, "bad")
    assert told.value.persisted == "no"


async def test_nobody_is_blamed_when_an_answer_is_lost(make: Make, peer: Peer) -> None:
    async def lose_one(session: Session) -> None:
        guids = [guid_of((await session.read()).payload) for _ in range(3)]
        session.send(answer("", Code.CODE_BAD_REQUEST, "cannot deserialize request: why"))
        session.send(answer(guids[0]))
        await session.ended()

    transport = await opened(make, peer, lose_one, ack_timeout=0.3)
    tasks = [sending(transport, f"guid-{n}") for n in range(3)]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(r) for r in results] == [Ack, AckTimeoutError, ConnectionLostError]
    assert all(r.persisted == "possibly" for r in results if isinstance(r, SendError))


async def test_a_refusal_that_names_its_request(make: Make, peer: Peer) -> None:
    async def refuse(session: Session) -> None:
        guids = [guid_of((await session.read()).payload) for _ in range(2)]
        session.send(answer(guids[0], Code.CODE_BAD_REQUEST, "cannot deserialize request: why"))
        session.send(answer(guids[1]))
        await session.ended()

    transport = await opened(make, peer, refuse)
    first, second = sending(transport, "bad"), sending(transport, "good")
    with pytest.raises(RejectedError):
        await first
    assert (await second).ok


async def test_a_refusal_when_nothing_waits_blames_nobody(make: Make, peer: Peer) -> None:
    async def refuse(session: Session) -> None:
        session.send(answer("", Code.CODE_BAD_REQUEST, "cannot deserialize request: why"))
        await serve(session)

    transport = await opened(make, peer, refuse)
    await deliver(transport)


# --- time ---------------------------------------------------------------------------------------


async def test_the_client_pings_and_the_server_may_take_its_time(make: Make, peer: Peer) -> None:
    session_of: list[Session] = []

    async def watch(session: Session) -> None:
        session_of.append(session)
        await serve(session)

    transport = await opened(make, peer, watch, ping_interval=0.05, pong_timeout=5)
    await until(lambda: session_of and session_of[0].pinged >= 4)
    await deliver(transport)
    assert transport.connections == 1


@pytest.mark.parametrize("busy", [False, True])
async def test_a_server_that_answers_no_ping(make: Make, peer: Peer, busy: bool) -> None:
    async def deaf(session: Session) -> None:
        session.answers_pings = False
        await session.ended()

    transport = await opened(make, peer, deaf, ping_interval=0.05, pong_timeout=0.1)
    connection = inside(transport)._connection
    if busy:
        error = await fail(transport, ConnectionLostError, persisted="possibly")
        assert error.reason == "no pong within 0.1 s"
    await until(lambda: connection.ended is not None)
    assert connection.ended.reason == "no pong within 0.1 s"


async def test_whatever_comes_shows_that_the_server_lives(make: Make, peer: Peer) -> None:
    """A Raccoon whose broker is slow reads nothing, pings included, and answers all the same."""

    async def slow(session: Session) -> None:
        session.answers_pings = False
        while True:
            message = await session.read()
            for _ in range(10):
                session.send(answer("nobody"))
                await asyncio.sleep(0.03)
            acknowledge(session, message.payload)

    transport = await opened(make, peer, slow, ping_interval=0.05, pong_timeout=0.1)
    for _ in range(2):
        await deliver(transport)
    assert transport.connections == 1


async def test_an_event_loop_that_is_held_up_does_not_blame_the_server(
    make: Make, peer: Peer
) -> None:
    transport = await opened(
        make, peer, serve, ack_timeout=0.1, ping_interval=0.1, pong_timeout=0.1
    )
    for _ in range(3):
        waiting = sending(transport, new_guid())
        await asyncio.sleep(0)
        time.sleep(0.15)  # noqa: ASYNC251  # what a careless callback does
        await waiting
    assert transport.connections == 1


async def test_a_server_that_does_not_read(make: Make, peer: Peer) -> None:
    async def stop_reading(session: Session) -> None:
        session.wire.pause()
        await asyncio.sleep(3600)

    transport = await opened(make, peer, stop_reading, write_timeout=0.2)
    error = await fail(
        transport, ConnectionLostError, b"1" * (16 << 20), persisted="possibly", retryable=True
    )
    assert error.reason == "the server does not read"


async def test_a_server_that_only_pings_is_one_that_does_not_read(make: Make, peer: Peer) -> None:
    async def ping(session: Session) -> None:
        session.wire.pause()
        while True:
            session.wire.write(frame(PING, b"x" * 125) * 100)
            await session.wire.writer.drain()
            await asyncio.sleep(0)

    transport = await opened(make, peer, ping, write_timeout=0.4)
    connection = inside(transport)._connection
    line = connection._socket._transport.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    left: list[int] = []
    await until(lambda: left.append(connection._socket.left()) or connection.ended)
    assert connection.ended.reason == "the server does not read"
    assert 0 < max(left) < 1 << 18


async def test_a_server_that_reads_slowly_is_waited_for(make: Make, peer: Peer) -> None:
    async def sip(session: Session) -> None:
        for _ in range(12):
            session.wire.pause()
            await asyncio.sleep(0.05)
            session.wire.resume()
            await asyncio.sleep(0.005)
        await serve(session)

    transport = await opened(make, peer, sip, write_timeout=0.4)
    await deliver(transport, b"1" * (16 << 20))
    assert transport.connections == 1


@pytest.mark.parametrize("kind", [BINARY, PING, PONG])
async def test_a_frame_that_is_not_written_at_once(
    make: Make, peer: Peer, monkeypatch: pytest.MonkeyPatch, kind: int
) -> None:
    """What an aiohttp of another time may do: nobody would ever go on with it."""
    send_frame = WebSocketWriter.send_frame

    async def waiting(writer: WebSocketWriter, message: bytes, opcode: int) -> None:
        if opcode == kind:
            await asyncio.sleep(0)
        await send_frame(writer, message, opcode)

    async def ping(session: Session) -> None:
        await session.read()
        session.send(b"", PING)
        await session.ended()

    transport = await opened(make, peer, ping, ping_interval=0.05)
    monkeypatch.setattr(WebSocketWriter, "send_frame", waiting)
    error = await fail(transport, ConnectionLostError, persisted="possibly", retryable=True)
    assert error.reason == "a frame was not written at once"


# --- the end ------------------------------------------------------------------------------------


async def test_close_says_goodbye(make: Make, peer: Peer) -> None:
    said: list[bytes] = []

    async def listen(session: Session) -> None:
        message = await session.read()
        assert message.opcode == CLOSE
        said.append(message.payload)
        session.send(message.payload, CLOSE)
        await session.ended()

    transport = await opened(make, peer, listen)
    await transport.close()
    assert said == [(1000).to_bytes(2, "big")]


@pytest.mark.parametrize("answers", [False, True])
async def test_close_tells_those_who_wait(make: Make, peer: Peer, answers: bool) -> None:
    async def ignore(session: Session) -> None:
        await session.read()
        while (await session.read()).opcode != CLOSE:
            pass
        if answers:
            session.send((1000).to_bytes(2, "big"), CLOSE)
        await session.wire.ended()

    transport = await opened(make, peer, ignore)
    waiting = asyncio.ensure_future(fail(transport, ConnectionLostError, persisted="possibly"))
    await asyncio.sleep(0)
    await transport.close()
    assert (await waiting).reason == "closed by this side"


async def test_several_frames_leave_together(make: Make, peer: Peer) -> None:
    """What cork is for: fewer packets than requests."""
    served: list[Session] = []

    async def count(session: Session) -> None:
        served.append(session)
        await serve(session)

    transport = await opened(make, peer, count)
    await asyncio.gather(*(deliver(transport) for _ in range(64)))
    assert served[0].packets < 32


@pytest.mark.parametrize("opcode", [PING, PONG, BINARY, TEXT])
async def test_frames_after_the_end_are_nothing_to_anybody(
    make: Make, peer: Peer, opcode: int
) -> None:
    async def talk_on(session: Session) -> None:
        await session.read()
        session.wire.write(b"\xff\xff" + frame(opcode, b"") * 3)
        await session.ended()

    transport = await opened(make, peer, talk_on)
    await fail(transport, AnswerError, persisted="possibly")
