"""A request that something in between does not let through: the others do not wait behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from grpclib import Status
from raccoon_runtime.collector import Close, Collector, GrpcStatus, HttpStatus

from generated import AsyncEventClient, ClickEvent, PageEvent
from tests.waiting import until

from .conftest import stored

Client = Callable[..., AsyncEventClient]
FAULTS: dict[str, Callable[..., Any]] = {
    "reset": lambda **where: [Close(reset=True, **where)],
    "status": lambda **where: [HttpStatus(503, **where), GrpcStatus(Status.UNAVAILABLE, **where)],
    "forbidden": lambda **where: [
        HttpStatus(403, **where),
        GrpcStatus(Status.PERMISSION_DENIED, **where),
    ],
}


def faults_of(way: str, url: str, **where: Any) -> list[Any]:
    """Return the faults that do this to a request; skips the test where none can."""
    if way != "reset" and url.startswith("ws"):
        pytest.skip("a WebSocket's connection has no answer of HTTP once it is open")
    faults: list[Any] = FAULTS[way](**where)
    return faults


@pytest.mark.parametrize("way", FAULTS)
@pytest.mark.parametrize("batch_events", [1, 10])
async def test_one_event_that_never_gets_through(
    client: Client, collector: Collector, url: str, way: str, batch_events: int
) -> None:
    async with client(batch_events=batch_events) as sender:
        assert (await sender.send_page_event(event_name="first")).ok
        faults = faults_of(way, url, containing=b"poison")
        for fault in faults:
            collector.faults.add(fault)
        good = [await sender.submit(PageEvent(event_name=f"{n}")) for n in range(35)]
        poison = await sender.submit(PageEvent(event_name="poison"))
        good += [await sender.submit(PageEvent(event_name=f"{n}")) for n in range(35, 300)]
        await until(lambda: all(future.done() for future in good), patience=30)
        assert all(future.result().ok for future in good)
        assert not poison.done()
        for fault in faults:
            collector.faults.remove(fault)
        assert (await poison).possible_duplicate is (way != "forbidden")
    assert len(stored(collector)) == 302


@pytest.mark.parametrize("way", ["status", "reset"])
async def test_a_type_that_never_gets_through_in_any_batch(
    client: Client, collector: Collector, url: str, way: str
) -> None:
    """Each batch holds some of it, so that none is delivered as it is."""
    collector.faults.add(*faults_of(way, url, type="click"))
    async with client(batch_events=20, in_flight=4, retry_budget=20.0) as sender:
        clicks = []
        good = []
        for number in range(200):
            if number % 10 == 0:
                clicks.append(await sender.submit(ClickEvent(element=f"{number}")))
            else:
                good.append(await sender.submit(PageEvent(event_name=f"{number}")))
        await until(lambda: all(future.done() for future in good), patience=30)
        assert all(future.result().ok for future in good)
        assert not any(future.done() for future in clicks)
        collector.faults.clear()
        for future in clicks:
            await future
    assert len(stored(collector)) == 200


@pytest.mark.parametrize("way", ["status", "reset"])
async def test_few_retries_end_the_culprit_alone(
    client: Client, collector: Collector, url: str, way: str
) -> None:
    collector.faults.add(*faults_of(way, url, containing=b"poison"))
    async with client(batch_events=50, in_flight=2, retry_count=4) as sender:
        names = [f"{n}" for n in range(75)] + ["poison"] + [f"{n}" for n in range(75, 300)]
        futures = [await sender.submit(PageEvent(event_name=name)) for name in names]
        for future in futures:
            await future.wait(30)
    failed = [name for name, one in zip(names, futures, strict=True) if one.exception()]
    assert failed == ["poison"]
