"""Faults: to which requests they apply, and what each does, seen without a client of ours."""

from __future__ import annotations

import asyncio

import pytest
from grpclib import Status
from raccoon_runtime.collector import (
    Answered,
    Close,
    Collector,
    Delay,
    Double,
    Fault,
    Foreign,
    Full,
    GoAway,
    GrpcStatus,
    HttpStatus,
    LateError,
    Mute,
    NoAnswer,
    NoUpgrade,
    Reorder,
    Taken,
    Unpublishable,
)
from raccoon_runtime.envelope import Ack, Code, response_proto

from tests.interop import bodies, raw, raw_grpc
from tests.waiting import until

PROTO = {"Content-Type": "application/proto", "X-User-ID": "u"}
OK, BAD, FAILED = Code.CODE_OK, Code.CODE_BAD_REQUEST, Code.CODE_INTERNAL_ERROR


async def post(collector: Collector, *events: bytes, user: str = "u", type: str = "page") -> Code:
    headers = {**PROTO, "X-User-ID": user}
    answer = await raw.http(collector.http_url, bodies.proto("g", *events, type=type), headers)
    return response_proto(answer.body).code


async def call(collector: Collector) -> raw_grpc.GrpcAnswer:
    return await raw_grpc.call(collector.grpc_url, bodies.proto("g"), {"x-user-id": "u"})


async def ask(ws: raw.WebSocket, guid: str = "g") -> None:
    await ws.send("binary", bodies.proto(guid))


async def told(ws: raw.WebSocket) -> Ack:
    frame = await ws.read()
    assert frame.opcode == "binary"
    return response_proto(frame.body)


# --- to which requests ----------------------------------------------------------------


async def test_as_often_as_it_says(collector: Collector) -> None:
    collector.faults.add(Unpublishable(times=2))
    assert [await post(collector) for _ in range(3)] == [FAILED, FAILED, OK]
    assert len(collector.faults) == 0


async def test_for_ever_until_it_is_taken_back(collector: Collector) -> None:
    fault = Unpublishable()
    collector.faults.add(fault)
    assert [await post(collector) for _ in range(3)] == [FAILED] * 3
    collector.faults.remove(fault)
    assert await post(collector) is OK
    collector.faults.add(fault, Answered())
    collector.faults.clear()
    assert await post(collector) is OK


async def test_the_first_of_a_kind_that_applies(collector: Collector) -> None:
    collector.faults.add(
        HttpStatus(503, times=1, type="other"), HttpStatus(502, times=1), HttpStatus(501)
    )
    answers = [await raw.http(collector.http_url, bodies.proto("g"), PROTO) for _ in range(2)]
    assert [answer.status for answer in answers] == [502, 501]
    assert len(collector.faults) == 2


async def test_one_event_of_a_request_will_do(collector: Collector) -> None:
    collector.faults.add(Unpublishable(type="page", containing=b"bad"))
    assert await post(collector, b'"bad"', type="click") is OK
    assert await post(collector, b'"good"') is OK
    collector.clear()
    assert await post(collector, b'"good"', b'"bad"', b'"fine"') is FAILED
    assert [event.event_bytes for event in collector.stored] == [b'"good"', b'"fine"']


async def test_one_identity(collector: Collector) -> None:
    collector.faults.add(Unpublishable(identity="u"))
    assert await post(collector, user="v") is OK
    assert await post(collector, user="u") is FAILED


async def test_one_transport(collector: Collector) -> None:
    collector.faults.add(Unpublishable(transport="grpc"))
    assert await post(collector) is OK
    assert response_proto((await call(collector)).body).code is FAILED


@pytest.mark.parametrize(
    "fault", [GrpcStatus(Status.ABORTED), GoAway(), Double(), Foreign(), LateError(), Reorder(2)]
)
async def test_what_rest_cannot_do_does_not_touch_it(collector: Collector, fault: Fault) -> None:
    collector.faults.add(fault)
    assert await post(collector) is OK
    assert len(collector.faults) == 1


