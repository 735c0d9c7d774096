"""A flush ends when what it waits for has its outcome, wherever that lies and whatever its rows."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from raccoon_runtime.collector import Collector, HttpStatus
from raccoon_runtime.spool import Directory
from raccoon_runtime.spool.reader import Reader
from raccoon_runtime.spool.store import Store

from generated import AsyncEventClient
from tests.spool.events import OPTIONS, event, stored
from tests.spool.rows import fill
from tests.spool.test_damage import change
from tests.waiting import until

FULL = 4
"""So many events fill a batch, and the memory."""
SOON = 10.0


async def held_up(collector: Collector, directory: Path, **options: object) -> AsyncEventClient:
    """A client at work, whose server cannot answer until its faults are cleared."""
    collector.faults.add(HttpStatus(503))
    few = {"queue_events": FULL, "batch_events": FULL, "in_flight": 1, "linger": 60.0}
    client = AsyncEventClient.connect(
        collector.http_url, spool=directory, **{**OPTIONS, **few, **options}  # type: ignore[arg-type] # ty: a mix
    )
    return await client.__aenter__()


async def submit(client: AsyncEventClient, *batches: int) -> None:
    """Have these batches on the disk, in their order."""
    for n in batches:
        numbers = range(FULL * n, FULL * (n + 1))
        await asyncio.gather(*(client.submit(event(number)) for number in numbers))


def rows(directory: Path) -> int:
    """How many there are, for whoever looks."""
    (path,) = Directory(directory).files()
    reader = Reader.open(path)
    try:
        return len(list(reader.rows()))
    finally:
        reader.close()


async def begun(waits: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
    """This, when it waits."""
    task = asyncio.ensure_future(waits)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()
    return task


@pytest.mark.parametrize("way", ["flush", "close"])
@pytest.mark.parametrize("restored", [False, True])
async def test_parts_whose_rows_are_the_last(
    collector: Collector, directory: Path, restored: bool, way: str
) -> None:
    """What was split goes on in rows behind those that are to be read still."""
    client = await held_up(collector, directory)
    await submit(client, 0, 1, 2)
    assert rows(directory) == 3
    if restored:
        await client.close(0)
        client = await held_up(collector, directory)
    collector.faults.clear()
    collector.faults.add(HttpStatus(413, times=1))
    collector.faults.add(HttpStatus(503))
    await until(lambda: rows(directory) > 3)
    ends = await begun(client.flush() if way == "flush" else client.close(2 * SOON))
    collector.faults.clear()
    await asyncio.wait_for(ends, SOON)
    assert stored(collector).keys() == set(range(3 * FULL))
    await client.close()


async def test_last_rows_that_an_earlier_process_removed(
    collector: Collector, directory: Path
) -> None:
    fill(directory / "a.spool", batches=3, events=FULL)
    store = Store(directory / "a.spool")
    store.delete([3])
    store.close()
    client = await held_up(collector, directory)
    await until(lambda: client.stats().accepted)
    ends = await begun(client.flush())
    collector.faults.clear()
    await asyncio.wait_for(ends, SOON)
    assert stored(collector).keys() == set(range(2 * FULL))
    await client.close()


async def test_rows_that_are_damaged_after_they_were_seen_in_memory(
    collector: Collector, directory: Path
) -> None:
    client = await held_up(collector, directory)
    await submit(client, 0)
    futures = [client.submit_nowait(event(FULL + number)) for number in range(FULL - 1)]
    flushes = [await begun(client.flush()) for _ in range(2)]
    await until(lambda: client.stats().spooled == 2 * FULL - 1)
    change(directory, "UPDATE batches SET frames = zeroblob(100) WHERE id = 2")
    collector.faults.clear()
    await asyncio.wait_for(asyncio.gather(*flushes), SOON)
    assert all(future.exception() for future in futures)
    assert client.stats().failed == FULL - 1
    await client.close()


async def test_another_file_when_nothing_lies_on_the_disk_alone(
    collector: Collector, directory: Path
) -> None:
    client = await held_up(collector, directory, queue_events=100)
    await submit(client, 0)
    ends = await begun(client.flush())
    before = Directory(directory).files()
    before[0].unlink()
    await submit(client, 1)  # it is seen now
    assert Directory(directory).files() not in ([], before)
    collector.faults.clear()
    await asyncio.wait_for(ends, SOON)
    await client.close()
    assert stored(collector).keys() == set(range(2 * FULL))
