"""The ledger on disk: a line a request, there before its answer, whole after every kill."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import pytest
from raccoon_runtime.collector import (
    Answered,
    Close,
    Collector,
    Fault,
    GoAway,
    LateError,
    NoAnswer,
    Received,
    Unpublishable,
    ledger_file,
)
from raccoon_runtime.collector.process import CollectorProcess
from raccoon_runtime.collector.request import Event
from raccoon_runtime.envelope import Code

from tests.interop import bodies, raw, raw_grpc
from tests.waiting import until

RECEIVED = Received("ws", "JSON", "a", ("t",), b"", "", "g", Code.CODE_OK, 1.5)
OK, BAD, FAILED = Code.CODE_OK, Code.CODE_BAD_REQUEST, Code.CODE_INTERNAL_ERROR
PROTO = {"Content-Type": "application/proto"}


async def test_a_request_is_an_entry(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    async with Collector(ledger_path=path, keep=0) as collector:
        headers = {**PROTO, "X-User-ID": "ž"}
        await raw.http(collector.http_url, bodies.proto("g1", b'{"a":1}', bodies.POISON), headers)
        await raw.http(collector.http_url, b"\xff", PROTO)
        assert (collector.stored, collector.received) == ([], [])
        assert (collector.stored_count, collector.received_count) == (1, 2)
    one, other = ledger_file.read(path)
    assert (one.transport, one.wire, one.identity, one.group) == (
        "rest",
        "PROTO",
        "ž",
        "--default--",
    )
    assert (one.req_guid, one.code, one.told) == ("g1", FAILED, (FAILED,))
    assert one.events == (("page", b'{"a":1}'),)  # the poisonous one was not published
    assert (other.req_guid, other.code, other.told, other.events) == ("", BAD, (BAD,), ())
    assert one.time <= other.time


@pytest.mark.parametrize(
    ("fault", "code", "told", "published"),
    [
        (NoAnswer(), None, (), 0),
        (NoAnswer(published=True), OK, (), 1),
        (Close(reset=True, published=True), OK, (), 1),
        (Unpublishable(), FAILED, (FAILED,), 0),
        (Answered(code=BAD), OK, (BAD,), 1),
        (LateError(), OK, (OK, FAILED), 1),
    ],
)
async def test_what_faults_make_of_it(
    tmp_path: Path, fault: Fault, code: Code | None, told: tuple[Code, ...], published: int
) -> None:
    path = tmp_path / "ledger"
    async with Collector(ledger_path=path) as collector:
        collector.faults.add(fault)
        async with raw.websocket(collector.ws_url) as ws:
            await ws.send("binary", bodies.proto("g"))
            await until(lambda: collector.received)
    (entry,) = ledger_file.read(path)
    assert (entry.code, entry.told, len(entry.events)) == (code, told, published)


async def test_a_call_that_goes_away_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    async with Collector(ledger_path=path) as collector:
        collector.faults.add(GoAway())
        answer = await raw_grpc.call(collector.grpc_url, bodies.proto("g"), {"x-user-id": "u"})
        assert answer.status == "OK"
    (entry,) = ledger_file.read(path)
    assert (entry.code, entry.told) == (OK, (OK,))


def test_a_collector_goes_on_with_the_file_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    line = (
        b'{"time":1.5,"transport":"ws","wire":"JSON","identity":"","group":"g","req_guid":"a",'
        b'"code":null,"told":[],"events":[["t","AA=="]]}\n'
    )
    path.write_bytes(line + line[:40])
    file = ledger_file.LedgerFile(path)
    file.add(RECEIVED, [Event(b"\0", "t")], [])
    file.close()
    entries = list(ledger_file.read(path))
    assert [entry.events for entry in entries] == [(("t", b"\0"),)] * 2
    assert [entry.code for entry in entries] == [None, OK]


def test_a_line_that_did_not_fit_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    file = ledger_file.LedgerFile(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            file.add(RECEIVED, [], [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.stat().st_size == 20
    file.add(RECEIVED, [], [])
    file.close()
    assert len(list(ledger_file.read(path))) == 1


def test_nothing_acknowledged_is_missing_after_a_kill(tmp_path: Path) -> None:
    acknowledged: list[str] = []

    async def run(collector: CollectorProcess, life: int) -> None:
        async with raw.websocket(collector.ws_url) as ws:
            await ws.admitted()
            guids = [f"{life}-{number}" for number in range(400)]
            await ws.send_together(
                [("binary", bodies.proto(guid, *[bodies.GOOD] * 20)) for guid in guids]
            )
            while len(acknowledged) < life * 400 + 100:
                acknowledged.append(_guid((await ws.read()).body))
            collector.kill()
            while (frame := await ws.read()) != raw.GONE:
                acknowledged.append(_guid(frame.body))

    with CollectorProcess(ledger=tmp_path / "ledger") as collector:
        for life in range(2):
            if life:
                collector.start()
            asyncio.run(run(collector, life))
    entries = [entry for entry in collector.entries() if entry.told == (OK,)]
    assert set(acknowledged) <= {entry.req_guid for entry in entries}
    assert all(len(entry.events) == 20 for entry in entries)


def _guid(body: bytes) -> str:
    return body.rpartition(b"\x12")[2][1:].decode()


async def test_a_full_disk_acknowledges_nothing() -> None:
    async with Collector(ledger_path="/dev/full") as collector:
        with pytest.raises(raw.Severed):
            await raw.http(collector.http_url, bodies.proto("g"), PROTO)
        assert collector.received == []
        async with raw.websocket(collector.ws_url) as ws:
            await ws.send("binary", bodies.proto("g"))
            assert await ws.read() == raw.GONE


async def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    collector = Collector(ledger_path=tmp_path)
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        await collector.start()
    # It left no socket behind, and can be started where it would have been.
    async with Collector(http_port=collector.http_port):
        pass