@pytest.mark.parametrize("fault", [HttpStatus(503, times=1), Double(), Foreign(), Reorder(2)])
async def test_what_grpc_cannot_do_does_not_touch_it(collector: Collector, fault: Fault) -> None:
    collector.faults.add(fault)
    assert response_proto((await call(collector)).body).req_guid == "g"
    assert len(collector.faults) == 1


@pytest.mark.parametrize("fault", [GrpcStatus(Status.ABORTED), GoAway(), HttpStatus(503)])
async def test_what_a_websocket_cannot_do_does_not_touch_it(
    collector: Collector, fault: Fault
) -> None:
    async with raw.websocket(collector.ws_url) as ws:
        await ws.admitted()
        collector.faults.add(fault)
        await ask(ws)
        assert (await told(ws)).code is OK
    assert len(collector.faults) == 1


# --- instead of an answer -------------------------------------------------------------


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_ends(collector: Collector, reset: bool, published: bool) -> None:
    collector.faults.add(Close(reset=reset, published=published))
    with pytest.raises(raw.Severed):
        await post(collector)
    with pytest.raises(raw.Severed):
        await call(collector)
    async with raw.websocket(collector.ws_url) as ws:
        await ask(ws)
        assert await ws.read() == raw.GONE
    assert collector.stored_count == (3 if published else 0)
    assert [request.code for request in collector.received] == [OK if published else None] * 3


@pytest.mark.parametrize("published", [False, True])
async def test_no_answer(collector: Collector, published: bool) -> None:
    collector.faults.add(NoAnswer(published=published))
    waiting = [asyncio.ensure_future(post(collector)), asyncio.ensure_future(call(collector))]
    async with raw.websocket(collector.ws_url) as ws:
        await ask(ws)
        await until(lambda: collector.received_count == 3)
        # The connection lives; only this answer does not come.
        await ws.admitted()
        assert collector.stored_count == (3 if published else 0)
        assert not any(task.done() for task in waiting)
        # Nobody waits for what is never answered.
        await collector.stop()
        for task in waiting:
            with pytest.raises(raw.Severed):
                await task
        assert await ws.read() == raw.GONE


async def test_a_status_of_http(collector: Collector) -> None:
    fault = HttpStatus(429, "<b>slow</b>", {"Retry-After": "7", "Content-Type": "text/html"})
    collector.faults.add(fault)
    answer = await raw.http(collector.http_url, bodies.proto("g"), PROTO)
    assert (answer.status, answer.body, answer.content_type) == (429, b"<b>slow</b>", "text/html")
    assert answer.headers["retry-after"] == "7"
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "x",
    }
    answer = await raw.http(collector.http_url, headers=upgrade, method="GET")
    assert (answer.status, answer.body) == (429, b"<b>slow</b>")
    assert collector.stored == []


async def test_a_status_that_http_has_no_name_for(collector: Collector) -> None:
    collector.faults.add(HttpStatus(599))
    assert (await raw.http(collector.http_url, bodies.proto("g"), PROTO)).status == 599


@pytest.mark.parametrize("published", [False, True])
async def test_a_status_of_grpc(collector: Collector, published: bool) -> None:
    collector.faults.add(GrpcStatus(Status.UNAVAILABLE, "gone: 100 %, ž", published=published))
    answer = await call(collector)
    assert (answer.status, answer.message) == ("UNAVAILABLE", "gone: 100 %, ž")
    assert answer.headers["grpc-message"] == "gone: 100 %25, %C5%BE"
    assert collector.stored_count == int(published)


async def test_goaway_in_the_middle_of_a_call(collector: Collector) -> None:
    collector.faults.add(GoAway(times=1), Delay(0.05, times=1))
    async with raw_grpc.connect(collector.grpc_url) as connection:
        message = raw_grpc.message(bodies.proto("g"))
        answer = await connection.call(message, {"x-user-id": "u"})
        assert answer.status == "OK"
        with pytest.raises(raw.Severed):
            while True:
                await connection.events()
        assert connection.going == [
            (0, (1 << 31) - 1, b"graceful_stop"),
            (0, 1, b"graceful_stop"),
        ]


