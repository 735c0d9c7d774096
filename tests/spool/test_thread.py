"""The spool's thread: no trouble ends it, and if it is gone all the same, nobody waits for it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from raccoon_runtime import ClosedError, UndeliveredError
from raccoon_runtime.collector import Collector
from raccoon_runtime.spool import keeper, spool

from generated import AsyncEventClient
from tests.spool.events import OPTIONS, event, stored
from tests.spool.test_flush import FULL, SOON, begun, held_up, submit
from tests.waiting import until


async def test_what_nobody_has_foreseen_is_told_once_and_tried_again(
    collector: Collector,
    directory: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[object] = []

    def fail(what: object) -> None:
        tries.append(what)
        raise LookupError("a mistake")

    monkeypatch.setattr(spool, "_PATIENCE", 0.01)
    with monkeypatch.context() as now:
        now.setattr(keeper, "step", fail)
        now.setattr(keeper.Keeper, "relieve", fail)
        client = AsyncEventClient.connect(collector.ws_url, spool=directory, **OPTIONS)
        waits = await begun(client.submit(event(1)))
        await until(lambda: len(tries) > 10)
    await waits
    await client.flush(SOON)
    assert stored(collector).keys() == {1}
    told = [one for one in caplog.records if "events wait" in one.getMessage()]
    assert len(told) == 1 and told[0].exc_info is not None
    await client.close()


async def test_nobody_waits_for_a_thread_that_is_gone(
    collector: Collector, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in memory goes on; what is on the disk is the next client's."""
    full = threading.Event()

    def die(name: str) -> None:
        full.wait(SOON)
        raise SystemExit

    client = await held_up(collector, directory)
    await submit(client, 0, 1)
    # One batch is in memory, one on the disk alone; the third is before it, and fills the room.
    futures = [client.submit_nowait(event(8 + number)) for number in range(FULL - 1)]
    with monkeypatch.context() as now:
        now.setattr(keeper, "step", die)
        kept = await begun(client.submit(event(11)))
        room = await begun(client.submit(event(12)))
        flush = await begun(client.flush())
        full.set()
        with pytest.raises(UndeliveredError, match="did not write it"):
            await kept
        with pytest.raises(ClosedError):
            await room
    assert all(isinstance(future.exception(), UndeliveredError) for future in futures)
    collector.faults.clear()
    await asyncio.wait_for(flush, SOON)
    await asyncio.wait_for(client.flush(), SOON)
    stats = client.stats()
    assert (stats.delivered, stats.failed, stats.pending) == (FULL, FULL, FULL)
    assert await asyncio.wait_for(client.close(), SOON) == []
    async with AsyncEventClient.connect(collector.ws_url, spool=directory, **OPTIONS) as client:
        await client.flush(SOON)
    assert stored(collector).keys() == set(range(2 * FULL))


async def test_a_thread_that_cannot_be_started_is_tried_again(
    collector: Collector, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    client = AsyncEventClient.connect(collector.ws_url, spool=directory, **OPTIONS)
    with monkeypatch.context() as now:
        now.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError, match="new thread"):
            await client.submit(event(1))
    await asyncio.wait_for(client.submit(event(2)), SOON)
    await client.close()
    assert 2 in stored(collector)
