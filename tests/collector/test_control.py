"""What a test in another process tells a collector, line by line and through `CollectorProcess`."""

from __future__ import annotations

import dataclasses
import json
import signal
from typing import Any

import orjson
import pytest
from grpclib import Status
from raccoon_runtime import JSON, Event
from raccoon_runtime.collector import (
    Answered,
    Collector,
    Delay,
    Fault,
    GrpcStatus,
    HttpStatus,
    NoAnswer,
    Reorder,
    Unpublishable,
    control,
    faults,
)
from raccoon_runtime.collector.control import Control
from raccoon_runtime.collector.process import CollectorProcess
from raccoon_runtime.envelope import Code

from generated import EventClient
from tests.interop import bodies, raw

FILLED: list[Fault] = [
    Answered(times=2, code=Code.CODE_INTERNAL_ERROR, reason="why", req_guid=""),
    GrpcStatus(Status.UNAVAILABLE, "later", published=True),
    HttpStatus(503, "<html>", {"Retry-After": "1"}, transport="rest"),
    Unpublishable(type="page", containing="ž".encode(), identity="u", reason="full"),
    Reorder(3),
    Delay(0.5),
]


def kinds(base: type[Fault]) -> set[type[Fault]]:
    """The faults that can be added, without the two that others stand on."""
    found = {base} - {faults.Fault, faults.Interruption}
    return found.union(*(kinds(kind) for kind in base.__subclasses__()))


def test_every_fault_has_a_name() -> None:
    assert set(control.FAULTS.values()) == kinds(Fault)
    for kind in control.FAULTS.values():
        assert set(control.KINDS) >= {field.name for field in dataclasses.fields(kind)}


def plain() -> list[Fault]:
    needed: dict[type[Fault], Any] = {
        Delay: {"seconds": 1},
        Reorder: {"hold": 2},
        HttpStatus: {"status": 429},
        GrpcStatus: {"status": Status.ABORTED},
    }
    return [kind(**needed.get(kind, {})) for kind in control.FAULTS.values()]


@pytest.mark.parametrize("fault", [*plain(), *FILLED], ids=repr)
def test_a_fault_arrives_as_it_was(fault: Fault) -> None:
    line = orjson.dumps(control.encode(fault))
    assert control.decode(orjson.loads(line)) == fault


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "unexpected end of data"),
        ("5", "an object belongs here"),
        ('{"do": "dance"}', "no such thing to do: 'dance'; there are add, remove, clear, sever,"),
        ("{}", "no such thing to do: None"),
        ('{"do": "add"}', "no such fault; there are Answered, Close,"),
        ('{"do": "add", "fault": "Fault"}', "no such fault"),
        ('{"do": "add", "fault": "Delay"}', "Delay: "),
        ('{"do": "add", "fault": "Delay", "seconds": "1"}', "Delay: seconds cannot be '1'"),
        ('{"do": "add", "fault": "Close", "hold": 1}', "Close: "),
        ('{"do": "add", "fault": "Close", "times": "2"}', "Close: times cannot be '2'"),
        ('{"do": "add", "fault": "Close", "transport": "udp"}', "Close: transport cannot be 'udp'"),
        ('{"do": "add", "fault": "Answered", "code": "CODE_X"}', "Answered: 'CODE_X'"),
        ('{"do": "add", "fault": "GrpcStatus", "status": 14}', "GrpcStatus: 14"),
        ('{"do": "add", "fault": "HttpStatus", "status": "14"}', "HttpStatus: status cannot be"),
        ('{"do": "remove", "id": 7}', "no fault was added as 7"),
        ('{"do": "remove"}', "id"),
        ('{"do": "sever", "gently": true}', "gently"),
        ('{"do": "sever", "reset": 1}', "reset"),
    ],
)
async def test_what_cannot_be_done_is_told(collector: Collector, line: str, told: str) -> None:
    answer = json.loads(Control(collector).answer(line))
    assert list(answer) == ["error"]
    assert told in answer["error"]
    assert len(collector.faults) == 0


async def test_lines(collector: Collector) -> None:
    tell = Control(collector)

    def say(**asked: Any) -> Any:
        return json.loads(tell.answer(json.dumps(asked)))

    assert say(do="add", fault="Close", times=1) == {"done": "add", "id": 1}
    assert say(do="add", fault="Delay", seconds=0.1) == {"done": "add", "id": 2}
    assert say(do="remove", id=1) == {"done": "remove"}
    assert len(collector.faults) == 1
    # The second time it is not there any more, as when it was spent.
    assert say(do="remove", id=1) == {"done": "remove"}
    assert say(do="clear") == {"done": "clear"}
    assert len(collector.faults) == 0
    async with raw.websocket(collector.ws_url) as ws:
        await ws.send("text", bodies.as_json("g", bodies.GOOD, bodies.GOOD))
        await ws.read()
        counts = {"received": 1, "stored": 2, "connections": 1, "faults": 0}
        assert say(do="stats") == {"done": "stats", **counts}
        assert say(do="sever", reset=True) == {"done": "sever"}
        assert await ws.read() == raw.GONE
    assert say(do="forget") == {"done": "forget"}
    assert collector.stored == []
    assert say(do="stats")["received"] == 0


def test_a_collector_in_a_process_of_its_own() -> None:
    given: Any = {"serializer": JSON, "retry_wait": 0.01, "retry_max_wait": 0.02}
    with CollectorProcess("--event-ack", "1") as collector:
        number = collector.add(Unpublishable(times=2))
        collector.add(NoAnswer(identity="nobody"))
        for url in (collector.ws_url, collector.http_url, collector.grpc_url):
            with EventClient.connect(url, **given) as client:
                client.send([Event("page", {"a": 1})])
        counts = collector.stats()
        assert (counts["received"], counts["stored"], counts["faults"]) == (5, 3, 1)
        collector.remove(number)
        collector.clear()
        assert collector.stats()["faults"] == 0
        collector.forget()
        assert collector.stats()["received"] == 0


def test_it_is_killed_and_comes_back_where_it_was() -> None:
    given: Any = {"serializer": JSON, "retry_wait": 0.01, "retry_max_wait": 0.05}
    with CollectorProcess() as collector:
        urls = collector.ws_url, collector.http_url, collector.grpc_url
        with EventClient.connect(collector.ws_url, **given) as client:
            client.send([Event("page", {"a": 1})])
            first = collector.pid
            collector.kill()
            with pytest.raises(RuntimeError, match="not running"):
                collector.stats()
            collector.start()
            assert collector.pid != first
            assert (collector.ws_url, collector.http_url, collector.grpc_url) == urls
            client.send([Event("page", {"a": 2})])
        assert collector.stats()["stored"] == 1
        assert collector.stop() == 0


def test_it_can_be_made_a_black_hole() -> None:
    with CollectorProcess() as collector:
        collector.signal(signal.SIGSTOP)
        with EventClient.connect(collector.http_url, serializer=JSON) as client:
            future = client.submit(Event("page", {}))
            assert not future.wait(0.2)
            collector.signal(signal.SIGCONT)
            assert future.wait(30)
        assert collector.stats()["stored"] == 1


def test_what_it_cannot_do_is_an_error() -> None:
    with CollectorProcess() as collector:
        with pytest.raises(RuntimeError, match="no fault was added as 9"):
            collector.remove(9)
        with pytest.raises(RuntimeError, match="ended, with exit code 2"):
            CollectorProcess("--tls-key", "nowhere").start()
        assert collector.stats()["received"] == 0