# --- another answer -------------------------------------------------------------------


async def test_another_answer(collector: Collector) -> None:
    collector.faults.add(Answered(code=BAD, reason="why", req_guid="", times=1))
    async with raw.websocket(collector.ws_url) as ws:
        await ask(ws)
        answer = await told(ws)
        assert (answer.code, answer.reason, answer.req_guid) == (BAD, "why", "")
    assert collector.stored_count == 1
    collector.faults.add(Answered(code=FAILED))
    assert await post(collector) is FAILED


async def test_a_late_answer(collector: Collector) -> None:
    collector.faults.add(Delay(0.05))
    async with raw.websocket(collector.ws_url) as ws:
        began = asyncio.get_running_loop().time()
        await ask(ws)
        await told(ws)
        await post(collector)
        await call(collector)
        assert asyncio.get_running_loop().time() - began >= 0.15


async def test_answers_that_come_twice(collector: Collector) -> None:
    collector.faults.add(Double(times=1))
    async with raw.websocket(collector.ws_url) as ws:
        await ask(ws, "1")
        await ask(ws, "2")
        guids = sorted([(await told(ws)).req_guid for _ in range(3)])
    assert guids == ["1", "1", "2"]


async def test_an_answer_to_nothing(collector: Collector) -> None:
    collector.faults.add(Foreign(req_guid="not yours"))
    async with raw.websocket(collector.ws_url) as ws:
        await ask(ws)
        assert [(await told(ws)).req_guid for _ in range(2)] == ["not yours", "g"]


async def test_an_error_after_the_ok(collector: Collector) -> None:
    collector.faults.add(LateError())
    async with raw.websocket(collector.ws_url) as ws:
        await ask(ws)
        answers = [await told(ws) for _ in range(2)]
        assert [(answer.code, answer.req_guid) for answer in answers] == [(OK, "g"), (FAILED, "g")]


async def test_answers_that_are_held(collector: Collector) -> None:
    collector.faults.add(Reorder(3, times=3))
    async with raw.websocket(collector.ws_url) as ws:
        for guid in ("1", "2", "3"):
            await ask(ws, guid)
            await until(lambda guid=guid: collector.received_count == int(guid))
        assert [(await told(ws)).req_guid for _ in range(3)] == ["3", "2", "1"]
        await ask(ws, "4")
        assert (await told(ws)).req_guid == "4"


# --- at connecting --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Taken(times=1), Code.CODE_MAX_USER_LIMIT_REACHED),
        (Full(times=1), Code.CODE_MAX_CONNECTION_LIMIT_REACHED),
    ],
)
async def test_refused(collector: Collector, fault: Fault, code: Code) -> None:
    collector.faults.add(fault)
    async with raw.websocket(collector.ws_url) as ws:
        assert (await told(ws)).code is code
        assert (await ws.read()).code == 1008
    async with raw.websocket(collector.ws_url) as ws:
        await ws.admitted()


async def test_an_upgrade_without_an_answer(collector: Collector) -> None:
    collector.faults.add(NoUpgrade(times=1))
    opening = asyncio.ensure_future(raw.websocket(collector.ws_url).__aenter__())
    await until(lambda: len(collector.faults) == 0)
    async with raw.websocket(collector.ws_url) as ws:
        await ws.admitted()
    assert not opening.done()
    opening.cancel()
    await asyncio.wait([opening])


async def test_a_connection_that_says_nothing() -> None:
    async with Collector(ping_interval=0.02, pong_timeout=0.3) as collector:
        collector.faults.add(Mute())
        async with raw.websocket(collector.ws_url) as ws:
            await ws.ws.ping()
            await ask(ws)
            # No pong, no ack, not even a ping: nothing until the server gives it up.
            assert (await ws.ws.receive(raw.PATIENCE)).type.name in ("CLOSED", "CLOSING", "ERROR")
        assert collector.received == []
