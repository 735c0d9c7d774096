"""A collector in a process of its own, for benchmarks: the CPU time here is the client's alone.

With RACCOON_BIN set, the real server instead.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Server:
    """Where it listens, and its process id."""

    ws: str
    rest: str
    grpc: str
    pid: int


@contextmanager
def running() -> Iterator[Server]:
    """A server for the time of the block."""
    with _real(os.environ["RACCOON_BIN"]) if "RACCOON_BIN" in os.environ else _own() as server:
        yield server


@contextmanager
def _own() -> Iterator[Server]:
    command = [sys.executable, os.path.abspath(__file__)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield Server(**json.loads(process.stdout.readline()), pid=process.pid)
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


async def _serve() -> None:
    from raccoon_runtime.collector import Collector

    async with Collector(event_ack=1, keep=1) as collector:
        urls = {"ws": collector.ws_url, "rest": collector.http_url, "grpc": collector.grpc_url}
        print(json.dumps(urls), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
