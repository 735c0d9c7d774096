"""REST by hand: requests as bytes, answers to the byte."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from . import raw
from .answers import BAD_REQUEST, INTERNAL_ERROR, OK, answer, timeless
from .bodies import as_json, proto
from .raw import HttpAnswer
from .requests import CASES, LARGE, Case, params, unpublishable
from .server import Server, identity

TYPES = {"JSON": "application/json", "PROTO": "application/proto"}
TEXT = "text/plain; charset=utf-8"


async def post(server: Server, wire: str, body: bytes) -> HttpAnswer:
    return await raw.http(server.http_url, body, {"Content-Type": TYPES[wire], **identity()})


def expected(case: Case, event_ack: int) -> tuple[int, bytes]:
    if case.outcome == "unreadable":
        return 400, answer(case.wire, BAD_REQUEST, reason="deserialization failure")
    if case.outcome == "poison" and event_ack == 1:
        return 500, answer(case.wire, INTERNAL_ERROR, case.guid, unpublishable(case))
    return 200, answer(case.wire, OK, case.guid)


@pytest.mark.parametrize("case", params("JSON", "PROTO"))
async def test_a_request(server: Server, case: Case) -> None:
    if case.outcome == "fatal":
        with pytest.raises(raw.Severed):
            await post(server, case.wire, case.body)
        return
    got = await post(server, case.wire, case.body)
    assert (got.status, timeless(got.body)) == expected(case, server.event_ack)
    assert got.content_type == TYPES[case.wire]


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, ""),
        ({"Content-Type": ""}, ""),
        ({"Content-Type": "application/json; charset=utf-8"}, "application/json; charset=utf-8"),
        ({"Content-Type": "Application/JSON"}, "Application/JSON"),
        ({"Content-Type": "application/protobuf"}, "application/protobuf"),
        ({"Content-Type": "application/x-protobuf"}, "application/x-protobuf"),
        ({"Content-Type": "text/plain"}, "text/plain"),
        ({"Content-Type": "text/plain", "content-type": "application/json"}, "text/plain"),
    ],
)
async def test_another_content_type_is_refused(
    server: Server, headers: dict[str, str], told: str
) -> None:
    got = await raw.http(server.http_url, as_json("g"), headers)
    assert got.status == 400
    # It is repeated, and the answer is JSON all the same.
    assert got.content_type == told
    assert timeless(got.body) == answer("JSON", BAD_REQUEST, reason="invalid content type")


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/json"},
        {"CONTENT-TYPE": "  application/json\t"},
        {"Content-Type": "application/json", "content-type": "text/plain"},
        {"Content-Type": "application/json", "Content-Encoding": "identity"},
        {"Content-Type": "application/json", "Origin": "http://elsewhere.example"},
    ],
)
async def test_headers_that_do_no_harm(server: Server, headers: dict[str, str]) -> None:
    got = await raw.http(server.http_url, as_json("g"), headers)
    assert (got.status, timeless(got.body)) == (200, answer("JSON", OK, "g"))
    assert not [name for name in got.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("wire", ["JSON", "PROTO"])
async def test_nothing_is_decompressed(server: Server, wire: str) -> None:
    zipped = bytes.fromhex("1f8b08000000000000ffabae05004393bca802000000")
    headers = {"Content-Type": TYPES[wire], "Content-Encoding": "gzip"}
    got = await raw.http(server.http_url, zipped, headers)
    assert got.status == 400


async def test_the_identity_header_is_not_needed(server: Server) -> None:
    got = await raw.http(server.http_url, as_json("g"), {"Content-Type": "application/json"})
    assert got.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "content_type", "body"),
    [
        ("GET", "/api/v1/events", 400, TEXT, b"Bad Request\n"),
        ("PUT", "/api/v1/events", 405, None, b""),
        ("DELETE", "/api/v1/events", 405, None, b""),
        ("HEAD", "/api/v1/events", 405, None, b""),
        ("OPTIONS", "/api/v1/events", 405, None, b""),
        ("post", "/api/v1/events", 405, None, b""),
        ("BREW", "/api/v1/events", 405, None, b""),
        ("POST", "/api/v1/events/", 404, TEXT, b"404 page not found\n"),
        ("POST", "/api/v1/event", 404, TEXT, b"404 page not found\n"),
        ("POST", "/API/v1/events", 404, TEXT, b"404 page not found\n"),
        ("POST", "/", 404, TEXT, b"404 page not found\n"),
        ("GET", "/ping", 200, TEXT, b"pong"),
        ("GET", "/ping?x=1", 200, TEXT, b"pong"),
        ("GET", "/%70ing", 200, TEXT, b"pong"),
        ("HEAD", "/ping", 405, None, b""),
        ("POST", "/ping", 405, None, b""),
        ("GET", "/ping/", 404, TEXT, b"404 page not found\n"),
        ("GET", "/%zz", 400, TEXT, b"400 Bad Request"),
    ],
)
async def test_other_methods_and_paths(
    server: Server, method: str, path: str, status: int, content_type: str | None, body: bytes
) -> None:
    got = await raw.http(server.http_url, method=method, path=path)
    assert (got.status, got.content_type, got.body) == (status, content_type, body)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("//api/v1/events", "/api/v1/events"),
        ("/api//v1/events?a=b", "/api/v1/events?a=b"),
        ("/api/./v1/events", "/api/v1/events"),
        ("/x/../api/v1/events", "/api/v1/events"),
        ("//%C3%A9/", "/%C3%A9/"),
    ],
)
async def test_a_path_is_cleaned_by_a_redirect(server: Server, path: str, location: str) -> None:
    got = await raw.http(server.http_url, as_json("g"), path=path)
    assert (got.status, got.headers["location"], got.body) == (301, location, b"")


async def test_cors_is_off(server: Server) -> None:
    headers = {"Origin": "http://x", "Access-Control-Request-Method": "POST"}
    got = await raw.http(server.http_url, b"", headers, method="OPTIONS")
    assert got.status == 405
    assert not [name for name in got.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("wire", ["JSON", "PROTO"])
async def test_eight_megabytes(server: Server, wire: str) -> None:
    make = as_json if wire == "JSON" else proto
    body = make("g", *[LARGE] * 8)
    assert len(body) > 8 << 20
    got = await post(server, wire, body)
    assert (got.status, timeless(got.body)) == (200, answer(wire, OK, "g"))


@pytest.mark.parametrize("wire", ["JSON", "PROTO"])
async def test_a_long_answer_comes_in_chunks(server: Server, wire: str) -> None:
    guid = "g" * 3000
    make = as_json if wire == "JSON" else proto
    got = await post(server, wire, make(guid))
    assert got.headers["transfer-encoding"] == "chunked"
    assert timeless(got.body) == answer(wire, OK, guid)


HEAD = "POST /api/v1/events HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
BODY = as_json("g")
LENGTH = f"Content-Length: {len(BODY)}\r\n"
LAST = "Connection: close\r\n"
GOOD_ANSWER = (200, answer("JSON", OK, "g"))
BROKEN_BODY = (500, answer("JSON", INTERNAL_ERROR, reason="deserialization failure"))


async def send(server: Server, *pieces: bytes) -> tuple[int, bytes]:
    got = raw.parsed(await raw.exchange(server.http_url, *pieces))
    return got.status, timeless(got.body)


async def test_a_body_may_come_in_pieces(server: Server) -> None:
    head = (HEAD + LENGTH + LAST + "\r\n").encode()
    assert await send(server, head[:30], head[30:] + BODY[:20], BODY[20:]) == GOOD_ANSWER


async def test_a_body_may_come_in_chunks(server: Server) -> None:
    head = (HEAD + "Transfer-Encoding: chunked\r\n" + LAST + "\r\n").encode()
    first, rest = BODY[:20], BODY[20:]
    chunks = b"14;a=b\r\n%b\r\n%X\r\n%b\r\n0\r\nX-Trailer: t\r\n\r\n" % (first, len(rest), rest)
    assert await send(server, head, chunks) == GOOD_ANSWER


@pytest.mark.parametrize(
    "chunks", [b"xyz\r\n", b"3\r\nabcd\r\n", b"1\r\na\r\n0\r\nno-trailer\r\n\r\n"]
)
async def test_a_body_that_breaks_off(server: Server, chunks: bytes) -> None:
    head = (HEAD + "Transfer-Encoding: chunked\r\n" + LAST + "\r\n").encode()
    assert await send(server, head + chunks) == BROKEN_BODY


async def test_a_connection_is_kept(server: Server) -> None:
    again = (HEAD + LENGTH + "\r\n").encode() + BODY
    last = (HEAD + LENGTH + LAST + "\r\n").encode() + BODY
    got = await raw.exchange(server.http_url, again + again, b"\r\n" + last)
    answers = got.split(b"HTTP/1.1 ")[1:]
    assert [timeless(one.partition(b"\r\n\r\n")[2]) for one in answers] == [GOOD_ANSWER[1]] * 3
    assert [b"Connection: close" in one for one in answers] == [False, False, True]


async def test_100_continue(server: Server) -> None:
    head = (HEAD + LENGTH + "Expect: 100-continue\r\n" + LAST + "\r\n").encode()
    got = await raw.exchange(server.http_url, head, BODY)
    interim, _, final = got.partition(b"\r\n\r\n")
    assert interim == b"HTTP/1.1 100 Continue"
    assert timeless(raw.parsed(final).body) == GOOD_ANSWER[1]


async def test_another_expectation(server: Server) -> None:
    head = (HEAD + LENGTH + "Expect: miracles\r\n\r\n").encode()
    assert await send(server, head + BODY) == (417, b"")


async def test_http_1_0(server: Server) -> None:
    head = (HEAD + LENGTH + "\r\n").replace("1.1", "1.0").replace("Host: h\r\n", "").encode()
    got = await raw.exchange(server.http_url, head + BODY)
    assert got.startswith(b"HTTP/1.0 200 OK\r\n")
    assert timeless(raw.parsed(got).body) == GOOD_ANSWER[1]


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
async def test_what_go_is_lenient_about(server: Server, line_end: str) -> None:
    head = HEAD + LENGTH + LENGTH + "X-Folded: a\r\n b\r\n" + LAST + "\r\n"
    assert await send(server, head.replace("\r\n", line_end).encode() + BODY) == GOOD_ANSWER


@pytest.mark.parametrize(
    ("request_text", "status", "told"),
    [
        ("hello world\r\n\r\n", 400, "400 Bad Request"),
        ("GET /ping\r\n\r\n", 400, "400 Bad Request"),
        ("GET ping HTTP/1.1\r\nHost: h\r\n\r\n", 400, "400 Bad Request"),
        (
            "GET /ping HTTP/1.1\r\n\r\n",
            400,
            "400 Bad Request: missing required Host header",
        ),
        ("GET /ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "400 Bad Request"),
        (
            "GET /ping HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n",
            400,
            "400 Bad Request: invalid header name",
        ),
        ("GET /ping HTTP/1.1\r\nHost: h\r\nnothing\r\n\r\n", 400, "400 Bad Request"),
        ("GET /ping HTTP/1.1\r\nHost: h\r\nA: \x00\r\n\r\n", 400, "400 Bad Request"),
        ("POST /ping HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400, "400 Bad Request"),
        ("POST /ping HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400, "400 Bad Request"),
        (
            "POST /ping HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
            "400 Bad Request",
        ),
        (
            "POST /ping HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
            501,
            "Unsupported transfer encoding",
        ),
        (
            "GET /ping HTTP/2.0\r\nHost: h\r\n\r\n",
            505,
            "505 HTTP Version Not Supported: unsupported protocol version",
        ),
    ],
)
async def test_what_is_no_request(
    server: Server, request_text: str, status: int, told: str
) -> None:
    got = raw.parsed(await raw.exchange(server.http_url, request_text.encode()))
    assert (got.status, got.content_type, got.body.decode()) == (status, TEXT, told)
    assert got.headers["connection"] == "close"


async def test_what_begins_with_no_request_is_not_waited_for(server: Server) -> None:
    hello = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="h")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    for start in (hello.read(), b"GET /ping http/1.1\r\n", b"GET ping HTTP/1.1\r\n"):
        got = raw.parsed(await raw.exchange(server.http_url, start))
        assert (got.status, got.content_type, got.body) == (400, TEXT, b"400 Bad Request")


async def test_headers_of_more_than_a_megabyte(server: Server) -> None:
    head = HEAD + LENGTH + "X: " + "a" * (1100 << 10) + "\r\n" + LAST + "\r\n"
    assert await send(server, head.encode() + BODY) == (431, b"431 Request Header Fields Too Large")
    head = HEAD + LENGTH + "X: " + "a" * (900 << 10) + "\r\n" + LAST + "\r\n"
    assert await send(server, head.encode() + BODY) == GOOD_ANSWER


async def test_many_at_once(server: Server) -> None:
    guids = [f"many-{n}" for n in range(50)]
    got = await asyncio.gather(*(post(server, "PROTO", proto(guid)) for guid in guids))
    assert [timeless(one.body) for one in got] == [answer("PROTO", OK, guid) for guid in guids]


def test_the_table_has_both_wires_and_every_outcome() -> None:
    found = {(case.wire, case.outcome) for case in CASES.values()}
    outcomes = {"read", "unreadable", "poison"}
    assert found == {(wire, outcome) for wire in TYPES for outcome in outcomes} | {
        ("JSON", "fatal")  # protobuf knows no null
    }
