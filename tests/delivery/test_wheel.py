"""Time limits: noticed within a tick, never early, and free when they are not reached."""

from __future__ import annotations

import asyncio

from raccoon_runtime.delivery.wheel import Wheel

from tests.waiting import until


async def test_it_resolves_with_false_and_never_early() -> None:
    loop, wheel = asyncio.get_running_loop(), Wheel()
    waits = {seconds: loop.create_future() for seconds in (0.0, 0.05, 0.25)}
    began = loop.time()
    for seconds, waiter in waits.items():
        wheel.put(waiter, seconds, loop)
    for seconds, waiter in waits.items():
        assert await waiter is False
        assert loop.time() - began >= seconds


async def test_what_was_taken_out_stays_pending_and_the_wheel_rests() -> None:
    loop, wheel = asyncio.get_running_loop(), Wheel()
    waiter: asyncio.Future[bool] = loop.create_future()
    wheel.put(waiter, 5.0, loop).discard(waiter)
    await until(lambda: not wheel._turning)
    assert not waiter.done()
    assert not wheel._ticks


async def test_it_turns_again_after_a_rest() -> None:
    loop, wheel = asyncio.get_running_loop(), Wheel()
    for _ in range(2):
        waiter: asyncio.Future[bool] = loop.create_future()
        wheel.put(waiter, 0.0, loop)
        assert await waiter is False
        await until(lambda: not wheel._turning)
