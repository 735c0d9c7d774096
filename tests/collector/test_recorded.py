"""The collector answers each recorded request as the real server did."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from raccoon_runtime.collector import Collector

from tests.interop import raw
from tests.interop.raw import Frame

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
ASYNC = json.loads((GOLDEN / "server-ack-async.json").read_text("utf-8"))
SYNC = json.loads((GOLDEN / "server-ack-sync.json").read_text("utf-8"))
MODES: dict[str, Any] = {"sync": SYNC, "async": ASYNC}
STAMP = {"seconds": 1_700_000_000, "nanos": 123_456_789}


def cases(transport: str) -> list[Any]:
    return [
        pytest.param(mode, case, id=f"{mode}-{case['case']}")
        for mode, recording in MODES.items()
        for case in recording["cases"]
        if case["transport"] == transport
    ]


@pytest_asyncio.fixture
async def collectors() -> AsyncIterator[dict[str, Collector]]:
    """One in each mode; in-connection dedup was on in the asynchronous recording."""
    async with (
        Collector(event_ack=1) as sync,
        Collector(event_ack=0, dedup=True) as other,
    ):
        yield {"sync": sync, "async": other}


def timeless(body: bytes) -> bytes:
    """The answer with its time taken out."""
    if body.startswith(b"{"):
        return re.sub(rb'"sent_time":\d+', b'"sent_time":0', body)
    return re.sub(rb"^(\x08.\x10.\x18).....", rb"\1", body, flags=re.DOTALL)


def large(case: str, guid: str) -> bytes:
    """The requests that were too long to be recorded, by their recorded lengths."""
    length = int(case.strip("<>").split()[0])
    if "base64" in case:
        length = length // 4 * 3
    if guid == "g22":
        event = {"event_bytes": "", "type": "page"}
        request = {"req_guid": guid, "sent_time": STAMP, "events": [event]}
        size = (length - len(json.dumps(request))) // 4 * 3
        event["event_bytes"] = base64.b64encode(b'"' + b"x" * (size - 2) + b'"').decode()
        return json.dumps(request).encode()
    stamp = bytes.fromhex("120b0880e2cfaa0610959aef3a")
    head = b"\n" + bytes((len(guid),)) + guid.encode() + stamp
    for size in range(length - 60, length):
        event_bytes = b'"' + b"x" * (size - 2) + b'"'
        event = b"\n" + varint(size) + event_bytes + b"\x12\x04page"
        request_bytes = head + b"\x1a" + varint(len(event)) + event
        if len(request_bytes) == length:
            return request_bytes
    raise AssertionError("no such length")


def varint(n: int) -> bytes:
    out = b""
    while n > 127:
        out += bytes((n & 127 | 128,))
        n >>= 7
    return out + bytes((n,))


def body_of(text: str, guid: str = "") -> bytes:
    return large(text, guid) if text.startswith("<") else base64.b64decode(text)


@pytest.mark.parametrize(("mode", "case"), cases("rest"))
async def test_rest(mode: str, case: dict[str, Any], collectors: dict[str, Collector]) -> None:
    answer = await raw.http(
        collectors[mode].http_url,
        body_of(case["request"], "g22"),
        case["headers"],
        method=case["method"],
        path=case["path"],
    )
    assert answer.status == case["status"]
    assert answer.content_type == case["content_type"]
    assert timeless(answer.body) == timeless(base64.b64decode(case["response"]))


@pytest.mark.parametrize(("mode", "case"), cases("grpc"))
async def test_grpc(mode: str, case: dict[str, Any], collectors: dict[str, Collector]) -> None:
    body = body_of(case["request"], "g5")
    answer = await raw.grpc(collectors[mode].grpc_url, body, case["metadata"])
    assert answer.status == case["status"]
    assert answer.message == case.get("message", "")
    assert timeless(answer.body) == timeless(base64.b64decode(case.get("response", "")))


@pytest.mark.parametrize(("mode", "case"), cases("ws"))
async def test_websocket(mode: str, case: dict[str, Any], collectors: dict[str, Collector]) -> None:
    url = collectors[mode].ws_url
    if case["case"].startswith("duplicate identity"):
        async with raw.websocket(url, {"X-User-ID": "dup"}) as first:
            await first.admitted()
            await exchange(url, case)
    elif "error" in case:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await exchange(url, case)
        assert case["error"] == f"upgrade refused: {refused.value.status}"
    else:
        if case["case"] == "identity freed after close":
            async with raw.websocket(url, case["headers"]) as first:
                await first.admitted()
        await exchange(url, case)


async def exchange(url: str, case: dict[str, Any]) -> None:
    """Send what the client sent, and compare what comes, the order of acks aside."""
    expected: list[Frame] = []
    async with raw.websocket(url, case["headers"]) as ws:
        for frame in case["frames"]:
            if frame["from"] == "client":
                await ws.send(frame["opcode"], body_of(frame["body"], "w16"))
            elif frame["opcode"] == "close":
                expected.append(Frame("close", frame["reason"].encode(), frame["code"]))
            else:
                body = timeless(base64.b64decode(frame["body"]))
                expected.append(Frame(frame["opcode"], body))
        got = [await ws.read() for _ in expected]
    got = [Frame(frame.opcode, timeless(frame.body), frame.code) for frame in got]
    assert sorted(got, key=repr) == sorted(expected, key=repr)
    if expected and expected[-1].opcode == "close":
        assert got == expected
