"""One server for the suite: the dev collector in each of its modes, or a real Raccoon.

    RACCOON_HTTP=http://host:port RACCOON_GRPC=host:port make interop

The real one is started with the identity header `X-User-ID` and the log publisher. Whether its
EVENT_ACK is 1 is found out, unless RACCOON_EVENT_ACK says.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from raccoon_runtime.collector import Collector
from raccoon_runtime.collector.settings import SettingsKeywords

from . import bodies, raw
from .server import Server, identity

HTTP, GRPC = os.environ.get("RACCOON_HTTP"), os.environ.get("RACCOON_GRPC")
MODES: dict[str, SettingsKeywords] = {
    "sync": {"event_ack": 1},
    "async": {"event_ack": 0},
    "dedup": {"event_ack": 1, "dedup": True},
}


@pytest.fixture(scope="session", params=["real"] if HTTP or GRPC else MODES)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "real":
        yield _real()
        return
    with Collector.in_thread(**MODES[request.param]) as collector:
        yield Server.of(collector)


@pytest.fixture
def view(server: Server) -> Collector:
    """The collector, empty, to look into."""
    if server.collector is None:
        pytest.skip("a real server does not show what it stored")
    server.collector.clear()
    return server.collector


def _real() -> Server:
    if not HTTP or not GRPC:
        raise pytest.UsageError("RACCOON_HTTP and RACCOON_GRPC belong together")
    url = HTTP.rstrip("/") + "/api/v1/events"
    told = os.environ.get("RACCOON_EVENT_ACK")
    event_ack = int(told) if told else asyncio.run(_found_out(url))
    return Server(url, url.replace("http", "ws", 1), f"grpc://{GRPC}", event_ack)


async def _found_out(url: str) -> int:
    """An event that cannot be published is answered OK when nobody waits for that."""
    headers = {"Content-Type": "application/proto", **identity()}
    answer = await raw.http(url, bodies.proto("event-ack?", bodies.POISON), headers)
    return 1 if answer.status == 500 else 0
