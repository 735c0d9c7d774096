"""A collector, and clients that retry quickly, for what delivery does between the two."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from raccoon_runtime.collector import Collector

from generated import AsyncEventClient

QUICK: dict[str, Any] = {"retry_wait": 0.01, "retry_max_wait": 0.1}


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector(event_ack=1) as made:
        yield made


@pytest.fixture(params=["ws", "rest", "grpc"])
def url(request: pytest.FixtureRequest, collector: Collector) -> str:
    urls = {"ws": collector.ws_url, "rest": collector.http_url, "grpc": collector.grpc_url}
    return urls[request.param]


@pytest.fixture
def client(url: str) -> Callable[..., AsyncEventClient]:
    """Makes clients of each transport in turn."""
    return lambda **options: AsyncEventClient.connect(url, **{**QUICK, **options})


def stored(collector: Collector, *types: str) -> Counter[bytes]:
    """How often each event was published, by its bytes; of these types, or of all."""
    events = [event for event in collector.stored if not types or event.type in types]
    return Counter(event.event_bytes for event in events)
