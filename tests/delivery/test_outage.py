"""A server that is away: nothing is lost, one batch asks for it, each state is said once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
from raccoon_runtime import ConnectError, EndpointError, IdentityTakenError
from raccoon_runtime.collector import Close, Collector, HttpStatus, NoAnswer, Taken

from generated import AsyncEventClient, PageEvent
from tests.waiting import until

from .conftest import QUICK, stored

Client = Callable[..., AsyncEventClient]


async def test_a_server_that_comes_late(client: Client, collector: Collector) -> None:
    await collector.stop()
    async with client() as sender:
        futures = [await sender.submit(PageEvent(event_name=f"{n}")) for n in range(500)]
        await until(lambda: sender.stats().retries > 1)
        assert sender.stats().delivered == 0
        await collector.start()
        for future in futures:
            ack = await future
            assert ack.ok
            assert not ack.possible_duplicate  # nothing had been sent
    assert len(stored(collector)) == 500


async def test_a_restart_in_between(client: Client, collector: Collector) -> None:
    async with client() as sender:
        futures = []
        for number in range(600):
            futures.append(await sender.submit(PageEvent(event_name=f"{number}")))
            if number % 200 == 100:
                await collector.stop()
                await asyncio.sleep(0.05)
                await collector.start()
        acks = [await future for future in futures]
        assert all(ack.ok for ack in acks)
    published = stored(collector)
    assert len(published) == 600
    flagged = {ack.req_guid for ack in acks if ack.possible_duplicate}
    twice = [event for event in collector.stored if published[event.event_bytes] > 1]
    assert {event.req_guid for event in twice} <= flagged


async def test_an_answer_that_is_lost_is_a_possible_duplicate(
    client: Client, collector: Collector
) -> None:
    collector.faults.add(Close(published=True, reset=True, times=1))
    async with client() as sender:
        ack = await sender.send_page_event(event_name="x")
        assert (ack.attempts, ack.possible_duplicate) == (2, True)
        assert sender.stats().possible_duplicates == 1
    assert [event.req_guid for event in collector.stored] == [ack.req_guid] * 2


async def test_while_it_is_down_one_probe_asks_at_a_time(collector: Collector) -> None:
    collector.faults.add(HttpStatus(503))
    async with AsyncEventClient.connect(
        collector.http_url, retry_wait=0.02, retry_max_wait=0.02
    ) as sender:
        for number in range(1000):
            await sender.submit(PageEvent(event_name=f"{number}"))
        await until(lambda: len(collector.received) >= 10)
        for _ in range(20):
            assert sender.stats().in_flight <= 1
            await asyncio.sleep(0.005)
        collector.faults.clear()
        await sender.flush(20)
        assert sender.stats().delivered == 1000


async def test_each_state_is_said_once(
    client: Client, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "raccoon_runtime")
    async with client() as sender:
        await sender.send_page_event(event_name="before")
        await collector.stop()
        futures = [await sender.submit(PageEvent(event_name=f"{n}")) for n in range(300)]
        await until(lambda: sender.stats().retries > 1)
        await collector.start()
        for future in futures:
            await future
    said = [(record.levelname, record.getMessage().split(",")[0]) for record in caplog.records]
    assert [level for level, _ in said] == ["WARNING", "INFO"], said
    assert "is held up" in said[0][1]
    assert "goes on" in said[1][1]


async def test_a_failure_is_told_with_its_cause_after_the_budget(
    client: Client, collector: Collector
) -> None:
    await collector.stop()
    async with client(retry_budget=0.2) as sender:
        with pytest.raises(ConnectError) as failed:
            await sender.send_page_event(event_name="x")
        assert failed.value.persisted == "no"
        assert sender.stats().failures == {"ConnectError": 1}
    await collector.start()


async def test_a_wrong_path_fails_at_once_and_later_is_an_outage(collector: Collector) -> None:
    wrong = collector.http_url + "s"
    async with AsyncEventClient.connect(wrong, **QUICK) as sender:
        with pytest.raises(EndpointError):
            await sender.send_page_event(event_name="x")
        assert sender.stats().requests == 1
    async with AsyncEventClient.connect(collector.http_url, **QUICK) as sender:
        await sender.send_page_event(event_name="x")
        collector.faults.add(HttpStatus(404, times=3))
        ack = await sender.send_page_event(event_name="y")
        assert ack.attempts == 4


async def test_a_ghost_of_ones_own_goes_away(collector: Collector) -> None:
    collector.faults.add(Taken(times=3))
    async with AsyncEventClient.connect(collector.ws_url, **QUICK) as sender:
        assert (await sender.send_page_event(event_name="x")).ok


async def test_a_taken_identity_is_surfaced_when_it_lasts(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For more than 75 s in total, whichever batch asks; shortened here."""
    monkeypatch.setattr(IdentityTakenError, "patience", 0.4)
    collector.faults.add(Taken())
    async with AsyncEventClient.connect(
        collector.ws_url, batch_events=10, in_flight=2, **QUICK
    ) as sender:
        futures = [await sender.submit(PageEvent(event_name=f"{n}")) for n in range(50)]
        for future in futures:
            await future.wait(10)
            assert isinstance(future.exception(), IdentityTakenError)


async def test_no_answer_in_time_is_sent_again_on_another_connection(
    client: Client, collector: Collector
) -> None:
    collector.faults.add(NoAnswer(published=True, times=1))
    async with client(ack_timeout=0.3) as sender:
        ack = await sender.send_page_event(event_name="x")
        assert ack.possible_duplicate
    assert len(collector.received) == 2


async def test_a_ghost_after_a_long_outage(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The patience with one's own ghost begins with the ghost, not with the outage that left it."""
    monkeypatch.setattr(IdentityTakenError, "patience", 0.6)
    await collector.stop()
    async with AsyncEventClient.connect(collector.ws_url, **QUICK, batch_events=1) as sender:
        futures = [await sender.submit(PageEvent(event_name=f"{n}")) for n in range(30)]
        await until(lambda: sender.stats().oldest > 0.8)
        ghost = Taken()
        collector.faults.add(ghost)
        await collector.start()
        await until(lambda: isinstance(sender._delivery.handle.trouble, IdentityTakenError))
        collector.faults.remove(ghost)
        assert all([(await future).ok for future in futures])


async def test_each_event_has_its_own_patience_with_a_taken_identity(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that comes when the patience with it is over is not refused for that."""
    monkeypatch.setattr(IdentityTakenError, "patience", 0.3)
    taken = Taken()
    collector.faults.add(taken)
    async with AsyncEventClient.connect(collector.ws_url, **QUICK) as sender:
        with pytest.raises(IdentityTakenError):
            await sender.send_page_event(event_name="first")
        later = await sender.submit(PageEvent(event_name="later"))
        before = sender.stats().retries
        await until(lambda: sender.stats().retries > before)
        collector.faults.remove(taken)
        assert (await later).ok
