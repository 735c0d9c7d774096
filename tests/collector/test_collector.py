"""The collector's life: starting, stopping, starting again; threads; waiting; what it keeps."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import ssl
import sys
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
from raccoon_runtime import JSON, PROTO, ConfigError, DecodeError, UsageError
from raccoon_runtime.collector import Collector, Delay, Stored
from raccoon_runtime.collector.process import CollectorProcess

from generated import AsyncEventClient, ClickEvent, EventClient, Money, PageEvent
from tests.interop import bodies, raw, raw_grpc
from tests.waiting import until

HEADERS = {"Content-Type": "application/proto", "X-User-ID": "u"}


async def post(collector: Collector, *events: bytes, type: str = "page") -> int:
    body = bodies.proto("g", *events, type=type)
    return (await raw.http(collector.http_url, body, HEADERS)).status


class ReaderlessLoop(asyncio.SelectorEventLoop):
    """Has no readers to add and to remove, as the loop of Windows."""

    def remove_reader(self, fd: Any) -> bool:
        raise NotImplementedError


def test_it_stops_in_a_loop_without_readers() -> None:
    async def scenario() -> None:
        collector = Collector()
        for _ in range(2):
            async with collector:
                assert await post(collector) == 200

    loop = ReaderlessLoop()
    loop.run_until_complete(scenario())
    loop.close()


async def test_it_starts_again_where_it_was_with_what_it_has() -> None:
    collector = Collector()
    urls = []
    for number in range(3):
        async with collector:
            urls.append((collector.ws_url, collector.http_url, collector.grpc_url))
            assert await post(collector) == 200
            assert len(collector.stored) == number + 1
    assert urls == [urls[0]] * 3
    collector.clear()
    assert (collector.stored, collector.received, collector.stored_count) == ([], [], 0)


async def test_stopping_twice_is_stopping(collector: Collector) -> None:
    await collector.stop()
    await collector.stop()


@pytest.mark.parametrize("side", ["http_port", "grpc_port"])
async def test_an_address_that_is_taken(side: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings: Any = {side: port}
        told = f"cannot listen on 127.0.0.1:{port}: Address already in use"
        with pytest.raises(OSError, match=told):
            await Collector(**settings).start()
        with pytest.raises(OSError, match=told), Collector.in_thread(**settings):
            pass


async def test_a_stop_lets_finish_what_is_under_way() -> None:
    collector = Collector()
    await collector.start()
    collector.faults.add(Delay(0.2))
    rest = asyncio.ensure_future(post(collector))
    grpc = asyncio.ensure_future(
        raw_grpc.call(collector.grpc_url, bodies.proto("g"), {"x-user-id": "u"})
    )
    await until(lambda: collector.received_count == 2)
    stopping = asyncio.ensure_future(collector.stop())
    assert await rest == 200
    assert (await grpc).status == "OK"
    await stopping
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", collector.http_port)
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", collector.grpc_port)


async def test_a_stop_ends_idle_connections() -> None:
    collector = Collector()
    await collector.start()
    async with contextlib.AsyncExitStack() as stack:
        pairs = [
            await asyncio.open_connection("127.0.0.1", port)
            for port in (collector.http_port, collector.grpc_port)
        ]
        for _, writer in pairs:
            stack.callback(writer.close)
        pairs[0][1].write(b"GET /ping HTTP/1.1\r\nHost: h\r\n\r\n")
        await pairs[0][0].readuntil(b"pong")
        http2 = await stack.enter_async_context(raw_grpc.connect(collector.grpc_url))
        await http2.events()
        stopping = asyncio.ensure_future(collector.stop())
        with pytest.raises(raw.Severed):
            while True:
                await http2.events()
        assert [words for _, _, words in http2.going] == [b"graceful_stop"] * 2
        for reader, _ in pairs:
            await asyncio.wait_for(reader.read(), raw.PATIENCE)
        await stopping


@pytest.mark.parametrize("reset", [False, True])
async def test_sever_ends_every_connection(collector: Collector, reset: bool) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", collector.http_port)
    writer.write(b"GET /ping HTTP/1.1\r\nHost: h\r\n\r\n")
    await reader.readuntil(b"pong")
    async with raw_grpc.connect(collector.grpc_url) as http2:
        await http2.events()
        collector.sever(reset=reset)
        with pytest.raises(raw.Severed):
            while True:
                await http2.events()
        if reset:
            with pytest.raises(ConnectionResetError):
                await reader.read()
        else:
            assert await reader.read() == b""
        writer.close()
    assert await post(collector) == 200


# --- what it keeps --------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0, 1, 3])
async def test_it_keeps_the_newest(keep: int) -> None:
    async with Collector(keep=keep) as collector:
        for number in range(5):
            await post(collector, b"%d" % number)
        kept = [b"0", b"1", b"2", b"3", b"4"][5 - keep :]
        assert [event.event_bytes for event in collector.stored] == kept
        assert len(collector.received) == keep
        assert (collector.stored_count, collector.received_count) == (5, 5)
        assert len(await collector.wait_for(5)) == keep


async def test_waiting_for_events(collector: Collector) -> None:
    waiting = [asyncio.ensure_future(collector.wait_for(count)) for count in (1, 2)]
    thread = asyncio.ensure_future(asyncio.to_thread(collector.wait, 2))
    await post(collector, b"1")
    assert [event.event_bytes for event in await waiting[0]] == [b"1"]
    assert not waiting[1].done()
    await post(collector, b"2")
    for future in (waiting[1], thread):
        assert [event.event_bytes for event in await future] == [b"1", b"2"]


async def test_waiting_in_vain_says_how_far_it_came(collector: Collector) -> None:
    await post(collector)
    with pytest.raises(TimeoutError, match=r"1 of 2 events stored within 0\.01 s"):
        await collector.wait_for(2, timeout=0.01)
    with pytest.raises(TimeoutError, match=r"1 of 2 events stored within 0\.01 s"):
        await asyncio.to_thread(collector.wait, 2, 0.01)


async def test_events_as_they_come() -> None:
    came: list[Stored] = []
    async with Collector(on_event=came.append, events=AsyncEventClient) as collector:
        await post(collector, bytes(PageEvent(event_name="x")))
        await post(collector, b"{}", type="unknown")
        assert came == collector.stored
    assert came[0].message == PageEvent(event_name="x")
    assert came[0].problem is None
    assert came[1].message is None
    assert came[1].problem == "no event has the type 'unknown'"


async def test_the_events_of_a_class(collector: Collector) -> None:
    for serializer in (PROTO, JSON):
        async with AsyncEventClient.connect(collector.ws_url, serializer=serializer) as client:
            await client.send_page_event(event_name=serializer.name)
            await client.send_click_event(element=serializer.name)
    assert [event.event_name for event in collector.messages(PageEvent)] == ["PROTO", "JSON"]
    assert [event.element for event in collector.messages(ClickEvent)] == ["PROTO", "JSON"]
    await post(collector, b"[1]")
    with pytest.raises(DecodeError):
        collector.messages(PageEvent)


async def test_a_class_that_is_no_event_has_no_events(collector: Collector) -> None:
    with pytest.raises(ValueError, match="Money is no event, so none is ever stored"):
        collector.messages(Money)


# --- where it runs --------------------------------------------------------------------


def test_in_a_thread() -> None:
    before = threading.enumerate()
    with Collector.in_thread() as collector:
        (thread,) = {*threading.enumerate()} - {*before}
        assert thread.name == "raccoon-collector"
        for url in (collector.ws_url, collector.http_url, collector.grpc_url):
            with EventClient.connect(url) as client:
                client.send_page_event(event_name="x")
        assert len(collector.wait(3)) == 3
        collector.sever()
    assert not thread.is_alive()
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", collector.http_port))


def test_a_restart_of_one_in_a_thread() -> None:
    with (
        Collector.in_thread() as collector,
        EventClient.connect(collector.ws_url, retry_wait=0.01) as client,
    ):
        client.send_page_event(event_name="before")
        with collector.stopped():
            with pytest.raises(ConnectionError):
                socket.create_connection(("127.0.0.1", collector.http_port))
            future = client.submit(PageEvent(event_name="after"))
        future.result(20)
    assert len(collector.stored) == 2
    with pytest.raises(UsageError, match="here await stop"), collector.stopped():
        pass


async def test_a_restart_of_one_in_a_thread_from_another_loop() -> None:
    with Collector.in_thread() as collector:
        await collector.stop()
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", collector.http_port))
        await collector.start()
        assert await post(collector) == 200
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", collector.http_port))
    async with collector:  # which belongs to this loop from now on
        assert await post(collector) == 200


def is_kept(url: str) -> bool:
    """Whether the port is nobody else's while clients are refused there."""
    port = urlsplit(url).port
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", port))
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone lets ports be kept")
def test_the_ports_stay_its_own_while_it_is_stopped() -> None:
    with Collector.in_thread() as collector, collector.stopped():
        assert is_kept(collector.http_url)
        assert is_kept(collector.grpc_url)
    with CollectorProcess() as process:
        process.kill()
        assert is_kept(process.http_url)
        assert is_kept(process.grpc_url)
        process.start()
        assert process.stats()["received"] == 0


