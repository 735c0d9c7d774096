"""Addresses: what is one, and where it leads."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raccoon_runtime import GrpcTransport, NullTransport, RestTransport, WebSocketTransport
from raccoon_runtime.collector import Collector
from raccoon_runtime.errors import ConfigError, ConnectError
from raccoon_runtime.transports import SCHEMES, make_transport, transport_for
from raccoon_runtime.transports.address import parse_address
from raccoon_runtime.transports.lookup import Lookup, Place

from tests.transports.conftest import Make, url_of
from tests.transports.sending import deliver, fail
from tests.waiting import until

HTTP = {"http": 80, "https": 443}
GRPC: dict[str, int | None] = {"grpc": None, "grpcs": 443}


@pytest.mark.parametrize(
    ("url", "told", "authority", "query"),
    [
        ("http://host", "http://host:80/default", "host:80", ""),
        ("HTTPS://Host.Example/", "https://host.example:443/default", "host.example:443", ""),
        ("http://host:8080/a/b?c=d&e", "http://host:8080/a/b", "host:8080", "c=d&e"),
        ("http://host?c", "http://host:80/default", "host:80", "c"),
        ("http://host:/x", "http://host:80/x", "host:80", ""),
        ("http://host./x", "http://host.:80/x", "host.:80", ""),
        ("http://[::1]:8080", "http://[::1]:8080/default", "[::1]:8080", ""),
        ("http://[2001:DB8::1]", "http://[2001:db8::1]:80/default", "[2001:db8::1]:80", ""),
        ("http://[::FFFF:1.2.3.4]", "http://[::ffff:1.2.3.4]:80/default", None, ""),
        ("http://a:b@c@[::1]:1", "http://[::1]:1/default", "[::1]:1", ""),
        ("http://127.0.0.1:1/", "http://127.0.0.1:1/default", "127.0.0.1:1", ""),
        ("http://bücher.example", "http://xn--bcher-kva.example:80/default", None, ""),
        ("http://host/ü/%C3%BC?ü", "http://host:80/%C3%BC/%C3%BC", None, "%C3%BC"),
        ("http://host/a%7Eb", "http://host:80/a%7Eb", None, ""),
        ("http://under_score.example", "http://under_score.example:80/default", None, ""),
    ],
)
def test_what_an_address_says(url: str, told: str, authority: str | None, query: str) -> None:
    address = parse_address(url, HTTP, default_path="/default")
    assert str(address) == told and address.query == query
    assert authority is None or address.authority == authority
    assert address.secure == told.startswith("https")
    assert address.url == told + (f"?{query}" if query else "")


@pytest.mark.parametrize(
    ("url", "userinfo"),
    [
        ("http://anna:hunter2@host", "Basic YW5uYTpodW50ZXIy"),
        ("http://anna@host", "Basic YW5uYTo="),
        ("http://:token@host", "Basic OnRva2Vu"),
        ("http://a%3Ab:c%40d@host", "Basic YTpiOmNAZA=="),
        ("http://host", None),
    ],
)
def test_userinfo(url: str, userinfo: str | None) -> None:
    address = parse_address(url, HTTP)
    assert address.userinfo == userinfo
    assert "anna" not in str(address) and "anna" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        None,
        3,
        b"http://host",
        "",
        "  ",
        "host",
        "host:80",
        "//host",
        "http:host",
        "http:/host",
        "http://",
        "http:///path",
        "http://:80",
        "http://user@",
        "http://.",
        "http://a..b",
        "http://" + "a" * 64,
        "http://127.1",
        "http://1.2.3.256",
        "http://host:port",
        "http://host:99999",
        "http://host:-1",
        "http://host:0",
        "http://[::1",
        "http://::1",
        "http://[::1%25eth0]",
        "http://[fe80::1%eth0]",
        "http://[:::]",
        "http://[1::2::3]",
        "http://[12345::]",
        "http://[::1.2.3]",
        "http://[1.2.3.4]",
        "http://[host]",
        "http://[v1.a:b]",
        "http://[]",
        "http://[::1]x",
        "http://x[::1]",
        "http://[[::1]]",
        "http://[::1]:+1",
        "http://us[er]@host",
        "http://us[er@[::1]",
        "http://ho st",
        "http://host/a b",
        "http://host\n",
        "http://host\x00",
        "http://host\x7f",
        "http://host\xa0",
        "http://\ud800",
        "http://ho<st",
        "http://host\\path",
        "http://host#part",
        "ftp://host",
        "wss://host",
    ],
)
def test_what_is_no_address(url: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address(url, HTTP)
    assert caught.value.argument == "url"


@pytest.mark.parametrize("url", ["grpc://host", "grpc://host:1/path", "grpc://host:1?q", "grpc://"])
def test_what_is_no_address_of_grpc(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_transport(url)
    assert caught.value.argument == "url"


MADE: list[Callable[[Any], object]] = [
    make_transport,
    transport_for,
    lambda url: transport_for([url]),
    GrpcTransport,
    NullTransport,
    RestTransport,
    WebSocketTransport,
]


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize(
    ("url", "told"),
    [
        (None, "url: the address is missing"),
        ("", "url: the address is missing"),
        (" \t", "url: the address is missing"),
        (3, "url: the address is text, not int"),
        (b"ws://host", "url: the address is text, not bytes"),
    ],
)
def test_what_is_no_text_is_told_alike(make: Callable[[Any], object], url: Any, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(url)
    assert str(caught.value) == told and caught.value.argument == "url"


@pytest.mark.parametrize("url", [None, 3, "", " ", "host", "amqp://host", "://host", []])
def test_no_transport_without_an_address(url: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        make_transport(url)
    assert caught.value.argument == "url"


def test_every_scheme_has_a_transport() -> None:
    for scheme in SCHEMES:
        url = "null://" if scheme == "null" else f"{scheme}://host:1"
        assert make_transport(url).address.startswith(f"{scheme}://")
        assert scheme == "null" or make_transport(url.replace(scheme, scheme.upper(), 1))


@given(st.text(max_size=40), st.sampled_from(["", "http://", "http://host", "http://u:p@host:"]))
def test_any_text_is_an_address_or_a_config_error(text: str, start: str) -> None:
    try:
        address = parse_address(start + text, HTTP)
    except ConfigError as error:
        assert error.argument == "url"
    else:
        assert address.url.isascii() and address.url.isprintable()
        # It says of itself what it was made of.
        again = parse_address(address.url, HTTP)
        assert (again.host, again.port, again.path) == (address.host, address.port, address.path)


# --- where it leads -------------------------------------------------------------------------


@pytest.fixture
def ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")


async def test_ipv6(make: Make, scheme: str, ipv6: None) -> None:
    async with Collector(event_ack=1, host="::1") as collector:
        transport = make(url_of(collector, scheme))
        await deliver(transport)
        assert "[::1]" in transport.address
        await transport.close()


async def test_a_name(make: Make, scheme: str, collector: Collector) -> None:
    await deliver(make(url_of(collector, scheme).replace("127.0.0.1", "localhost")))


async def test_a_name_that_nobody_knows(make: Make, scheme: str) -> None:
    url = {"ws": "ws://", "rest": "http://", "grpc": "grpc://"}[scheme]
    error = await fail(
        make(f"{url}no-such-host.invalid:1"), ConnectError, persisted="no", retryable=True
    )
    assert error.reason


class Names:
    """Answers the system's look-ups."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[list[str] | BaseException] = []
        self.asked: list[str] = []
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host: Any, port: Any, *options: Any, **named: Any) -> Any:
        if not str(host).endswith(".test"):
            return self._real(host, port, *options, **named)
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (ip, port)) for ip in answer]


