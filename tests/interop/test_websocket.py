"""WebSocket by hand: upgrades, frames, refusals; answers to the byte."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from . import raw
from .answers import BAD_REQUEST, INTERNAL_ERROR, OK, USER_LIMIT, answer, timeless
from .bodies import POISON, as_json, proto
from .raw import GONE, Frame
from .requests import LARGE, Case, params, unpublishable
from .server import Server, identity

OPCODES = {"JSON": "text", "PROTO": "binary"}
TEXT, BINARY, CONTINUATION, FINAL = 0x81, 0x82, 0x00, 0x80
CLOSE, PING, PONG = 0x88, 0x89, 0x8A


async def reply(ws: raw.WebSocket) -> Frame:
    frame = await ws.read()
    return Frame(frame.opcode, timeless(frame.body), frame.code)


def good(wire: str, guid: str) -> Frame:
    return Frame(OPCODES[wire], answer(wire, OK, guid))


@pytest.mark.parametrize("case", params("JSON", "PROTO"))
async def test_a_request(server: Server, case: Case) -> None:
    async with raw.websocket(server.ws_url, identity()) as ws:
        await ws.send(OPCODES[case.wire], case.body)
        got = await reply(ws)
        if case.outcome == "fatal":
            assert got == GONE
            return
        if case.outcome == "unreadable":
            assert got.opcode == OPCODES[case.wire]
            assert_unreadable(case, got.body)
        elif case.outcome == "poison" and server.event_ack == 1:
            told = answer(case.wire, INTERNAL_ERROR, case.guid, unpublishable(case))
            assert got == Frame(OPCODES[case.wire], told)
        else:
            assert got == good(case.wire, case.guid)
        # Whatever came of it, the connection goes on.
        await ws.send("text", as_json("next"))
        assert await reply(ws) == good("JSON", "next")


def assert_unreadable(case: Case, body: bytes) -> None:
    """The reason is the decoder's, of which no more than the beginning is promised."""
    whole = answer(case.wire, BAD_REQUEST, case.guid, "cannot deserialize request: ?")
    before, after = whole.split(b"cannot deserialize request: ?")
    if case.wire == "PROTO":
        before = before[: before.index(b'"')]  # the reason's length follows
    assert body.startswith(before)
    assert b"cannot deserialize request: " in body
    assert body.endswith(after)


@pytest.mark.parametrize("wire", ["JSON", "PROTO"])
async def test_a_megabyte(server: Server, wire: str) -> None:
    async with raw.websocket(server.ws_url, identity()) as ws:
        make = as_json if wire == "JSON" else proto
        await ws.send(OPCODES[wire], make("large", LARGE))
        assert await reply(ws) == good(wire, "large")


async def test_answers_of_many_in_flight_come_in_any_order(server: Server) -> None:
    async with raw.websocket(server.ws_url, identity()) as ws:
        guids = [f"g{n}" for n in range(64)]
        await ws.send_together([("binary", proto(guid)) for guid in guids])
        got = [await reply(ws) for _ in guids]
    expected = [good("PROTO", guid) for guid in guids]
    assert sorted(got, key=repr) == sorted(expected, key=repr)


@pytest.mark.parametrize("guid", ["same", ""])
async def test_a_guid_that_comes_again_is_answered_again(server: Server, guid: str) -> None:
    async with raw.websocket(server.ws_url, identity()) as ws:
        for _ in range(3):
            await ws.send("binary", proto(guid))
            assert await reply(ws) == good("PROTO", guid)


async def test_a_guid_that_failed_may_come_again(server: Server) -> None:
    async with raw.websocket(server.ws_url, identity()) as ws:
        for _ in range(2):
            await ws.send("binary", proto("again", POISON))
            code = INTERNAL_ERROR if server.event_ack == 1 else OK
            assert timeless((await ws.read()).body)[3:4] == bytes((code,))
        await ws.send("binary", proto("again"))
        assert await reply(ws) == good("PROTO", "again")


# --- connections ----------------------------------------------------------------------


async def test_one_connection_an_identity(server: Server) -> None:
    headers = identity()
    name = headers["X-User-ID"]
    async with raw.websocket(server.ws_url, headers) as first:
        await first.admitted()
        async with raw.websocket(server.ws_url, headers) as second:
            # PROTO whatever the client speaks, and before it has said anything.
            reason = f"duplicated connection: [--default--] {name},"
            told = answer("PROTO", USER_LIMIT, reason=reason)
            assert await reply(second) == Frame("binary", told)
            assert await reply(second) == Frame(
                "close", f"duplicate connection: {name}".encode(), 1008
            )
            assert await second.read() == GONE
        await first.send("text", as_json("still"))
        assert await reply(first) == good("JSON", "still")


