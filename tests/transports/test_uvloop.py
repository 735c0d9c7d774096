"""The same on uvloop."""

from __future__ import annotations

import asyncio
import gc
import ssl
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import trustme
from raccoon_runtime.collector import Close, Collector, NoAnswer, Unpublishable
from raccoon_runtime.errors import (
    AckTimeoutError,
    ConnectError,
    ConnectionLostError,
    PublishError,
    TlsError,
)
from raccoon_runtime.transports import make_transport

from tests.ports import SILENT_PORT
from tests.transports.conftest import PATIENT, url_of
from tests.transports.sending import deliver, fail

uvloop: Any = pytest.importorskip("uvloop")
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture
def run() -> Run:
    """Runs a coroutine on uvloop, and lets nothing be left of it."""

    def of(work: Coroutine[Any, Any, None]) -> None:
        loop = uvloop.new_event_loop()
        try:
            loop.run_until_complete(work)
            assert not asyncio.all_tasks(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()
        gc.collect()

    return of


def test_outcomes(run: Run, scheme: str) -> None:
    async def scenario() -> None:
        async with Collector(event_ack=1) as collector:
            transport = make_transport(url_of(collector, scheme), **PATIENT)
            await asyncio.gather(*(deliver(transport, b"1" * 50_000) for _ in range(50)))
            collector.faults.add(Unpublishable(times=1))
            await fail(transport, PublishError, persisted="possibly")
            for reset in (False, True):
                collector.faults.add(Close(reset=reset, times=1))
                await fail(transport, ConnectionLostError, persisted="possibly")
            await deliver(transport)
            await transport.close()

            transport = make_transport(url_of(collector, scheme), ack_timeout=0.5)
            collector.faults.add(NoAnswer(times=1))
            await fail(transport, AckTimeoutError, persisted="possibly")
            await transport.close()

    run(scenario())


def test_no_listener(run: Run, scheme: str) -> None:
    async def scenario() -> None:
        url = {"ws": "ws", "rest": "http", "grpc": "grpc"}[scheme]
        transport = make_transport(f"{url}://127.0.0.1:{SILENT_PORT}")
        error = await fail(transport, ConnectError, persisted="no")
        assert "refused" in error.reason.lower()
        await transport.close()

    run(scenario())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="as with asyncio's own loop, one is enough")
def test_tls(run: Run, scheme: str) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def scenario() -> None:
        async with Collector(event_ack=1, ssl=context) as collector:
            transport = make_transport(url_of(collector, scheme), ssl=trusting)
            await deliver(transport, b"1" * 500_000)
            await transport.close()
            suspicious = make_transport(url_of(collector, scheme))
            await fail(suspicious, TlsError, persisted="no")
            await suspicious.close()

    run(scenario())


def test_cancellation(run: Run, scheme: str) -> None:
    async def scenario() -> None:
        async with Collector(event_ack=1) as collector:
            for steps in (0, 1, 2, 3, 5, 8, 13, 21, 50):
                transport = make_transport(url_of(collector, scheme))
                task = asyncio.ensure_future(deliver(transport))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                await deliver(transport)
                await transport.close()

    run(scenario())
