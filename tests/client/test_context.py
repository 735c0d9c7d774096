"""What a client runs by itself belongs to no request: neither its context nor its task factory."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from contextvars import ContextVar

import pytest
from raccoon_runtime.collector import Collector

from generated import AsyncEventClient, PageEvent
from tests.waiting import until

from .conftest import Connect

TENANT: ContextVar[object] = ContextVar("tenant", default="nobody")


class Request:
    """What an application keeps in a context variable."""


async def test_no_request_lends_its_context(connect: Connect, collector: Collector) -> None:
    """The first one's would be seen, and kept alive, for as long as the client lives."""
    seen: set[object] = set()

    def headers() -> dict[str, str]:
        seen.add(TENANT.get())
        return {}

    client = connect(collector.http_url, headers=headers)

    async def first() -> weakref.ref[Request]:
        request = Request()
        TENANT.set(request)
        assert (await client.send_page_event(event_name="x")).ok
        return weakref.ref(request)

    request = await asyncio.create_task(first())
    assert (await client.send_page_event(event_name="y")).ok
    assert seen == {"nobody"}
    await until(lambda: gc.collect() is not None and request() is None)
    await client.close()


async def test_a_done_callback_runs_in_the_context_of_who_asked_for_it(
    collector: Collector,
) -> None:
    """As those of asyncio do."""
    seen: list[object] = []
    async with AsyncEventClient.connect(collector.ws_url) as client:
        future = client.submit_nowait(PageEvent(event_name="x"))
        TENANT.set("mine")
        future.add_done_callback(lambda done: seen.append(TENANT.get()))
        TENANT.set("another")
        await client.flush()
        await until(lambda: seen)
    assert seen == ["mine"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks")
@pytest.mark.parametrize("transport", ["ws", "rest", "grpc"])
async def test_eager_tasks(connect: Connect, collector: Collector, transport: str) -> None:
    urls = {"ws": collector.ws_url, "rest": collector.http_url, "grpc": collector.grpc_url}
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]  # from 3.12 on
    try:
        client = connect(urls[transport], in_flight=2, batch_events=1, queue_events=3000)
        for number in range(1500):
            client.submit_nowait(PageEvent(event_name=str(number)))
        assert client.stats().in_flight <= 2
        await client.flush()
        assert await client.close() == []
        assert client.stats().delivered == 1500
    finally:
        loop.set_task_factory(None)