@pytest.mark.parametrize(("length", "closed"), [(101, True), (102, False)])
async def test_no_close_frame_when_its_reason_does_not_fit(
    server: Server, length: int, closed: bool
) -> None:
    headers = {"X-User-ID": identity()["X-User-ID"].ljust(length, "x")}
    async with raw.websocket(server.ws_url, headers) as first:
        await first.admitted()
        async with raw.websocket(server.ws_url, headers) as second:
            assert (await second.read()).opcode == "binary"
            assert ((await second.read()).code == 1008) is closed


async def test_connections_without_an_identity_are_one(server: Server) -> None:
    async with raw.websocket(server.ws_url) as first:
        await first.admitted()
        async with raw.websocket(server.ws_url) as second:
            assert b"duplicated connection: [--default--] ," in (await second.read()).body


@pytest.mark.parametrize("ending", ["close", "eof", "reset"])
async def test_an_identity_is_free_when_its_connection_ended(server: Server, ending: str) -> None:
    headers = identity()
    async with raw.websocket(server.ws_url, headers) as ws:
        await ws.admitted()
        if ending == "close":
            await ws.send_close(1000)
            await ws.read()
        elif ending == "eof":
            ws.write_eof()
            assert await ws.read() == GONE
        else:
            ws.reset()
    for _ in range(200):
        async with raw.websocket(server.ws_url, headers) as ws:
            await ws.send("text", as_json("free"))
            got = await reply(ws)
        if got == good("JSON", "free"):
            return
        # The server may not have seen the end yet.
        await asyncio.sleep(0.01)
    raise AssertionError("the identity is still taken")


UPGRADE = {
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "WebSocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Connection": "keep-alive"}, 400),
        ({"Upgrade": "h2c"}, 400),
        ({"Upgrade": "websocket/13"}, 400),
        ({"Sec-WebSocket-Version": "12"}, 400),
        ({"Sec-WebSocket-Key": ""}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://[bad"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
    ],
)
async def test_refused_upgrades(server: Server, change: dict[str, str], status: int) -> None:
    got = await raw.http(server.http_url, headers={**UPGRADE, **change}, method="GET")
    assert (got.status, got.body) == (status, {400: b"Bad Request\n", 403: b"Forbidden\n"}[status])
    assert got.headers["sec-websocket-version"] == "13"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_origin_of_the_same_host_is_welcome(server: Server, scheme: str) -> None:
    host = server.http_url.split("/")[2]
    headers = {**identity(), "Origin": f"{scheme}://user@{host.upper()}"}
    async with raw.websocket(server.ws_url, headers) as ws:
        await ws.admitted()


async def test_offers_are_not_taken_up(server: Server) -> None:
    headers = {
        **identity(),
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Protocol": "a, b",
    }
    async with raw.websocket(server.ws_url, headers) as ws:
        await ws.admitted()
        assert not {"sec-websocket-extensions", "sec-websocket-protocol"} & {
            name.lower() for name in ws.ws._response.headers
        }


async def test_frames_before_the_101_end_the_connection(server: Server) -> None:
    lines = [f"{name}: {value}" for name, value in {**UPGRADE, **identity()}.items()]
    head = "\r\n".join(["GET /api/v1/events HTTP/1.1", "Host: h", *lines, "", ""]).encode()
    with pytest.raises(raw.Severed):
        await raw.exchange(server.http_url, head + raw.masked(BINARY, proto("early")))


# --- frames ---------------------------------------------------------------------------


@pytest.mark.parametrize("words", [b"", b"hello", b"x" * 125])
async def test_a_ping_is_answered_with_its_words(server: Server, words: bytes) -> None:
    async with raw.websocket(server.ws_url, identity()) as ws:
        await ws.ws.ping(words)
        message = await ws.ws.receive(raw.PATIENCE)
        while message.data == b"--ping--":  # the server's own
            message = await ws.ws.receive(raw.PATIENCE)
        assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, words)