async def test_a_host_is_looked_up_for_each_connection(
    make: Make, scheme: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch)
    names.answers = [["127.0.0.1"], ["127.0.0.9"], ["127.0.0.1"]]
    transport = make(url_of(collector, scheme).replace("127.0.0.1", "raccoon.test"))
    await deliver(transport)
    await transport.close()
    await fail(transport, ConnectError, persisted="no")
    await deliver(transport)
    assert len(names.asked) == 3


@pytest.mark.parametrize("threads", [True, False])
async def test_the_last_answer_counts_while_nobody_can_be_asked(
    make: Make,
    scheme: str,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    threads: bool,
) -> None:
    """No name server answers, or at interpreter exit no thread can be started to ask in."""
    names = Names(monkeypatch)
    url = url_of(collector, scheme).replace("127.0.0.1", "raccoon.test")
    unable = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    names.answers = [["127.0.0.1"], unable]
    transport = make(url)
    await deliver(transport)
    await transport.close()
    if not threads:
        monkeypatch.setattr(threading.Thread, "start", refuse)
    await deliver(transport)
    assert len(names.asked) == 1 + threads
    # One that was never found is an error like any other.
    error = await fail(make(url), ConnectError, persisted="no", retryable=True)
    assert "cannot be looked up" in error.reason


