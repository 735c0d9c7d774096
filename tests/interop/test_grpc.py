"""gRPC by hand: frames of HTTP/2, statuses, messages to the byte."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from urllib.parse import urlsplit

import pytest

from . import raw, raw_grpc
from .answers import INTERNAL_ERROR, OK, answer, timeless
from .bodies import proto
from .raw_grpc import METHOD, GrpcAnswer, message
from .requests import Case, params
from .server import Server, identity

MOST = 4 << 20


def metadata() -> dict[str, str]:
    return {name.lower(): value for name, value in identity().items()}


async def call(server: Server, body: bytes, **headers: str | None) -> GrpcAnswer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await raw_grpc.call(server.grpc_url, body, {**metadata(), **given})


def assert_good(got: GrpcAnswer, guid: str = "g") -> None:
    assert got.headers[":status"] == "200"
    assert dict(got.trailers) == {"grpc-status": "0", "grpc-message": ""}
    assert timeless(got.body) == answer("PROTO", OK, guid)


@pytest.mark.parametrize("case", params("PROTO"))
async def test_a_request(server: Server, case: Case) -> None:
    got = await call(server, case.body)
    if case.outcome == "unreadable":
        assert got.status == "INTERNAL"
        assert got.message.startswith("grpc: error unmarshalling request: ")
        # Without a message all of it is in one frame.
        assert (got.data, got.trailers) == (b"", {})
    elif case.outcome == "poison" and server.event_ack == 1:
        assert got.status == "OK"
        assert timeless(got.body) == answer("PROTO", INTERNAL_ERROR, case.guid)
    else:
        assert_good(got, case.guid)


async def test_the_reason_is_readable(server: Server) -> None:
    got = await call(server, b"\xff\xff")
    told = "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data"
    assert got.message.replace("\u00a0", " ") == told


async def test_the_identity_is_needed(server: Server) -> None:
    got = await raw_grpc.call(server.grpc_url, proto("g"))
    assert (got.status, got.message) == ("UNKNOWN", "connection id header missing")
    # What cannot be read is said first.
    got = await raw_grpc.call(server.grpc_url, b"\xff")
    assert got.status == "INTERNAL"


async def test_an_empty_identity_will_do(server: Server) -> None:
    assert_good(await raw_grpc.call(server.grpc_url, proto("g"), {"x-user-id": ""}))


async def test_one_identity_on_many_connections(server: Server) -> None:
    headers = metadata()
    async with (
        raw_grpc.connect(server.grpc_url) as one,
        raw_grpc.connect(server.grpc_url) as two,
    ):
        assert_good(await one.call(message(proto("g")), headers))
        assert_good(await two.call(message(proto("g")), headers))


@pytest.mark.parametrize("name", ["X-User-ID", "x-user-iD", "connection"])
async def test_headers_that_http2_forbids(server: Server, name: str) -> None:
    got = await raw_grpc.call(server.grpc_url, proto("g"), {**metadata(), name: "x"})
    assert got == GrpcAnswer(reset=1)  # PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (METHOD.replace("SendEvent", "Nope"), "unknown method Nope for service "),
        ("/nope.Service/SendEvent", "unknown service nope.Service"),
        (METHOD.lower(), "unknown service raystack.raccoon.v1beta1.eventservice"),
        ("/SendEvent", 'malformed method name: "/SendEvent"'),
        ("/", 'malformed method name: "/"'),
    ],
)
async def test_another_method(server: Server, path: str, told: str) -> None:
    got = await raw_grpc.call(server.grpc_url, proto("g"), {**metadata(), ":path": path})
    assert got.status == "UNIMPLEMENTED"
    assert got.message.startswith(told)


async def test_a_method_without_a_slash_before_it(server: Server) -> None:
    headers = {**metadata(), ":path": METHOD[1:]}
    assert_good(await raw_grpc.call(server.grpc_url, proto("g"), headers))


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_another_http_method(server: Server, method: str) -> None:
    got = await raw_grpc.call(server.grpc_url, proto("g"), {**metadata(), ":method": method})
    assert (got.headers[":status"], got.status) == ("405", "INTERNAL")
    assert got.message == f'Received a HEADERS frame with :method "{method}" which should be POST'


@pytest.mark.parametrize(
    "content_type", ["application/grpc", "application/grpc+proto", "application/grpc+json"]
)
async def test_the_content_type_is_repeated(server: Server, content_type: str) -> None:
    got = await call(server, proto("g"), content_type=content_type)
    assert_good(got)
    assert got.headers["content-type"] == content_type


@pytest.mark.parametrize(
    "content_type",
    [None, "", "application/json", "Application/GRPC", "application/grpcx", "application/grpc-web"],
)
async def test_another_content_type(server: Server, content_type: str | None) -> None:
    got = await call(server, proto("g"), content_type=content_type)
    assert (got.headers[":status"], got.status) == ("415", "INVALID_ARGUMENT")
    assert got.message == f'invalid gRPC request content-type "{content_type or ""}"'


@pytest.mark.parametrize("te", [None, "trailers", "gzip"])
async def test_te_is_not_looked_at(server: Server, te: str | None) -> None:
    assert_good(await call(server, proto("g"), te=te))


@pytest.mark.parametrize("timeout", ["10S", "500m", "99999999H"])
async def test_a_timeout(server: Server, timeout: str) -> None:
    assert_good(await call(server, proto("g"), grpc_timeout=timeout))


@pytest.mark.parametrize("timeout", ["", "10", "S", "10s", "1.5S", "123456789S"])
async def test_a_timeout_that_is_none(server: Server, timeout: str) -> None:
    got = await call(server, proto("g"), grpc_timeout=timeout)
    assert (got.headers[":status"], got.status) == ("400", "INTERNAL")
    assert got.message.startswith("malformed grpc-timeout: ")


# --- messages -------------------------------------------------------------------------


def of_size(size: int) -> bytes:
    """A request of just so many bytes."""
    fill = size - 30
    while True:
        body = proto("g", b'"' + b"x" * fill + b'"')
        if len(body) == size:
            return body
        fill -= len(body) - size


async def test_as_large_as_may_be(server: Server) -> None:
    assert_good(await call(server, of_size(MOST)))


async def test_larger_than_that(server: Server) -> None:
    got = await call(server, of_size(MOST + 1))
    assert got.status == "RESOURCE_EXHAUSTED"
    assert got.message == f"grpc: received message larger than max ({MOST + 1} vs. {MOST})"


async def test_a_length_alone_is_refused(server: Server) -> None:
    async with raw_grpc.connect(server.grpc_url) as connection:
        prefix = b"\0" + (1 << 31).to_bytes(4, "big")
        got = await connection.call(prefix, metadata(), end=False)
        assert got.status == "RESOURCE_EXHAUSTED"
        assert got.message == f"grpc: received message larger than max ({1 << 31} vs. {MOST})"


@pytest.mark.parametrize("data", [b"\0\0", message(proto("g"))[:-1]])
async def test_a_message_that_breaks_off(server: Server, data: bytes) -> None:
    async with raw_grpc.connect(server.grpc_url) as connection:
        got = await connection.call(data, metadata())
        assert (got.status, got.message) == ("UNKNOWN", "unexpected EOF")


async def test_the_stream_need_not_end(server: Server) -> None:
    async with raw_grpc.connect(server.grpc_url) as connection:
        got = await connection.call(message(proto("g")), metadata(), end=False)
        assert_good(got)


async def test_what_follows_the_message_is_passed_over(server: Server) -> None:
    async with raw_grpc.connect(server.grpc_url) as connection:
        assert_good(await connection.call(message(proto("g")) + message(proto("h")), metadata()))


async def test_a_compressed_request_is_answered_in_kind(server: Server) -> None:
    async with raw_grpc.connect(server.grpc_url) as connection:
        headers = {**metadata(), "grpc-encoding": "gzip"}
        zipped = message(gzip.compress(proto("g"), mtime=0), flag=1)
        for data in (zipped, message(proto("g"))):
            got = await connection.call(data, headers)
            assert got.headers["grpc-encoding"] == "gzip"
            assert got.data[0] == 1
            assert timeless(gzip.decompress(got.data[5:])) == answer("PROTO", OK, "g")
            assert got.status == "OK"


@pytest.mark.parametrize(
    ("encoding", "flag", "data", "status", "told"),
    [
        (
            None,
            1,
            gzip.compress(proto("g"), mtime=0),
            "INTERNAL",
            "grpc: compressed flag set with identity",
        ),
        ("identity", 1, proto("g"), "INTERNAL", "grpc: compressed flag set with identity"),
        ("gzip", 1, proto("g"), "INTERNAL", "grpc: failed to decompress the received message: "),
        (
            "gzip",
            1,
            gzip.compress(bytes(MOST + 1), mtime=0),
            "RESOURCE_EXHAUSTED",
            "grpc: received message after decompression larger than max",
        ),
        ("zstd", 1, proto("g"), "UNIMPLEMENTED", "grpc: Decompressor is not installed for "),
        ("zstd", 0, proto("g"), "UNIMPLEMENTED", "grpc: Decompressor is not installed for "),
        (None, 2, proto("g"), "INTERNAL", "grpc: received unexpected payload format 2"),
    ],
)
async def test_compression_that_is_none(
    server: Server, encoding: str | None, flag: int, data: bytes, status: str, told: str
) -> None:
    async with raw_grpc.connect(server.grpc_url) as connection:
        headers = {**metadata(), "grpc-encoding": encoding}
        got = await connection.call(message(data, flag), headers)
        assert got.status == status
        assert got.message.startswith(told)


async def test_an_answer_longer_than_the_clients_window(server: Server) -> None:
    guid = "g" * 200_000
    got = await call(server, proto(guid))
    assert timeless(got.body) == answer("PROTO", OK, guid)


# --- connections ----------------------------------------------------------------------


async def test_many_calls_on_one_connection(server: Server) -> None:
    async with raw_grpc.connect(server.grpc_url) as connection:
        for number in range(50):
            assert_good(
                await connection.call(message(proto(f"g{number}")), metadata()), f"g{number}"
            )


async def test_pings_too_close_together_end_the_connection(server: Server) -> None:
    async with raw_grpc.connect(server.grpc_url) as connection:
        await connection.events()  # settings; acknowledged later, they would meet a closed socket
        for number in range(10):
            connection.protocol.ping(number.to_bytes(8, "big"))
        connection.flush()
        with pytest.raises(raw.Severed):
            while True:
                await connection.events()
        assert connection.going == [(11, 0, b"too_many_pings")]  # ENHANCE_YOUR_CALM
        assert connection.pongs >= 3


async def test_pings_between_answers_are_welcome(server: Server) -> None:
    async with raw_grpc.connect(server.grpc_url) as connection:
        for _ in range(8):
            connection.protocol.ping(b"12345678")
            assert_good(await connection.call(message(proto("g")), metadata()))
        assert connection.pongs == 8
        assert connection.going == []


async def test_http_1_gets_no_answer_of_its_own(server: Server) -> None:
    """It hears HTTP/2's settings, which come unasked, and the end."""
    parts = urlsplit(server.grpc_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    assert (await reader.readexactly(9))[3:] == b"\x04\0\0\0\0\0"
    writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    with contextlib.suppress(ConnectionResetError):
        await asyncio.wait_for(reader.read(), raw.PATIENCE)
    writer.close()