async def test_a_message_may_come_in_pieces(server: Server) -> None:
    body = proto("whole")
    async with raw.websocket(server.ws_url, identity()) as ws:
        ws.write(raw.masked(0x02, body[:5]) + raw.masked(CONTINUATION, body[5:9]))
        ws.write(raw.masked(PING, b"p") + raw.masked(PONG, b"") + raw.masked(FINAL, body[9:]))
        assert await reply(ws) == good("PROTO", "whole")


async def test_a_frame_may_come_byte_by_byte(server: Server) -> None:
    async with raw.websocket(server.ws_url, identity()) as ws:
        for byte in raw.masked(TEXT, as_json("slow"), b"\x01\x02\x03\x04"):
            ws.write(bytes((byte,)))
            await asyncio.sleep(0)
        assert await reply(ws) == good("JSON", "slow")


async def test_a_long_length_for_a_short_frame(server: Server) -> None:
    body = proto("g")
    for head in (b"\x82\xfe\x00", b"\x82\xff" + bytes(7)):
        async with raw.websocket(server.ws_url, identity()) as ws:
            ws.write(head + bytes((len(body),)) + bytes(4) + body)
            assert await reply(ws) == good("PROTO", "g")


BODY = proto("g")


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (raw.masked(BINARY, BODY, key=None), "bad MASK"),
        (raw.masked(0xC2, BODY), "RSV1 set"),
        (raw.masked(0xF2, BODY), "RSV1 set, RSV2 set, RSV3 set"),
        (raw.masked(0x83), "bad opcode 3"),
        (raw.masked(0x8B), "bad opcode 11"),
        (raw.masked(FINAL, BODY), "continuation after FIN"),
        (raw.masked(0x02, BODY[:5]) + raw.masked(BINARY, BODY), "data before FIN"),
        (raw.masked(0x09, b"x"), "FIN not set on control"),
        (raw.masked(PING, b"x" * 126), "len > 125 for control"),
        (b"GET / HTTP/1.1\r\n\r\n", "RSV1 set, bad opcode 7, bad MASK"),
    ],
)
async def test_what_is_no_frame_here(server: Server, frames: bytes, reason: str) -> None:
    async with raw.websocket(server.ws_url, identity()) as ws:
        ws.write(frames)
        assert await ws.read() == Frame("close", reason.encode(), 1002)
        assert await ws.read() == GONE


async def test_a_length_beyond_all(server: Server) -> None:
    async with raw.websocket(server.ws_url, identity()) as ws:
        ws.write(b"\x82\xff\x80" + bytes(11))
        assert await ws.read() == GONE


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [
        (b"\x03\xe8", 1000, ""),
        (b"\x03\xe8bye", 1000, ""),
        (b"\x03\xe9", 1001, ""),
        (b"\x03\xf4", 1012, ""),
        (b"\x0b\xb8", 3000, ""),
        (b"\x0f\xa0", 4000, ""),
        # aiohttp shows a close without a code as 0.
        (b"", 0, ""),
        (b"\x03", 0, ""),
        (b"\x03\xed", 1002, "bad close code 1005"),
        (b"\x03\xee", 1002, "bad close code 1006"),
        (b"\x03\xf7", 1002, "bad close code 1015"),
        (b"\x0b\xb7", 1002, "bad close code 2999"),
        (b"\x13\x88", 1002, "bad close code 5000"),
        (b"\x03\xe8\xff", 1002, "invalid utf8 payload in close frame"),
    ],
)
async def test_a_close_is_answered(server: Server, payload: bytes, code: int, reason: str) -> None:
    async with raw.websocket(server.ws_url, identity()) as ws:
        ws.write(raw.masked(CLOSE, payload))
        assert await ws.read() == Frame("close", reason.encode(), code)
        assert await ws.read() == GONE


async def test_nothing_is_read_after_a_close(server: Server) -> None:
    async with raw.websocket(server.ws_url, identity()) as ws:
        ws.write(raw.masked(CLOSE, b"\x03\xe8") + raw.masked(BINARY, BODY))
        assert (await ws.read()).opcode == "close"
        assert await ws.read() == GONE


async def test_text_and_binary_on_one_connection(server: Server) -> None:
    async with raw.websocket(server.ws_url, identity()) as ws:
        await ws.send("text", as_json("t"))
        await ws.send("binary", proto("b"))
        got: list[Any] = [await reply(ws), await reply(ws)]
    assert sorted(got, key=repr) == [good("PROTO", "b"), good("JSON", "t")]