def refuse(thread: threading.Thread) -> None:
    raise RuntimeError("can't create new thread at interpreter shutdown")


async def test_all_who_ask_for_a_host_wait_for_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that is slow or silent costs one thread, not one for each connection."""
    answering, asked = threading.Event(), list[str]()

    def look_up(host: str, *rest: object) -> list[Any]:
        asked.append(host)
        answering.wait(60)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    lookup = Lookup()
    hasty = asyncio.ensure_future(lookup.places("raccoon.test", 80))
    others = [asyncio.ensure_future(lookup.places("raccoon.test", 80)) for _ in range(9)]
    another = asyncio.ensure_future(lookup.places("other.test", 80))
    await until(lambda: len(asked) == 2)
    hasty.cancel()
    await asyncio.wait([hasty])
    others.append(asyncio.ensure_future(lookup.places("raccoon.test", 80)))
    await asyncio.sleep(0)
    answering.set()
    assert await asyncio.gather(*others) == [[Place(socket.AF_INET, "127.0.0.1", 80)]] * 10
    await another
    assert sorted(asked) == ["other.test", "raccoon.test"]
    await lookup.places("raccoon.test", 80)
    assert len(asked) == 3


async def test_an_address_of_a_link_keeps_its_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = (socket.AF_INET6, socket.SOCK_STREAM, 6, "")
    found = [(*kind, ("fe80::1", 80, 0, 2)), (*kind, ("::1", 80, 0, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked: found)
    places = await Lookup().places("raccoon.test", 80)
    assert [place.ip for place in places] == ["fe80::1%2", "::1"]


async def test_a_name_that_is_gone_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch)
    gone = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    names.answers = [["127.0.0.1", "127.0.0.2"], gone]
    lookup = Lookup()
    places = await lookup.places("raccoon.test", 80)
    family = socket.AF_INET
    assert places == [Place(family, "127.0.0.1", 80), Place(family, "127.0.0.2", 80)]
    with pytest.raises(socket.gaierror):
        await lookup.places("raccoon.test", 80)


async def test_an_address_that_does_not_answer_hides_no_other(
    make: Make, scheme: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch)
    names.answers = [["127.0.0.9", "127.0.0.1"]]
    await deliver(make(url_of(collector, scheme).replace("127.0.0.1", "raccoon.test")))


async def test_an_address_that_swallows_packets_hides_no_other(
    make: Make, scheme: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch)
    port = int(url_of(collector, scheme).partition("127.0.0.1:")[2].partition("/")[0])
    with socket.socket() as hole, socket.socket() as first, socket.socket() as second:
        hole.bind(("127.0.0.8", port))
        hole.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.8", port))
        names.answers = [["127.0.0.8", "127.0.0.1"]]
        url = url_of(collector, scheme).replace("127.0.0.1", "raccoon.test")
        transport = make(url, connect_timeout=1.0)
        await deliver(transport)
        await transport.close()
