"""An unpublishable event, a broker that is out: the poison fails, an outage fails nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress

import pytest
from raccoon_runtime import AckFuture, PublishError
from raccoon_runtime.collector import Collector, Unpublishable

from generated import AsyncEventClient, ClickEvent, PageEvent
from tests.waiting import until

from .conftest import stored

Client = Callable[..., AsyncEventClient]


@asynccontextmanager
async def traffic(client: AsyncEventClient):
    """Other events that flow meanwhile."""

    async def flow() -> None:
        number = 0
        while True:
            number += 1
            await client.send_search_event(query=f"traffic {number}")
            await asyncio.sleep(0.002)

    task = asyncio.get_running_loop().create_task(flow())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_transient_refusal_is_told_by_nobody_but_the_ack(
    client: Client, collector: Collector
) -> None:
    collector.faults.add(Unpublishable(times=2))
    async with client() as sender:
        ack = await sender.send_page_event(event_name="x")
    assert (ack.ok, ack.attempts, ack.possible_duplicate) == (True, 3, True)
    assert len(collector.stored) == 1


async def test_only_the_poison_fails(client: Client, collector: Collector) -> None:
    """One event in every batch can never be published; its siblings are, perhaps more than once."""
    collector.faults.add(Unpublishable(containing=b"poison"))
    async with client() as sender:
        futures: dict[int, AckFuture] = {}
        async with traffic(sender):
            for number in range(300):
                path = "/poison" if number % 100 == 42 else "/"
                event = PageEvent(event_name=f"event {number}", path=path)
                futures[number] = await sender.submit(event)
            outcomes = {number: await _settled(future) for number, future in futures.items()}
        poisonous = {number for number, outcome in outcomes.items() if outcome is not None}
        assert poisonous == {42, 142, 242}
        assert all(isinstance(outcomes[number], PublishError) for number in poisonous)
        assert sender.stats().failures == {"PublishError": 3}
    _check_duplicates(collector, futures)


async def test_only_the_poisonous_type_fails(client: Client, collector: Collector) -> None:
    collector.faults.add(Unpublishable(type="click"))
    async with client() as sender, traffic(sender):
        clicks = [await sender.submit(ClickEvent(element=f"{n}")) for n in range(40)]
        pages = [await sender.submit(PageEvent(event_name=f"{n}")) for n in range(40)]
        for future in pages:
            assert (await future).ok
        for future in clicks:
            with pytest.raises(PublishError):
                await future
    assert sum(event.type == "page" for event in collector.stored) >= 40


async def test_an_outage_of_the_broker_fails_nothing(client: Client, collector: Collector) -> None:
    collector.faults.add(Unpublishable())
    async with client() as sender:
        futures = [await sender.submit(PageEvent(event_name=f"{n}")) for n in range(250)]
        futures += [await sender.submit(ClickEvent(element=f"{n}")) for n in range(250)]
        await until(lambda: sender.stats().requests >= 40)
        assert sender.stats().failed == 0
        collector.faults.clear()
        for future in futures:
            assert (await future).ok
    assert len(stored(collector)) == 500


async def test_while_the_broker_is_out_one_probe_goes_at_a_time(
    client: Client, collector: Collector
) -> None:
    collector.faults.add(Unpublishable())
    async with client(retry_wait=0.05, retry_max_wait=0.05) as sender:
        for number in range(1000):
            await sender.submit(PageEvent(event_name=f"{number}"))
        await until(lambda: any(len(request.types) == 1 for request in collector.received))
        before = len(collector.received)
        for _ in range(20):
            assert sender.stats().in_flight <= 1
            await asyncio.sleep(0.01)
        assert len(collector.received) - before <= 20
        collector.faults.clear()
        await sender.flush(20)


async def test_the_budget_ends_it(client: Client, collector: Collector) -> None:
    collector.faults.add(Unpublishable())
    async with client(retry_budget=0.3) as sender:
        with pytest.raises(PublishError) as failed:
            await sender.send_page_event(event_name="x")
    assert failed.value.persisted == "possibly"
    assert failed.value.retryable


async def _settled(future: AckFuture) -> Exception | None:
    await future.wait(30)
    return future.exception()


def _check_duplicates(collector: Collector, futures: dict[int, AckFuture]) -> None:
    """What was published more than once was flagged."""
    flagged = {n for n, f in futures.items() if f.exception() or f.result().possible_duplicate}
    published = stored(collector, "page")
    assert len(published) == len(futures) - 3
    for data, count in published.items():
        if count > 1:
            assert int(PageEvent.parse(data).event_name.removeprefix("event ")) in flagged