def test_what_fails_in_the_block_ends_it_too() -> None:
    with pytest.raises(ZeroDivisionError), Collector.in_thread() as collector:
        _ = 1 / 0
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", collector.http_port))


async def test_ipv6() -> None:
    async with Collector(host="::1") as collector:
        assert collector.grpc_url == f"grpc://[::1]:{collector.grpc_port}"
        for url in (collector.ws_url, collector.http_url, collector.grpc_url):
            async with AsyncEventClient.connect(url) as client:
                await client.send_page_event(event_name="x")
        assert len(collector.stored) == 3


async def test_tls() -> None:
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    async with Collector(ssl=serving) as collector:
        for url in (collector.ws_url, collector.http_url, collector.grpc_url):
            trusting = ssl.create_default_context()
            authority.configure_trust(trusting)
            async with AsyncEventClient.connect(url, ssl=trusting) as client:
                await client.send_page_event(event_name="x" * 100_000)
                # Python 3.10 warns of aiohttp's idle connections that a server ended over TLS.
                if url != collector.http_url:
                    collector.sever()
                await client.send_page_event(event_name="again")
        assert len(collector.stored) == 6


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"event_ack": 2}, "event_ack: 0 or 1 belongs here"),
        ({"http_port": -1}, "http_port: a port is 0 to 65535"),
        ({"grpc_port": 65_536}, "grpc_port: a port is 0 to 65535"),
        ({"identity_header": ""}, "identity_header: a header's name belongs here"),
        ({"keep": -1}, "keep: 0 or more"),
        ({"ping_interval": 0}, "ping_interval: above 0"),
        ({"pong_timeout": -1}, "pong_timeout: above 0"),
        ({"max_connections": 0}, "max_connections: above 0"),
        ({"max_grpc_bytes": 0}, "max_grpc_bytes: above 0"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Collector(**settings)


def test_an_interrupt_of_the_start_of_one_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    start, heard = Collector.start, threading.Event()

    def interrupt(number: int, frame: object) -> None:
        heard.set()
        raise KeyboardInterrupt

    async def interrupted(collector: Collector) -> None:
        await start(collector)
        waiting = threading.main_thread().ident
        assert waiting is not None
        signal.pthread_kill(waiting, signal.SIGINT)
        await asyncio.to_thread(heard.wait, 20)

    monkeypatch.setattr(Collector, "start", interrupted)
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), Collector.in_thread():
            pass
    finally:
        signal.signal(signal.SIGINT, before)
    assert "raccoon-collector" not in {thread.name for thread in threading.enumerate()}
