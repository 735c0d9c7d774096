"""A server in a process of its own, for benchmarks: the CPU time here is the client's alone.

It acknowledges requests and does nothing else, so that the client is what limits the rate. With
RACCOON_BIN set, it is that Raccoon.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from grpclib.const import Cardinality, Handler
from grpclib.encoding.base import CodecBase
from grpclib.server import Server as GrpcServer

METHOD = "/raystack.raccoon.v1beta1.EventService/SendEvent"


@dataclass(frozen=True)
class Server:
    """Where it listens, its process id, and what ends its stalling."""

    ws: str
    rest: str
    grpc: str
    pid: int
    go: Callable[[], None] = lambda: None


@contextmanager
def running() -> Iterator[Server]:
    """A server for the time of the block."""
    binary = os.environ.get("RACCOON_BIN")
    with _real(binary) if binary else bare() as server:
        yield server


@contextmanager
def bare(*, stalled: bool = False) -> Iterator[Server]:
    """One that only answers, `stalled` when it is told to `go`."""
    command = [sys.executable, os.path.abspath(__file__), *(["--stalled"] if stalled else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdin is not None
    told = process.stdin

    def go() -> None:
        told.write("go\n")
        told.flush()

    try:
        yield Server(**json.loads(process.stdout.readline()), pid=process.pid, go=go)
    finally:
        process.communicate()


@contextmanager
def _real(binary: str) -> Iterator[Server]:
    http, grpc = _free_port(), _free_port()
    options = {
        "publisher.type": "log",
        "event.ack": 1,
        "log.level": "error",
        "server.websocket.conn.id.header": "X-User-ID",
        "server.websocket.port": http,
        "server.grpc.port": grpc,
    }
    command = [binary, "server", *(f"--{name}={value}" for name, value in options.items())]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(http)
        _wait_for(grpc)
        events = f"127.0.0.1:{http}/api/v1/events"
        yield Server(f"ws://{events}", f"http://{events}", f"grpc://127.0.0.1:{grpc}", process.pid)
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit(f"the server does not listen on port {port}")


# --- a server that does nothing but answer --------------------------------------------------


_SENT_TIME = b"\x80\xe2\xcf\xaa\x06"  # a varint: some second of 2023


def _answer(body: bytes) -> bytes:
    """A Raccoon's ack of the request, whose guid is its first field; its events are not looked at.

    To the byte but for the time, so that reading it costs what it costs with a real one.
    """
    guid = body[2 : 2 + body[1]]
    entry = b"\n\x08req_guid\x12" + bytes((len(guid),)) + guid
    return b"\x08\x01\x10\x01\x18" + _SENT_TIME + b"*" + bytes((len(entry),)) + entry


async def _events(request: web.Request) -> web.StreamResponse:
    if request.method == "POST":
        return web.Response(body=_answer(await request.read()), content_type="application/proto")
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for message in socket:
        await _released.wait()
        await socket.send_bytes(_answer(message.data))
    return socket


class _Raw(CodecBase):
    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> Any:
        return data


class _Grpc:
    def __mapping__(self) -> dict[str, Handler]:
        return {METHOD: Handler(self._send, Cardinality.UNARY_UNARY, bytes, bytes)}

    async def _send(self, stream: Any) -> None:
        await stream.send_message(_answer(await stream.recv_message()))


async def _serve(stalled: bool) -> None:
    if not stalled:
        _released.set()
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/api/v1/events", _events)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    grpc = GrpcServer([_Grpc()], codec=_Raw())
    port = _free_port()
    await grpc.start("127.0.0.1", port)
    events = "{}:{}/api/v1/events".format(*runner.addresses[0])
    urls = {"ws": f"ws://{events}", "rest": f"http://{events}", "grpc": f"grpc://127.0.0.1:{port}"}
    print(json.dumps(urls), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        _released.set() if line == "go\n" else _released.clear()
    grpc.close()
    await runner.cleanup()


_released = asyncio.Event()

if __name__ == "__main__":
    asyncio.run(_serve("--stalled" in sys.argv))
