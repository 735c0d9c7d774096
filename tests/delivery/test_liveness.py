"""Whatever a server answers for a while: when it is well again everything has its outcome.

The transport is of one's own, as users may write them; its answers are drawn from a seed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest
from raccoon_runtime import (
    Ack,
    AckTimeoutError,
    AsyncClient,
    AuthError,
    Code,
    ConnectError,
    ConnectionLostError,
    Event,
    NullTransport,
    PublishError,
    SendError,
    TooLargeError,
    UnavailableError,
)

FAILURES: dict[str, Callable[[str], SendError]] = {
    "publish": lambda guid: PublishError(
        "x", req_guid=guid, persisted="possibly", code=Code.CODE_INTERNAL_ERROR
    ),
    "lost": lambda guid: ConnectionLostError("x", req_guid=guid, persisted="possibly"),
    "timeout": lambda guid: AckTimeoutError("x", req_guid=guid, persisted="possibly"),
    "unavailable": lambda guid: UnavailableError("x", req_guid=guid, status=503),
    "refused": lambda guid: ConnectError("x", req_guid=guid),
    "forbidden": lambda guid: AuthError("x", req_guid=guid),
    "large": lambda guid: TooLargeError("x", req_guid=guid),
}


MOODS = ["well", "well", "mixed", "mixed", "mixed", "publish", "publish", "lost", "lost"]


class Moody(NullTransport):
    """Well at first; then in one mood after another; and well again."""

    def __init__(self, draw: random.Random, moods: int) -> None:
        super().__init__(in_flight=draw.choice([1, 2, 4, 16]))
        self._draw = draw
        self._moods = moods
        self._left = 1
        self._mood = "well"

    async def send(self, req_guid: str, body: bytes) -> Ack:
        """Return an ack, or raise what the mood is like."""
        draw = self._draw
        if self._left == 0 and self._moods:
            self._moods -= 1
            self._left = draw.randint(1, 8)
            self._mood = draw.choice([*MOODS, *FAILURES]) if self._moods else "well"
        self._left = max(self._left - 1, 0)
        mood = draw.choice(["well", *FAILURES]) if self._mood == "mixed" else self._mood
        for _ in range(draw.randint(0, 5)):
            await asyncio.sleep(0)
        if mood != "well":
            raise FAILURES[mood](req_guid)
        return await super().send(req_guid, body)


async def live(seed: int) -> None:
    draw = random.Random(seed)
    client = AsyncClient(
        Moody(draw, moods=draw.randint(1, 25)),
        serializer="json",
        retry_wait=0.001,
        retry_max_wait=0.003,
        batch_events=draw.choice([1, 2, 5]),
        telemetry=False,
    )
    await client.send([Event("a", {})])  # from now on a refusal of the client is an outage
    futures = []
    for number in range(draw.choice([3, 10, 30])):
        futures.append(await client.submit(Event(draw.choice("ab"), {"n": number})))
        if draw.random() < 0.3:
            await asyncio.sleep(0)
    try:
        await client.flush(20)
        assert all(future.done() for future in futures)
        # None but those that were refused for good: too large, when they stood alone.
        stats = client.stats()
        assert set(stats.failures) <= {"TooLargeError", "PublishError"}, stats
        assert (stats.pending, stats.accepted) == (0, 1 + len(futures))
    except Exception as error:
        raise AssertionError(f"with the seed {seed}") from error
    finally:
        await client.close(0)


@pytest.mark.parametrize("first", range(0, 1000, 100))
async def test_nothing_waits_for_ever(first: int) -> None:
    await asyncio.gather(*(live(seed) for seed in range(first, first + 100)))


async def test_dividing_for_the_size_costs_no_retry() -> None:
    """Each part has all of its budget before it, and all of its retries."""

    class Small(NullTransport):
        """Takes one event at a time, and that at the second try."""

        def __init__(self) -> None:
            super().__init__()
            self.seen: set[str] = set()

        async def send(self, req_guid: str, body: bytes) -> Ack:
            """Refuse it as too large, or for the first time; or return an ack."""
            if body.count(b"numbered") > 1:
                await asyncio.sleep(0.1)
                raise TooLargeError("x", req_guid=req_guid)
            if req_guid not in self.seen:
                self.seen.add(req_guid)
                raise UnavailableError("x", req_guid=req_guid)
            return await super().send(req_guid, body)

    async with AsyncClient(
        Small(), serializer="json", retry_wait=0.001, retry_count=1, retry_budget=0.09
    ) as client:
        futures = [client.submit_nowait(Event("numbered", {"n": n})) for n in range(8)]
        for future in futures:
            assert (await future).attempts == 2


async def test_an_outage_after_a_culprit_is_an_outage() -> None:
    """What was learned of one type is no reason to storm a server that answers nobody."""

    class Weary(NullTransport):
        """Lets nothing of type x through; and later nothing at all, for a while."""

        def __init__(self) -> None:
            super().__init__(in_flight=4, wire="json")
            self.is_out = False
            self.asked = 0

        async def send(self, req_guid: str, body: bytes) -> Ack:
            """Refuse it for now, or return an ack."""
            self.asked += 1
            await asyncio.sleep(0)
            if self.is_out or b'"x"' in body:
                raise UnavailableError("x", req_guid=req_guid, status=503)
            return await super().send(req_guid, body)

    transport = Weary()
    async with AsyncClient(
        transport, serializer="json", retry_wait=0.01, retry_max_wait=0.05
    ) as client:
        culprits = [client.submit_nowait(Event("x", {"n": n})) for n in range(5)]
        while client.stats().delivered < 50 or client.stats().retries < 10:
            await client.submit(Event("page", {}))
            await asyncio.sleep(0.001)
        transport.is_out, before = True, transport.asked
        futures = [client.submit_nowait(Event("page", {"n": n})) for n in range(500)]
        await asyncio.sleep(1.0)
        # One probe at a time, every 25 ms or so; a storm would be thousands.
        assert transport.asked - before < 200
        transport.is_out = False
        for future in futures:
            assert (await future.within(20)).ok
        assert not any(future.done() for future in culprits)
        await client.close(0)
