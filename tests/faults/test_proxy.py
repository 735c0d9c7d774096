"""The proxy does to connections what it is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from .proxy import Cut, Pace, Proxy


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that sends back what it is sent."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy(echo) as made:
        yield made


async def answer(proxy: Proxy, asked: bytes, count: int = -1) -> bytes:
    """Send this on a new connection; return what came back, up to a count or the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(asked)
        read = reader.read() if count < 0 else reader.readexactly(count)
        return await asyncio.wait_for(read, 10)
    finally:
        writer.transport.abort()


async def test_it_hands_on_both_ways(proxy: Proxy) -> None:
    assert await answer(proxy, b"hello", 5) == b"hello"
    assert proxy.accepted == 1


@pytest.mark.parametrize("after", range(6))
async def test_a_cut_lets_so_many_bytes_through_and_no_more(proxy: Proxy, after: int) -> None:
    proxy.plan(Cut(after=after, direction="down", reset=False))
    assert await answer(proxy, b"hello") == b"hello"[:after]
    assert await answer(proxy, b"hello", 5) == b"hello"  # the next connection is left alone


async def test_a_cut_on_the_way_up_keeps_the_rest_from_the_server(proxy: Proxy) -> None:
    proxy.plan(Cut(after=2, reset=False))
    assert b"hello".startswith(await answer(proxy, b"hello"))


async def test_a_reset_is_one(proxy: Proxy) -> None:
    proxy.plan(Cut(after=0, reset=True))
    with pytest.raises(ConnectionResetError):
        await answer(proxy, b"hello")


async def test_severing_ends_what_there_is(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    await reader.readexactly(5)
    await asyncio.to_thread(proxy.sever)
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 10)
    writer.close()


async def test_a_frozen_connection_stays_and_says_nothing(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    await reader.readexactly(5)
    await asyncio.to_thread(proxy.freeze)
    writer.write(b"again")
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)
    assert await answer(proxy, b"other", 5) == b"other"
    writer.transport.abort()


async def test_a_pace_takes_its_time(proxy: Proxy) -> None:
    proxy.pace = Pace(1, 0.01)
    began = time.monotonic()
    assert await answer(proxy, b"hello", 5) == b"hello"
    assert time.monotonic() - began >= 0.04  # no pause is needed after the last byte


async def test_it_can_garble(proxy: Proxy) -> None:
    proxy.mangle = bytes.upper
    assert await answer(proxy, b"hello", 5) == b"HELLO"
