"""What our transports take of aiohttp and grpclib beyond what these document.

A release that changes any of it shall fail here, by name, and not in a service.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import WebSocketWriter
from grpclib.client import Channel, Handler, UnaryUnaryMethod
from grpclib.config import Configuration
from grpclib.protocol import H2Protocol
from h2.config import H2Configuration
from h2.events import RemoteSettingsChanged
from raccoon_runtime.transports import grpc_channel
from raccoon_runtime.transports.http_dialer import drop

from tests.transports.peers import Line, Peer


class Written(asyncio.Transport):
    """Keeps what is written, and sends it nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""
        self.closing = False

    def write(self, data: Any) -> None:
        self.data += bytes(data)

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True

    close = abort


# --- aiohttp: ws_socket, http_dialer ----------------------------------------------------------


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 1 << 20])
async def test_a_websocket_writer_writes_a_frame_in_one_step(size: int) -> None:
    """However much was written, and whether or not the peer reads."""
    protocol = BaseProtocol(asyncio.get_running_loop())
    transport = Written()
    writer = WebSocketWriter(protocol, transport, use_mask=True, limit=sys.maxsize)
    protocol.pause_writing()
    head = 2 if size < 126 else 4 if size < 65_536 else 10
    for _ in range(3):
        transport.data = b""
        with pytest.raises(StopIteration):
            writer.send_frame(b"x" * size, 2).send(None)
        assert len(transport.data) == head + 4 + size and transport.data[0] == 0x82


async def test_a_websocket_writer_says_that_its_transport_is_closing() -> None:
    transport = Written()
    protocol = BaseProtocol(asyncio.get_running_loop())
    writer = WebSocketWriter(protocol, transport, use_mask=True, limit=sys.maxsize)
    transport.closing = True
    with pytest.raises(aiohttp.ClientConnectionResetError):
        writer.send_frame(b"x", 2).send(None)


class Parser:
    """What a connection's `set_parser` takes."""

    def __init__(self) -> None:
        self.data = b""
        self.ended = asyncio.Event()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        self.ended.set()


async def test_after_an_upgrade_a_parser_gets_all_that_comes(peer: Peer) -> None:
    go_on = asyncio.Event()

    async def handler(line: Line) -> None:
        await line.head()
        line.write(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nwith it,")
        await go_on.wait()
        line.write(b" later")

    peer.handler = handler
    async with aiohttp.ClientSession() as session:
        headers = {"Upgrade": "x", "Connection": "upgrade"}
        response = await session.get(peer.url("http"), headers=headers, read_until_eof=False)
        connection = response.connection
        assert connection is not None and connection.protocol is not None
        assert isinstance(connection.transport, asyncio.Transport)
        parser = Parser()
        connection.protocol.set_parser(parser, None)
        assert parser.data == b"with it,"
        go_on.set()
        await parser.ended.wait()
        assert parser.data == b"with it, later"
        response.close()


async def test_a_session_is_closed_before_it_is_waited_for() -> None:
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector())
    connector = session.connector
    assert connector is not None
    drop(session)
    assert session.closed and connector.closed


# --- grpclib: grpc_channel --------------------------------------------------------------------


def settings(config: H2Configuration) -> dict[str, Any]:
    """All but what is ours on purpose, and what differs from one to the next."""
    aside = ("_header_encoding", "logger")
    return {name: value for name, value in vars(config).items() if name not in aside}


async def test_a_channel_of_grpclibs_makes_its_connection_as_we_do() -> None:
    theirs = Channel()
    ours = grpc_channel.Http2(Configuration())
    assert settings(theirs._h2_config) == settings(ours.h2_config)
    assert theirs._config == ours.config == Configuration().__for_client__()
    made = theirs._protocol_factory()
    assert type(made) is H2Protocol and type(made.handler) is type(ours.handler) is Handler
    theirs.close()


async def test_the_settings_of_a_peer_are_told_to_one_who_can_be_replaced() -> None:
    protocol = Channel()._protocol_factory()
    protocol.connection_made(Written())
    processor = protocol.processor
    told = processor.processors[RemoteSettingsChanged]
    assert told == processor.process_remote_settings_changed
    heard: list[object] = []
    processor.processors = {RemoteSettingsChanged: heard.append}
    event = RemoteSettingsChanged()
    processor.process(event)
    assert heard == [event]
    processor.close(reason="why")


async def test_a_handler_hears_that_its_connection_is_no_more() -> None:
    protocol = Channel()._protocol_factory()
    assert isinstance(protocol.handler, Handler) and not protocol.handler.connection_lost
    protocol.connection_made(Written())
    assert not protocol.connection.is_closing()
    protocol.processor.close(reason="why")
    assert protocol.handler.connection_lost and protocol.connection.is_closing()


async def test_a_call_asks_its_channel_for_the_connection() -> None:
    class Asked(Exception):
        pass

    class Other(Channel):
        async def __connect__(self) -> H2Protocol:
            raise Asked

    channel = Other()
    async with UnaryUnaryMethod[bytes, bytes](channel, "/a/b", bytes, bytes).open() as stream:
        with pytest.raises(Asked):
            await stream.send_request()
    channel.close()


async def test_a_channel_that_is_closed_closes_its_connection() -> None:
    channel = Channel()
    assert Channel._protocol is None
    protocol = channel._protocol = channel._protocol_factory()
    protocol.connection_made(Written())
    channel.close()
    assert protocol.connection.is_closing()
