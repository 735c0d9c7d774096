"""Proxies from the environment, and only when asked for."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import pytest
import trustme
from raccoon_runtime.collector import Collector
from raccoon_runtime.errors import AuthError, ConnectError, SetupError, UnavailableError

from tests.transports.conftest import Make
from tests.transports.peers import Line, Peer, header, http
from tests.transports.sending import deliver, fail

VARIABLES = ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the machine's in the way."""
    for name in (*VARIABLES, *map(str.upper, VARIABLES), "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)


async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(1 << 16):
            target.write(data)
    target.close()


class Proxy:
    """Lets everything through, plain requests and tunnels, and notes what it was asked."""

    def __init__(self, peer: Peer) -> None:
        self.heads: list[str] = []
        peer.handler = self._serve

    async def _serve(self, line: Line) -> None:
        head = await line.head()
        if not head:
            return
        self.heads.append(head)
        method, target, _ = head.split(maxsplit=2)
        where = target if method == "CONNECT" else target.split("/")[2]
        host, _, port = where.rpartition(":")
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        try:
            if method == "CONNECT":
                line.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                writer.write(head.replace(f"http://{where}", "", 1).encode())
            await asyncio.gather(pump(reader, line.writer), pump(line.reader, writer))
        finally:
            writer.transport.abort()


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
@pytest.mark.parametrize("kind", ["ws", "rest"])
async def test_plain_requests(
    make: Make,
    peer: Peer,
    collector: Collector,
    kind: str,
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = Proxy(peer)
    monkeypatch.setenv(variable, peer.url("http").replace("://", "://anna:hunter2@"))
    url = collector.ws_url if kind == "ws" else collector.http_url
    transport = make(url, trust_env=True)
    await deliver(transport)
    await deliver(transport)
    assert len(proxy.heads) == 1
    assert header(proxy.heads[0], "proxy-authorization") == "Basic YW5uYTpodW50ZXIy"
    assert proxy.heads[0].split()[1] == f"{collector.http_url}"
    # Not asked for, it is not used.
    await deliver(make(url))
    assert len(proxy.heads) == 1
    await transport.close()


@pytest.mark.parametrize("kind", ["wss", "https"])
async def test_a_tunnel(make: Make, peer: Peer, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    proxy = Proxy(peer)
    monkeypatch.setenv("https_proxy", peer.url("http"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with Collector(event_ack=1, ssl=context) as collector:
        url = collector.ws_url if kind == "wss" else collector.http_url
        transport = make(url, ssl=trusting, trust_env=True, headers={"X-Api-Key": "s3cret"})
        await deliver(transport)
        await transport.close()
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT 127.0.0.1:{collector.http_port} ")
    assert "s3cret" not in head


@pytest.mark.parametrize("exempt", ["127.0.0.1", "*", "127.0.0.1:{port}", "x, 127.0.0.1"])
async def test_hosts_without_a_proxy(
    make: Make, collector: Collector, exempt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", exempt.format(port=collector.http_port))
    for url in (collector.ws_url, collector.http_url):
        await deliver(make(url, trust_env=True))


async def test_a_variable_of_its_own(
    make: Make, peer: Peer, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy(peer)
    monkeypatch.setenv("ws_proxy", f"127.0.0.1:{peer.port}")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    transport = make(collector.ws_url, trust_env=True)
    await deliver(transport)
    assert len(proxy.heads) == 1
    await transport.close()


@pytest.mark.parametrize("kind", ["ws", "http"])
@pytest.mark.parametrize(
    "told",
    ["socks5://127.0.0.1:1080", "http://", "ftp://host", "http://[", "http://127.1:1", "a..b"],
)
async def test_a_proxy_that_is_none(
    make: Make, kind: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", told)
    transport = make(f"{kind}://127.0.0.1:1", trust_env=True)
    error = await fail(transport, SetupError, persisted="no", retryable=False)
    assert "proxy" in error.reason


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_a_proxy_that_does_not_run(
    make: Make, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    transport = make(f"{scheme}://127.0.0.1:2", trust_env=True)
    await fail(transport, ConnectError, persisted="no", retryable=True)


@pytest.mark.parametrize("scheme", ["wss", "https"])
@pytest.mark.parametrize(
    ("status", "kind"), [(407, AuthError), (403, AuthError), (502, UnavailableError)]
)
async def test_a_proxy_that_refuses(
    make: Make,
    peer: Peer,
    scheme: str,
    status: int,
    kind: type[AuthError] | type[UnavailableError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(line: Line) -> None:
        await line.head()
        line.write(http(status, b"no"))
        await line.writer.drain()
        await line.ended()

    peer.handler = refuse
    monkeypatch.setenv("https_proxy", peer.url("http"))
    error = await fail(make(f"{scheme}://127.0.0.1:2", trust_env=True), kind, status=status)
    assert "the proxy says" in error.reason and error.persisted == "no"
