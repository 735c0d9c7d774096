"""Each recorded request is answered as it was when it was recorded."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from . import raw, raw_grpc, recordings
from .answers import timeless
from .raw import Frame
from .recordings import GO_CLIENT, SERVER
from .server import Server, identity


def cases(transport: str) -> list[Any]:
    """The places of a transport's cases, which are the same in both recordings."""
    return [
        pytest.param(place, id=case["case"])
        for place, case in enumerate(SERVER[1])
        if case["transport"] == transport
    ]


def recorded(server: Server, place: int) -> dict[str, Any]:
    return SERVER[server.event_ack][place]


_names = itertools.count(100)


def renamed(case: dict[str, Any]) -> tuple[dict[str, str], Callable[[bytes], bytes]]:
    """The headers with an identity of our own, and what puts it where the recorded one was told.

    A server may not have seen the end of the last connection of the same name.
    """
    headers = dict(case["headers"])
    before = headers.get("X-User-ID", "")
    name = str(next(_names)) if before else ""
    if before:
        headers["X-User-ID"] = name
    if len(name) != len(before):  # a name that no answer tells
        return headers, lambda body: body
    word = re.compile(rb"\b%b\b" % before.encode())
    return headers, lambda body: word.sub(name.encode(), body)


def test_the_recordings_are_of_the_same_requests() -> None:
    one, other = ([(case["transport"], case["case"]) for case in SERVER[ack]] for ack in (0, 1))
    assert one == other


@pytest.mark.parametrize("place", cases("rest"))
async def test_rest(server: Server, place: int) -> None:
    case = recorded(server, place)
    got = await raw.http(
        server.http_url,
        recordings.body(case["request"], "g22"),
        case["headers"],
        method=case["method"],
        path=case["path"],
    )
    assert got.status == case["status"]
    assert got.content_type == case["content_type"]
    assert timeless(got.body) == timeless(base64.b64decode(case["response"]))


@pytest.mark.parametrize("place", cases("grpc"))
async def test_grpc(server: Server, place: int) -> None:
    case = recorded(server, place)
    body = recordings.body(case["request"], "g5")
    got = await raw_grpc.call(server.grpc_url, body, case["metadata"])
    assert got.status == case["status"]
    assert got.message.replace("\u00a0", " ") == case.get("message", "")
    assert timeless(got.body) == timeless(base64.b64decode(case.get("response", "")))


@pytest.mark.parametrize("place", cases("ws"))
async def test_websocket(server: Server, place: int) -> None:
    case = recorded(server, place)
    headers, told = renamed(case)
    if case["case"].startswith("duplicate identity"):
        async with raw.websocket(server.ws_url, headers) as first:
            await first.admitted()
            await exchange(server, case, headers, told)
    elif "error" in case:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await exchange(server, case, headers, told)
        assert case["error"] == f"upgrade refused: {refused.value.status}"
    else:
        await exchange(server, case, headers, told)


async def exchange(
    server: Server,
    case: dict[str, Any],
    headers: dict[str, str],
    told: Callable[[bytes], bytes],
) -> None:
    """Send what was sent, and compare what comes.

    One request after the other: a Raccoon whose answer to an unreadable request and an ack to
    another meet on one connection panics ("concurrent write to websocket connection").
    """
    expected: list[Frame] = []
    got: list[Frame] = []
    async with raw.websocket(server.ws_url, headers) as ws:
        for frame in case["frames"]:
            if frame["from"] == "client":
                await ws.send(frame["opcode"], recordings.body(frame["body"], "w16"))
                got.append(await ws.read())
            elif frame["opcode"] == "close":
                expected.append(Frame("close", told(frame["reason"].encode()), frame["code"]))
            else:
                body = timeless(told(base64.b64decode(frame["body"])))
                expected.append(Frame(frame["opcode"], body))
        got += [await ws.read() for _ in expected[len(got) :]]
    got = [Frame(frame.opcode, timeless(frame.body), frame.code) for frame in got]
    assert sorted(got, key=repr) == sorted(expected, key=repr)
    if expected and expected[-1].opcode == "close":
        assert got == expected


@pytest.mark.parametrize("case", GO_CLIENT, ids=lambda case: case["case"])
async def test_the_go_clients_requests(server: Server, case: dict[str, Any]) -> None:
    request, response = case["request"], case["response"]
    body = base64.b64decode(request["body"])
    if case["transport"] == "rest":
        got = await raw.http(server.http_url, body, request["headers"])
        assert (got.status, got.content_type) == (response["status"], response["content_type"])
        answer = got.body
    elif case["transport"] == "grpc":
        called = await raw_grpc.call(server.grpc_url, body, request["metadata"])
        assert called.status == response["status"]
        answer = called.body
    else:
        async with raw.websocket(server.ws_url, identity()) as ws:
            await ws.send(request["opcode"], body)
            frame = await ws.read()
        assert frame.opcode == response["opcode"]
        answer = frame.body
    assert timeless(answer) == timeless(base64.b64decode(response["body"]))
