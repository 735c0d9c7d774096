"""Forks, exits and servers that are stopped: with real processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import trustme
from raccoon_runtime.collector import Collector
from raccoon_runtime.errors import AckTimeoutError, ConnectError, ConnectionLostError

from tests.transports.conftest import Make, url_of
from tests.transports.sending import deliver, fail, inside
from tests.waiting import until

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-W", "error", "-m", "tests.transports.programs"]


async def run(*arguments: str) -> str:
    """Run a program to its end, and return what it printed; it must have nothing to complain of."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, err.decode()) == (0, "")
    return out.decode()


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@needs_fork
async def test_a_child_leaves_the_parents_connection_alone(
    url: str, scheme: str, collector: Collector
) -> None:
    await run("fork", url)
    assert len(collector.stored) == 11
    identities = {received.identity for received in collector.received}
    assert len(identities) == 2  # one the parent's, one the child's


@needs_fork
async def test_so_it_does_over_tls(scheme: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with Collector(event_ack=1, ssl=context) as collector:
        await run("fork", url_of(collector, scheme), str(tmp_path / "ca.pem"))
        assert len(collector.stored) == 11


async def test_a_connection_at_interpreter_exit(
    url: str, scheme: str, collector: Collector
) -> None:
    told = await run("exit_with_a_name", url.replace("127.0.0.1", "localhost"))
    # That an event loop has no threads any more to look a name up in is what this is about.
    refused, delivered = told.splitlines()
    assert refused.startswith("cannot schedule new futures after")
    assert delivered == "delivered at exit"
    assert len(collector.stored) == 2


class Server:
    """A collector in a process that can be stopped."""

    def __init__(self, process: asyncio.subprocess.Process, urls: dict[str, str]) -> None:
        self.process = process
        self.urls = urls

    def stop(self) -> None:
        """Let it do nothing, its connections open."""
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        # The process object's own way would take its exit status away from asyncio.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)


@pytest_asyncio.fixture
async def server(nothing_left: None) -> AsyncIterator[Server]:
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "collector", cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdin is not None
    made = Server(process, json.loads(await process.stdout.readline()))
    try:
        yield made
    finally:
        made.go_on()
        process.stdin.close()
        await process.wait()


async def test_a_half_open_websocket(make: Make, server: Server) -> None:
    transport = make(server.urls["ws"], ping_interval=0.1, pong_timeout=0.2, connect_timeout=0.5)
    await deliver(transport)
    server.stop()
    await fail(transport, ConnectionLostError, persisted="possibly", retryable=True)
    # The system still takes connections in its name.
    await fail(transport, ConnectError, persisted="no", retryable=True)
    server.go_on()
    await deliver(transport)


async def test_a_half_open_websocket_without_traffic(make: Make, server: Server) -> None:
    transport = make(server.urls["ws"], ping_interval=0.1, pong_timeout=0.2)
    await deliver(transport)
    server.stop()
    connection = inside(transport)._connection
    await until(lambda: connection.ended is not None)
    server.go_on()
    await deliver(transport)


@pytest.mark.parametrize("kind", ["rest", "grpc"])
async def test_a_half_open_connection(make: Make, server: Server, kind: str) -> None:
    transport = make(server.urls[kind], ack_timeout=0.3, connect_timeout=0.3)
    await deliver(transport)
    server.stop()
    await fail(transport, AckTimeoutError, persisted="possibly", retryable=True)
    if kind == "grpc":
        await fail(transport, ConnectError, persisted="no", retryable=True)
    server.go_on()
    await deliver(make(server.urls[kind]))


async def test_a_server_that_is_killed(make: Make, server: Server, scheme: str) -> None:
    transport = make(server.urls[scheme])
    await deliver(transport)
    server.stop()
    waiting = asyncio.ensure_future(fail(transport, ConnectionLostError, persisted="possibly"))
    for _ in range(20):
        await asyncio.sleep(0)
    server.signal(signal.SIGKILL)
    await waiting
    await server.process.wait()
    await fail(transport, ConnectError, persisted="no", retryable=True)
