"""What must never be told: userinfo, header values, the query."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from raccoon_runtime.envelope import Code
from raccoon_runtime.errors import ConfigError, SendError
from raccoon_runtime.options import TransportOptions
from raccoon_runtime.transports import make_transport

from tests.ports import SILENT_PORT
from tests.transports.conftest import Make
from tests.transports.peers import (
    H2,
    Handler,
    Line,
    Peer,
    answering,
    hold,
    http,
    speaking_h2,
    upgraded,
)
from tests.transports.sending import body, new_guid
from tests.transports.websockets import refusal

SECRETS = ("hunter2", "t0ken", "s3cret", "aHVudGVy", "YW5uYTpodW50ZXIy")
QUERY = "?key=t0ken"
HEADERS = {"X-Api-Key": "s3cret", "Cookie": "s3cret"}


def places(thing: object, seen: set[int] | None = None) -> Iterator[str]:
    """All texts that an error, what caused it, and what they hold would show in a report."""
    seen = set() if seen is None else seen
    if thing is None or id(thing) in seen:
        return
    seen.add(id(thing))
    yield repr(thing)
    yield str(thing)
    if isinstance(thing, BaseException):
        yield "".join(traceback.format_exception(type(thing), thing, thing.__traceback__))
        for part in (*thing.args, *vars(thing).values()):
            yield from places(part, seen)
        yield from places(thing.__cause__, seen)
        if not thing.__suppress_context__:
            yield from places(thing.__context__, seen)


def assert_silent(thing: object) -> None:
    for text in places(thing):
        for secret in SECRETS:
            assert secret not in text, text


def listen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("raccoon_runtime", "aiohttp", "asyncio", "grpclib"):
        caplog.set_level(logging.DEBUG, name)


async def end(line: Line) -> None:
    await line.reader.readexactly(1)


async def reset(line: Line) -> None:
    await line.head()
    line.reset()


async def no_stream(server: H2) -> None:
    stream, _ = await server.call()
    server.protocol.reset_stream(stream)
    server.flush()
    await server.wire.ended()


TAKEN = refusal(Code.CODE_MAX_USER_LIMIT_REACHED, "taken")

HTTP_HANDLERS: list[Handler] = [
    hold,
    end,
    reset,
    answering(b"garbage\r\n\r\n"),
    answering(http(200, b"<html>")),
    answering(http(401)),
    answering(http(404)),
    answering(http(500)),
    answering(http(302, Location="/there")),
    answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
    answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxyz"),
    upgraded(lambda session: session.wire.ended()),
]


@pytest.mark.parametrize("handler", HTTP_HANDLERS)
@pytest.mark.parametrize("scheme", ["ws", "http", "wss", "https"])
async def test_errors_and_logs_of_http(
    make: Make, peer: Peer, scheme: str, handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    listen(caplog)
    peer.handler = handler
    url = peer.url(scheme, f"/events{QUERY}").replace("://", "://anna:hunter2@")
    limits = dict.fromkeys(("connect_timeout", "write_timeout", "ack_timeout"), 0.1)
    await check(make, caplog, url, **limits)


@pytest.mark.parametrize("handler", [hold, end, speaking_h2(no_stream), answering(http(404))])
@pytest.mark.parametrize("scheme", ["grpc", "grpcs"])
async def test_errors_and_logs_of_grpc(
    make: Make, peer: Peer, scheme: str, handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    listen(caplog)
    peer.handler = handler
    url = peer.url(scheme).replace("://", "://anna:hunter2@")
    await check(make, caplog, url, connect_timeout=0.1, ack_timeout=0.1)


@pytest.mark.parametrize("scheme", ["ws", "http", "grpc"])
@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
async def test_errors_without_a_server(
    make: Make, scheme: str, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    query = "" if scheme == "grpc" else QUERY
    await check(make, caplog, f"{scheme}://anna:hunter2@{host}:{SILENT_PORT}{query}")


async def test_a_large_body_to_a_closed_connection(
    make: Make, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    """aiohttp tells the whole URL when it cannot write a body."""

    async def handler(line: Line) -> None:
        await line.head()
        line.reset()

    peer.handler = handler
    url = peer.url("http", f"/events{QUERY}").replace("://", "://anna:hunter2@")
    await check(make, caplog, url, size=4 << 20)


@pytest.mark.parametrize("headers", [HEADERS, {"Authorization": "Bearer t0ken"}])
def test_the_options(headers: dict[str, str]) -> None:
    options = TransportOptions(headers=headers, dial_options={"some": "s3cret"})
    assert_silent(options)
    assert "client_name='raccoon-python'" in repr(options)


async def check(
    make: Make, caplog: pytest.LogCaptureFixture, url: str, size: int = 1, **options: Any
) -> None:
    for headers in (HEADERS, lambda: HEADERS):
        transport = make(url, headers=headers, **options)
        assert_silent(transport)
        assert_silent(transport.address)
        guid = new_guid()
        with pytest.raises(SendError) as caught:
            await transport.send(guid, body(transport.wire, guid, b"1" * size))
        assert_silent(caught.value)
        assert_silent(caught.value.brief())
        await transport.close()
    assert_silent(caplog.text)


def wrong_values() -> dict[str, str]:
    return {"X-Api-Key": "s3cret\n"}


def wrong_type() -> Any:
    return {"X-Api-Key": b"s3cret"}


def failing() -> Any:
    raise KeyError("no vault")


@pytest.mark.parametrize("headers", [wrong_values, wrong_type, failing])
@pytest.mark.parametrize("scheme", ["ws", "http", "grpc"])
async def test_headers_that_a_function_makes(
    make: Make, scheme: str, headers: Callable[[], Any]
) -> None:
    transport = make(f"{scheme}://127.0.0.1:{SILENT_PORT}", headers=headers)
    guid = new_guid()
    with pytest.raises(SendError) as caught:
        await transport.send(guid, body(transport.wire, guid))
    assert caught.value.req_guid == guid
    assert_silent(caught.value)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("ws://anna:hunter2@:80/", {}),
        ("ws://anna:hunter2@host:port/", {}),
        ("ws://anna:hunter2@[host/?key=t0ken", {}),
        ("ws://anna:hunter2@ho st/", {}),
        ("ws://anna:hunter2@host/?key=t0ken#part", {}),
        ("ftp://anna:hunter2@host/", {}),
        ("anna:hunter2@host", {}),
        ("ws://host", {"headers": {"X-Api-Key": "s3cret\n"}}),
        ("ws://host", {"headers": {"X-Api-Key": "s3cret☃"}}),
        ("ws://host", {"headers": {"X-Api-Key": b"s3cret"}}),
        ("ws://host", {"headers": {"Content-Type": "s3cret"}}),
        ("grpc://host:1", {"headers": {"X-Api-Key-Bin": "s3cret"}}),
        ("grpc://host:1", {"headers": {"X-Api-Key": "\ts3cret"}}),
    ],
)
def test_errors_at_construction(url: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        make_transport(url, **options)
    assert_silent(str(caught.value))
    assert_silent(caught.value)
