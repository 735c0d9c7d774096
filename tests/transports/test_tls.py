"""TLS on all transports, with a private CA."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme
from raccoon_runtime import GrpcTransport, RestTransport, WebSocketTransport
from raccoon_runtime.collector import Close, Collector
from raccoon_runtime.errors import (
    ConfigError,
    ConnectError,
    ConnectionLostError,
    SendError,
    TlsError,
)

from tests.transports.conftest import Make, url_of
from tests.transports.peers import Line, Peer, http, speaking_h2, upgraded
from tests.transports.sending import body, deliver, fail, new_guid
from tests.transports.test_grpc import serve as serve_grpc
from tests.transports.websockets import serve as serve_ws

SECURE = {"ws": "wss", "rest": "https", "grpc": "grpcs"}
PLAIN = {"ws": "ws", "rest": "http", "grpc": "grpc"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def client(authority: trustme.CA | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority is not None:
        authority.configure_trust(context)
    return context


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_certificate_that_is_trusted(
    make: Make, scheme: str, authority: trustme.CA, host: str
) -> None:
    context = server(authority, "127.0.0.1", "localhost")
    async with Collector(event_ack=1, ssl=context) as collector:
        url = url_of(collector, scheme).replace("127.0.0.1", host)
        assert url.startswith(f"{SECURE[scheme]}://{host}:")
        transport = make(url, ssl=client(authority))
        await asyncio.gather(*(deliver(transport, b"%d" % n) for n in range(20)))
        assert len(collector.stored) == 20 and transport.connections == 1
        await deliver(transport, b"1" * 500_000)
        await transport.close()


async def test_a_certificate_that_is_not_trusted(
    make: Make, scheme: str, authority: trustme.CA
) -> None:
    async with Collector(ssl=server(authority, "127.0.0.1")) as collector:
        url = url_of(collector, scheme)
        for context in (None, client(None), client(trustme.CA())):
            transport = make(url, ssl=context)
            error = await fail(transport, TlsError, persisted="no", retryable=False, outage=True)
            assert isinstance(error, ConfigError) and "ssl=" in error.remedy
            assert "certificate" in error.reason or "local issuer" in error.reason
            await transport.close()
        assert not collector.received


async def test_a_certificate_of_another_host(
    make: Make, scheme: str, authority: trustme.CA
) -> None:
    async with Collector(ssl=server(authority, "other.example")) as collector:
        transport = make(url_of(collector, scheme), ssl=client(authority))
        error = await fail(transport, TlsError, persisted="no")
        assert "IP address mismatch" in error.reason
        await transport.close()


async def test_tls_to_a_plain_server(make: Make, scheme: str, authority: trustme.CA) -> None:
    async with Collector() as collector:
        url = url_of(collector, scheme).replace(PLAIN[scheme], SECURE[scheme], 1)
        transport = make(url, ssl=client(authority))
        await fail(transport, TlsError, persisted="no", outage=True)
        await transport.close()
        assert not collector.received


async def test_plain_to_a_tls_server(make: Make, scheme: str, authority: trustme.CA) -> None:
    async with Collector(ssl=server(authority, "127.0.0.1")) as collector:
        url = url_of(collector, scheme).replace(SECURE[scheme], PLAIN[scheme], 1)
        transport = make(url, connect_timeout=1.0)
        guid = new_guid()
        with pytest.raises(SendError) as caught:
            await transport.send(guid, body(transport.wire, guid))
        assert caught.value.outage and caught.value.req_guid == guid
        # Over REST the request goes out before anybody can know.
        assert caught.value.persisted == ("possibly" if scheme == "rest" else "no")
        await transport.close()
        assert not collector.received


# On Python 3.10 aiohttp leaves a TLS connection unclosed that the other side has ended.
@pytest.mark.filterwarnings(
    "ignore:.*_SSLProtocolTransport.__del__:pytest.PytestUnraisableExceptionWarning"
)
async def test_a_server_that_ends_tls_in_the_middle(
    make: Make, scheme: str, authority: trustme.CA
) -> None:
    async with Collector(event_ack=1, ssl=server(authority, "127.0.0.1")) as collector:
        transport = make(url_of(collector, scheme), ssl=client(authority))
        await deliver(transport)
        for reset in (False, True):
            collector.faults.add(Close(reset=reset, times=1))
            await fail(transport, ConnectionLostError, persisted="possibly")
            await deliver(transport)
        await transport.close()


async def test_a_handshake_that_never_ends(make: Make, scheme: str, peer: Peer) -> None:
    transport = make(peer.url(SECURE[scheme]), connect_timeout=0.2)
    await fail(transport, ConnectError, persisted="no", retryable=True)


async def test_a_handshake_that_breaks_off(make: Make, scheme: str, peer: Peer) -> None:
    async def handler(line: Line) -> None:
        await line.reader.readexactly(5)
        line.reset()

    peer.handler = handler
    await fail(make(peer.url(SECURE[scheme])), ConnectError, persisted="no", retryable=True)


async def test_grpc_offers_http2_and_nothing_else(make: Make, authority: trustme.CA) -> None:
    context = server(authority, "127.0.0.1")
    context.set_alpn_protocols(["http/1.1", "h2"])
    chosen: list[str | None] = []

    async def look(line: Line) -> None:
        chosen.append(line.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await speaking_h2(serve_grpc)(line)

    async with Peer(context) as peer:
        peer.handler = look
        transport = make(peer.url("grpcs"), ssl=client(authority))
        await deliver(transport)
        await transport.close()
    assert chosen == ["h2"]


async def test_grpc_with_a_server_that_names_no_protocol(make: Make, authority: trustme.CA) -> None:
    async with Peer(server(authority, "127.0.0.1")) as peer:
        peer.handler = speaking_h2(serve_grpc)
        transport = make(peer.url("grpcs"), ssl=client(authority))
        await deliver(transport)
        await transport.close()


async def test_grpc_with_a_server_of_http_1(make: Make, authority: trustme.CA) -> None:
    async def handler(line: Line) -> None:
        await line.head()
        line.write(http(400, b"no", Connection="close"))
        await line.writer.drain()

    async with Peer(server(authority, "127.0.0.1")) as peer:
        peer.handler = handler
        transport = make(peer.url("grpcs"), ssl=client(authority))
        guid = new_guid()
        with pytest.raises(SendError) as caught:
            await transport.send(guid, body(transport.wire, guid))
        assert caught.value.persisted == "no" and caught.value.outage
        await transport.close()


async def test_a_websocket_whose_tls_ends_without_a_word(make: Make, authority: trustme.CA) -> None:
    async with Peer(server(authority, "127.0.0.1")) as peer:
        peer.handler = upgraded(serve_ws)
        transport = make(peer.url("wss"), ssl=client(authority))
        await deliver(transport)
        await transport.close()


async def test_one_context_is_for_one_protocol(authority: trustme.CA) -> None:
    shared = client(authority)
    RestTransport("https://localhost", ssl=shared)
    WebSocketTransport("wss://localhost", ssl=shared)
    with pytest.raises(ConfigError) as caught:
        GrpcTransport("grpcs://localhost", ssl=shared)
    assert caught.value.argument == "ssl"
    own = client(authority)
    GrpcTransport("grpcs://localhost", ssl=own)
    GrpcTransport("grpcs://elsewhere", ssl=own)
    with pytest.raises(ConfigError):
        RestTransport("https://localhost", ssl=own)
