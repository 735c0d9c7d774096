"""Code 3: the broker is out, or an event poisons its batch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from raccoon_runtime import PublishError, SendError
from raccoon_runtime.collector import Unpublishable

from ..books import Expected
from ..matrix import row
from ..run import Run

FEW = {"retry_wait": 0.005, "retry_max_wait": 0.05}


def publishing(numbers: Sequence[int]) -> dict[int, type[SendError]]:
    """Return that these have to fail with PublishError."""
    return dict.fromkeys(numbers, PublishError)


@row()
async def code_3_a_few_times(run: Run) -> None:
    client = run.connect()
    for times in (1, 2, 3, 5, 9):
        await run.server.add(Unpublishable(times=times))
        await run.submit(client, 300)
        await client.flush(30)


@row()
async def code_3_for_ever_for_one_type(run: Run) -> None:
    await run.server.add(Unpublishable(type="refused"))
    client = run.connect(**FEW)
    async with run.traffic(client):
        failing: list[int] = []
        for _ in range(run.either(3, 20)):
            failing += await run.submit(client, 5, type="refused")
            run.expected = Expected(failures=publishing(failing))
            await asyncio.sleep(0.1)
        await run.until(lambda: client.stats().failed == len(failing), "they fail", 60)


@row(real=True)
async def one_poisonous_event_in_every_batch(run: Run) -> None:
    """Neither JSON nor protobuf, which the server's log publisher refuses."""
    client = run.connect(**FEW)
    failing: list[int] = []
    async with run.traffic(client):
        for _ in range(run.either(8, 60)):
            failing += await run.submit_poison(client)
            run.expected = Expected(failures=publishing(failing))
            await asyncio.sleep(0.03)
        await run.until(lambda: client.stats().failed == len(failing), "they fail", 100)


@row(real=True)
async def a_poisonous_event_before_others_of_its_type(run: Run) -> None:
    """It is no outage of the broker: the events behind it get through."""
    client = run.connect(**FEW)
    failing = await run.submit_poison(client)
    run.expected = Expected(failures=publishing(failing))
    await run.submit(client, 300)
    await run.until(lambda: client.stats().delivered == 300, "the others get through")
    async with run.traffic(client):
        await run.until(lambda: client.stats().failed == 1, "it fails", 60)


@row(real=True)
async def many_poisonous_events_in_a_row(run: Run) -> None:
    """More than there are requests in flight: they are no outage either."""
    client = run.connect(batch_events=1, in_flight=4, **FEW)
    failing = await run.submit_poison(client, 12)
    run.expected = Expected(failures=publishing(failing))
    async with run.traffic(client):
        await run.until(lambda: client.stats().failed == 12, "they fail", 60)


@row(patient=True, limit=420)
async def code_3_for_everything(run: Run) -> None:
    """An outage of the broker within the budget: nothing fails."""
    client = run.connect(**run.either({}, {"retry_wait": 0.25, "retry_max_wait": 30.0}))
    await run.submit(client, 100)
    await client.flush()
    await run.server.add(Unpublishable())
    for type in ("page", "click", "order"):
        await run.submit(client, 100, type=type)
    await asyncio.sleep(run.either(3, 290))
    await run.server.clear()
    run.healed()
