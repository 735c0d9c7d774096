"""What the transports add to the libraries under them: requests encoded beforehand, acknowledged.

Ours is `transport.send`; beside it the bare library driven by hand, which checks nothing: aiohttp's
WebSocket and POST, grpclib's call, and for scale `requests.Session`, one POST at a time. CPU is the
client process's, the server is a process of its own; both sides take turns, and the ratio is the
median of the pairs. With RACCOON_BIN set, the server is a real one.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import aiohttp
from bare_socket import bodies
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.encoding.base import CodecBase
from raccoon_runtime.transports import make_transport
from server import Server, running

Bodies = list[tuple[str, bytes]]
Send = Callable[[str, bytes], Awaitable[object]]
METHOD = "/raystack.raccoon.v1beta1.EventService/SendEvent"
HEADERS = {"Content-Type": "application/proto", "X-User-ID": "bare"}
GOAL = 1.2


class Side:
    """One way to send: `run` sends requests, so many at a time, and waits for all answers."""

    name = ""

    async def run(self, requests: Bodies, in_flight: int) -> None:
        left = iter(requests)

        async def sender() -> None:
            for guid, body in left:
                await self.send(guid, body)

        await asyncio.gather(*(sender() for _ in range(in_flight)))

    async def send(self, guid: str, body: bytes) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


class Ours(Side):
    def __init__(self, url: str) -> None:
        self._transport = make_transport(url)

    async def send(self, guid: str, body: bytes) -> None:
        await self._transport.send(guid, body)

    async def close(self) -> None:
        await self._transport.close()


class AiohttpWebSocket(Side):
    name = "aiohttp"

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = aiohttp.ClientSession()
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def run(self, requests: Bodies, in_flight: int) -> None:
        if self._socket is None:
            self._socket = await self._session.ws_connect(self._url, headers=HEADERS)
        socket = self._socket
        for _, body in requests[:in_flight]:
            await socket.send_bytes(body)
        for _, body in requests[in_flight:]:
            await socket.receive_bytes()
            await socket.send_bytes(body)
        for _ in requests[:in_flight]:
            await socket.receive_bytes()

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        await self._session.close()


class AiohttpPost(Side):
    name = "aiohttp"

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = aiohttp.ClientSession()

    async def send(self, guid: str, body: bytes) -> None:
        async with self._session.post(self._url, data=body, headers=HEADERS) as response:
            await response.read()
            assert response.status == 200

    async def close(self) -> None:
        await self._session.close()


class Bytes(CodecBase):
    __content_subtype__ = "proto"  # type: ignore[assignment]

    def encode(self, message: Any, message_type: Any) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> Any:
        return data


class Grpclib(Side):
    name = "grpclib"

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("grpc://").rpartition(":")
        self._channel = Channel(host, int(port), codec=Bytes())
        self._call = UnaryUnaryMethod(self._channel, METHOD, bytes, bytes)

    async def send(self, guid: str, body: bytes) -> None:
        await self._call(body, metadata={"x-user-id": "bare"})

    async def close(self) -> None:
        self._channel.close()


class Requests(Side):
    name = "requests"

    def __init__(self, url: str) -> None:
        import requests

        self._url, self._session = url, requests.Session()

    async def run(self, requests: Bodies, in_flight: int) -> None:
        for _, body in requests:
            assert self._session.post(self._url, data=body, headers=HEADERS).status_code == 200

    async def close(self) -> None:
        self._session.close()


async def cpu(side: Side, requests: Bodies, in_flight: int) -> float:
    """Microseconds of the client's CPU for each request."""
    gc.collect()
    begun = time.process_time()
    await side.run(requests, in_flight)
    return (time.process_time() - begun) / len(requests) * 1e6


async def compare(
    what: str,
    ours: Side,
    other: Side,
    count: int,
    batch: int,
    in_flight: int,
    rounds: int,
    goal: float = 0,
) -> None:
    pairs: list[tuple[float, float]] = []
    for number in range(rounds + 1):  # the first to warm up
        sides = (ours, other) if number % 2 else (other, ours)
        taken = {side: await cpu(side, bodies(count, batch), in_flight) for side in sides}
        pairs.append((taken[ours], taken[other]))
    pairs = pairs[1:]
    mine, others = median(a for a, _ in pairs), median(b for _, b in pairs)
    ratio = median(a / b for a, b in pairs)
    verdict = ("met" if ratio <= goal else "missed") if goal else ""
    told = f"{other.name:9}{ratio:6.2f} {f'(≤ {goal})' if goal else '':8} {verdict}"
    print(f"  {what:38}{mine:8.1f}{others:8.1f}  {told}".rstrip(), flush=True)


async def table(server: Server, rounds: int, scale: float) -> None:
    print("\n  what a transport takes beside its bare library; µs of CPU a request, encoded before")
    print(f"  {'':38}{'ours':>8}{'theirs':>8}  {'':9}times its CPU")
    ways: list[tuple[str, Side, Side, int]] = [
        ("WebSocket", Ours(server.ws), AiohttpWebSocket(server.ws), 3_000),
        ("REST", Ours(server.rest), AiohttpPost(server.rest), 400),
        ("gRPC", Ours(server.grpc), Grpclib(server.grpc), 400),
    ]
    for name, ours, bare, count in ways:
        for batch in (100, 1):
            for in_flight in (1, 64):
                what = f"{name}, batch {batch}, in flight {in_flight}"
                goal = GOAL if batch == 100 else 0
                number = int(count * scale)
                await compare(what, ours, bare, number, batch, in_flight, rounds, goal)
    requests = Requests(server.rest)
    for name, ours, _, _ in ways[:2]:
        what = f"{name}, batch 100, in flight 16"
        await compare(what, ours, requests, int(400 * scale), 100, 16, rounds)
    for _, ours, bare, _ in ways:
        await ours.close()
        await bare.close()
    await requests.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--scale", type=float, default=1.0, help="more requests a round, or fewer")
    parser.add_argument("--uvloop", action="store_true", help="on uvloop")
    options = parser.parse_args()
    if options.uvloop:
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    with running() as server:
        loop.run_until_complete(table(server, options.rounds, options.scale))
    loop.close()


if __name__ == "__main__":
    main()
