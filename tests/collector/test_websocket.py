"""Connections under settings of their own: who is admitted, what keeps them, in which order acks
come, how they end. What every server does is in `tests/interop`.
"""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from raccoon_runtime.collector import Collector
from raccoon_runtime.envelope import Code, response_json, response_proto

from tests.interop import bodies, raw
from tests.waiting import until

USER = {"X-User-ID": "u"}


async def test_the_group_header_is_part_of_the_identity() -> None:
    async with Collector(group_header="X-User-Group") as collector:
        headers = {**USER, "X-User-Group": "viewer"}
        async with raw.websocket(collector.ws_url, headers) as one:
            await one.admitted()
            async with raw.websocket(collector.ws_url, USER) as other:
                await other.admitted()
            async with raw.websocket(collector.ws_url, headers) as same:
                answer = response_proto((await same.read()).body)
                assert answer.reason == "duplicated connection: [viewer] u,"


async def test_another_identity_header() -> None:
    async with Collector(identity_header="X-Client") as collector:
        async with raw.websocket(collector.ws_url, {"x-client": "c", **USER}) as ws:
            await ws.send("binary", bodies.proto("g"))
            await ws.read()
        assert [event.identity for event in collector.stored] == ["c"]


async def test_too_many_connections() -> None:
    async with Collector(max_connections=1) as collector:
        async with raw.websocket(collector.ws_url, {"X-User-ID": "1"}) as first:
            await first.admitted()
            assert collector.connections == 1
            async with raw.websocket(collector.ws_url, {"X-User-ID": "2"}) as second:
                answer = response_proto((await second.read()).body)
                assert answer.code is Code.CODE_MAX_CONNECTION_LIMIT_REACHED
                assert answer.reason == "max connection reached"
                close = await second.read()
                assert (close.code, close.body) == (1008, b"Max connection reached")
            # The limit is looked at before the identity.
            async with raw.websocket(collector.ws_url, {"X-User-ID": "1"}) as again:
                assert b"max connection reached" in (await again.read()).body
        await until(lambda: collector.connections == 0)


async def test_pings_come_and_pongs_keep_the_connection() -> None:
    async with (
        Collector(ping_interval=0.05, pong_timeout=0.25) as collector,
        raw.websocket(collector.ws_url, USER) as ws,
    ):
        for _ in range(8):
            message = await ws.ws.receive(10)
            assert (message.type, message.data) == (aiohttp.WSMsgType.PING, b"--ping--")
            await ws.ws.pong(message.data)


async def test_neither_data_nor_pings_keep_the_connection() -> None:
    async with (
        Collector(pong_timeout=0.3) as collector,
        raw.websocket(collector.ws_url, USER) as ws,
    ):
        frame = raw.Frame("binary", b"")
        while frame != raw.GONE:
            assert frame.opcode == "binary"
            await ws.ws.ping()
            await ws.send("binary", b"")
            frame = await ws.read()
        assert ws.ws.close_code == 1006


async def clog(ws: raw.WebSocket) -> None:
    """Make the server have more to say than anybody reads: 20 MB of guids that it repeats."""
    await ws.admitted()
    ws.stop_reading()
    guid = "g" * 100_000
    await ws.send_together([("binary", bodies.proto(guid))] * 200)


async def test_the_deadline_frees_an_identity_whose_client_does_not_read() -> None:
    async with (
        Collector(pong_timeout=0.3, keep=0) as collector,
        raw.websocket(collector.ws_url, USER) as ws,
    ):
        await clog(ws)
        await until(lambda: collector.connections == 0)
        assert collector.received_count < 200


@pytest.mark.parametrize("ending", ["sever", "stop"])
async def test_a_client_that_does_not_read_holds_nobody_up(ending: str) -> None:
    collector = Collector(keep=0)
    await collector.start()
    async with raw.websocket(collector.ws_url, USER) as ws:
        await clog(ws)
        await until(lambda: collector.received_count)
        if ending == "sever":
            collector.sever()
            await until(lambda: collector.connections == 0)
        await asyncio.wait_for(collector.stop(), raw.PATIENCE)
        assert collector.connections == 0


async def test_acks_of_what_came_together_come_last_first(collector: Collector) -> None:
    async with raw.websocket(collector.ws_url, USER) as ws:
        await ws.admitted()
        guids = [str(n) for n in range(8)]
        await ws.send_together([("binary", bodies.proto(guid)) for guid in guids])
        answers = [response_proto((await ws.read()).body).req_guid for _ in guids]
    assert answers == guids[::-1]
    assert [event.req_guid for event in collector.stored] == guids


async def test_asynchronous_acks_come_in_order() -> None:
    async with Collector(event_ack=0) as collector, raw.websocket(collector.ws_url, USER) as ws:
        await ws.admitted()
        guids = [str(n) for n in range(8)]
        await ws.send_together([("text", bodies.as_json(guid)) for guid in guids])
        answers = [response_json((await ws.read()).body).req_guid for _ in guids]
    assert answers == guids


async def answered(ws: raw.WebSocket, guid: str, *events: bytes) -> Code:
    await ws.send("binary", bodies.proto(guid, *events))
    return response_proto((await ws.read()).body).code


async def test_dedup_drops_a_guid_that_was_there() -> None:
    async with Collector(dedup=True) as collector:
        for stored in (1, 2):  # on each connection once
            async with raw.websocket(collector.ws_url, USER) as ws:
                for _ in range(3):
                    assert await answered(ws, "same") is Code.CODE_OK
            assert len(collector.stored) == stored
            await until(lambda: collector.connections == 0)


async def test_dedup_forgets_a_guid_whose_publishing_failed() -> None:
    async with Collector(dedup=True) as collector:
        async with raw.websocket(collector.ws_url, USER) as ws:
            for _ in range(2):
                assert await answered(ws, "g", bodies.POISON) is Code.CODE_INTERNAL_ERROR
            assert await answered(ws, "g") is Code.CODE_OK
        assert len(collector.stored) == 1


async def test_dedup_does_not_hear_of_failures_when_nobody_waits_for_them() -> None:
    async with Collector(dedup=True, event_ack=0) as collector:
        async with raw.websocket(collector.ws_url, USER) as ws:
            assert await answered(ws, "g", bodies.POISON) is Code.CODE_OK
            assert await answered(ws, "g") is Code.CODE_OK
        assert collector.stored == []


@pytest.mark.parametrize("reset", [False, True])
async def test_severed(collector: Collector, reset: bool) -> None:
    async with raw.websocket(collector.ws_url, USER) as ws:
        await ws.admitted()
        collector.sever(reset=reset)
        assert await ws.read() == raw.GONE
    await until(lambda: collector.connections == 0)


async def test_stopping_ends_connections_without_a_close_frame() -> None:
    collector = Collector()
    await collector.start()
    async with raw.websocket(collector.ws_url, USER) as ws:
        assert await answered(ws, "g") is Code.CODE_OK
        await collector.stop()
        assert await ws.read() == raw.GONE
        assert ws.ws.close_code == 1006


async def test_any_origin_is_welcome_when_they_are_not_checked() -> None:
    async with Collector(check_origin=False) as collector:
        headers = {**USER, "Origin": "http://elsewhere"}
        async with raw.websocket(collector.ws_url, headers) as ws:
            await ws.admitted()
