"""Both clients behind one face, so that what both promise is tested once for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import pytest_asyncio
from raccoon_runtime import Ack, SendError
from raccoon_runtime.client import AsyncClient
from raccoon_runtime.collector import Collector

from generated import AsyncEventClient, EventClient

QUICK: dict[str, Any] = {"retry_wait": 0.01, "retry_max_wait": 0.05}
AT_ONCE = frozenset({"stats", "submit_nowait", "acks", "event_class", "close_on_signals"})


class Face:
    """A client whose calls that wait are awaited: those of the synchronous one run in threads."""

    def __init__(self, client: AsyncEventClient | EventClient) -> None:
        self.client = client
        self.is_sync = not isinstance(client, AsyncClient)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self.client, name)
        if not self.is_sync or name in AT_ONCE:
            return call
        return lambda *args, **keywords: asyncio.to_thread(call, *args, **keywords)

    async def outcome(self, future: Any) -> Ack | SendError:
        """Wait for a future of either kind, and return what came of it."""
        if self.is_sync:
            assert await asyncio.to_thread(future.wait, 20)
        else:
            assert await future.wait(20)
        return future.outcome()

    async def __aenter__(self) -> Face:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


Connect = Callable[..., Face]


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Collector]:
    # Each call of the synchronous client that waits holds a thread.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(100))
    async with Collector(event_ack=1) as made:
        yield made


@pytest.fixture(params=["async", "sync"])
def connect(request: pytest.FixtureRequest, collector: Collector) -> Connect:
    """Makes clients of either kind, of the collector's WebSocket unless told."""
    kind = {"async": AsyncEventClient, "sync": EventClient}[request.param]

    def make(url: str | None = None, **options: Any) -> Face:
        return Face(kind.connect(url or collector.ws_url, **{**QUICK, **options}))

    return make


@pytest.fixture(params=["ws", "rest", "grpc"])
def url(request: pytest.FixtureRequest, collector: Collector) -> str:
    urls = {"ws": collector.ws_url, "rest": collector.http_url, "grpc": collector.grpc_url}
    return urls[request.param]
