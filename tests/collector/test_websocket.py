"""Connections: who is admitted, what keeps them, in which order acks come, how they end."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from raccoon_runtime.collector import Collector
from raccoon_runtime.envelope import Code, response_json, response_proto

from tests.interop import bodies, raw


async def test_one_connection_an_identity(collector: Collector) -> None:
    async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as first:
        await first.admitted()
        assert collector.connections == 1
        async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as second:
            refusal = await second.read()
            assert refusal.opcode == "binary"
            answer = response_proto(refusal.body)
            assert answer.code is Code.CODE_MAX_USER_LIMIT_REACHED
            assert answer.reason == "duplicated connection: [--default--] u,"
            close = await second.read()
            assert (close.code, close.body) == (1008, b"duplicate connection: u")
            assert await second.read() == raw.GONE
        async with raw.websocket(collector.ws_url, {"X-User-ID": "v"}) as other:
            await other.admitted()


async def test_the_group_header_is_part_of_the_identity() -> None:
    async with Collector(group_header="X-User-Group") as collector:
        headers = {"X-User-ID": "u", "X-User-Group": "viewer"}
        async with raw.websocket(collector.ws_url, headers) as one:
            await one.admitted()
            async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as other:
                await other.admitted()
            async with raw.websocket(collector.ws_url, headers) as same:
                answer = response_proto((await same.read()).body)
                assert answer.reason == "duplicated connection: [viewer] u,"


async def test_another_identity_header() -> None:
    async with Collector(identity_header="X-Client") as collector:
        async with raw.websocket(collector.ws_url, {"x-client": "c", "X-User-ID": "u"}) as ws:
            await ws.send("binary", bodies.proto("g"))
            await ws.read()
        assert [event.identity for event in collector.stored] == ["c"]


async def test_too_many_connections() -> None:
    async with Collector(max_connections=1) as collector:
        async with raw.websocket(collector.ws_url, {"X-User-ID": "1"}) as first:
            await first.admitted()
            async with raw.websocket(collector.ws_url, {"X-User-ID": "2"}) as second:
                answer = response_proto((await second.read()).body)
                assert answer.code is Code.CODE_MAX_CONNECTION_LIMIT_REACHED
                assert answer.reason == "max connection reached"
                close = await second.read()
                assert (close.code, close.body) == (1008, b"Max connection reached")


@pytest.mark.parametrize(("length", "closed"), [(101, True), (102, False)])
async def test_no_close_frame_when_its_reason_does_not_fit(
    collector: Collector, length: int, closed: bool
) -> None:
    headers = {"X-User-ID": "x" * length}
    async with raw.websocket(collector.ws_url, headers) as first:
        await first.admitted()
        async with raw.websocket(collector.ws_url, headers) as second:
            assert (await second.read()).opcode == "binary"
            assert ((await second.read()).code == 1008) is closed


async def test_an_identity_is_free_again_after_a_reset(collector: Collector) -> None:
    for _ in range(2):
        async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
            await ws.admitted()
            ws.reset()
        async with asyncio.timeout(10) if hasattr(asyncio, "timeout") else _Forever():
            while collector.connections:
                await asyncio.sleep(0.01)


class _Forever:
    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *error: object) -> None: ...


async def test_pings_come_and_pongs_keep_the_connection() -> None:
    async with Collector(ping_interval=0.05, pong_timeout=0.25) as collector:
        headers = {"X-User-ID": "reads"}
        async with raw.websocket(collector.ws_url, headers) as ws:
            for _ in range(8):
                message = await ws.ws.receive(10)
                assert (message.type, message.data) == (
                    aiohttp.WSMsgType.PING,
                    b"--ping--",
                )
                await ws.ws.pong(message.data)


async def test_neither_data_nor_pings_keep_the_connection() -> None:
    async with Collector(pong_timeout=0.3) as collector:
        async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
            began = asyncio.get_running_loop().time()
            frame = raw.Frame("binary", b"")
            while frame != raw.GONE:
                assert frame.opcode == "binary"
                assert asyncio.get_running_loop().time() - began < 5
                await ws.ws.ping()
                await ws.send("binary", b"")
                frame = await ws.read()
            assert ws.ws.close_code == 1006


async def test_a_clients_ping_is_answered_with_its_words(collector: Collector) -> None:
    async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
        await ws.ws.ping(b"hello")
        message = await ws.ws.receive(10)
        assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"hello")


async def test_a_close_is_answered_with_its_code(collector: Collector) -> None:
    async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
        await ws.send_close(4000)
        assert (await ws.read()).code == 4000


async def test_acks_of_what_came_together_come_last_first(collector: Collector) -> None:
    async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
        await ws.admitted()
        guids = [str(n) for n in range(8)]
        await ws.send_together([("binary", bodies.proto(guid)) for guid in guids])
        answers = [response_proto((await ws.read()).body).req_guid for _ in guids]
    assert answers == guids[::-1]
    assert [event.req_guid for event in collector.stored] == guids


async def test_asynchronous_acks_come_in_order() -> None:
    async with Collector(event_ack=0) as collector:
        async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
            await ws.admitted()
            guids = [str(n) for n in range(8)]
            await ws.send_together([("text", bodies.as_json(guid)) for guid in guids])
            answers = [response_json((await ws.read()).body).req_guid for _ in guids]
    assert answers == guids


async def test_dedup_drops_a_guid_that_was_there() -> None:
    async with Collector(dedup=True) as collector:
        async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
            for _ in range(3):
                await ws.send("binary", bodies.proto("same"))
                assert response_proto((await ws.read()).body).code is Code.CODE_OK
        assert len(collector.stored) == 1
        async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
            await ws.send("binary", bodies.proto("same"))
            assert response_proto((await ws.read()).body).code is Code.CODE_OK
        assert len(collector.stored) == 2


async def test_dedup_forgets_a_guid_whose_publishing_failed() -> None:
    async with Collector(dedup=True) as collector:
        async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
            for _ in range(2):
                await ws.send("binary", bodies.proto("same", bodies.POISON))
                answer = response_proto((await ws.read()).body)
                assert answer.code is Code.CODE_INTERNAL_ERROR


async def test_invalid_utf8_in_text_is_replaced(collector: Collector) -> None:
    async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
        await ws.send("text", b'{"req_guid":"\xff\xe2\x82"}')
        assert response_json((await ws.read()).body).req_guid == "\ufffd" * 3


async def test_a_message_may_come_in_pieces(collector: Collector) -> None:
    body = bodies.proto("whole")
    async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
        ws.write(raw.masked(0x02, body[:5]) + raw.masked(0x89, b"p") + raw.masked(0x80, body[5:]))
        assert response_proto((await ws.read()).body).req_guid == "whole"


async def test_a_null_event_ends_the_connection(collector: Collector) -> None:
    body = b'{"req_guid":"g","events":[null]}'
    async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
        await ws.send("text", body)
        assert await ws.read() == raw.GONE
    with pytest.raises(raw.Severed):
        await raw.http(collector.http_url, body, {"Content-Type": "application/json"})


@pytest.mark.parametrize("reset", [False, True])
async def test_severed(collector: Collector, reset: bool) -> None:
    async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
        await ws.admitted()
        collector.sever(reset=reset)
        assert await ws.read() == raw.GONE


async def test_stopping_ends_connections_without_a_close_frame() -> None:
    collector = Collector()
    await collector.start()
    async with raw.websocket(collector.ws_url, {"X-User-ID": "u"}) as ws:
        await ws.send("binary", bodies.proto("g"))
        assert (await ws.read()).opcode == "binary"
        await collector.stop()
        assert await ws.read() == raw.GONE
        assert ws.ws.close_code == 1006


UPGRADE: dict[str, Any] = {
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "WebSocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Connection": "keep-alive"}, 400),
        ({"Upgrade": "h2c"}, 400),
        ({"Sec-WebSocket-Version": "12"}, 400),
        ({"Sec-WebSocket-Key": ""}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://[bad"}, 403),
    ],
)
async def test_refused_upgrades(collector: Collector, change: dict[str, str], status: int) -> None:
    answer = await raw.http(collector.http_url, headers={**UPGRADE, **change}, method="GET")
    assert answer.status == status
    assert answer.body == {400: b"Bad Request\n", 403: b"Forbidden\n"}[status]
    assert answer.headers["sec-websocket-version"] == "13"


async def test_an_origin_of_the_same_host_is_welcome(collector: Collector) -> None:
    origin = collector.http_url.removesuffix("/api/v1/events")
    async with raw.websocket(collector.ws_url, {"X-User-ID": "u", "Origin": origin}) as ws:
        await ws.admitted()


async def test_any_origin_is_when_they_are_not_checked() -> None:
    async with Collector(check_origin=False) as collector:
        headers = {"X-User-ID": "u", "Origin": "http://elsewhere"}
        async with raw.websocket(collector.ws_url, headers) as ws:
            await ws.admitted()
