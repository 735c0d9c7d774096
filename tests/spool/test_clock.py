"""Wall clocks that are not set."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from raccoon_runtime.collector import Collector
from raccoon_runtime.spool import Directory
from raccoon_runtime.spool.store import Store

from generated import AsyncEventClient
from tests.spool.events import OPTIONS, event, stored
from tests.spool.rows import row
from tests.waiting import until


@pytest.mark.parametrize("wire", ["proto", "json"])
async def test_before_1970(
    directory: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch, wire: str
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: -(10**18))
    options = {**OPTIONS, "spool": directory, "wire": wire}
    async with AsyncEventClient.connect(collector.ws_url, **options) as client:
        await asyncio.wait_for(client.send([event(1)]), 10)
    assert stored(collector) == Counter([1])


async def test_a_failure_before_it_was_set_spends_no_budget(
    directory: Path, collector: Collector
) -> None:
    Directory(directory)
    with closing(Store(directory / "a.spool")) as store:
        store.insert(replace(row([1]), sent_time=5, failed_since=10**18))  # in 2001
    await collector.stop()
    async with AsyncEventClient.connect(collector.ws_url, spool=directory, **OPTIONS) as client:
        await until(lambda: client.stats().requests > 1 or client.stats().failed)
        await collector.start()
        await client.flush(10)
    assert stored(collector) == Counter([1])
