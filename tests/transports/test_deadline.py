"""A time limit of ours against asyncio's own."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import Any

import pytest
from raccoon_runtime.deadline import deadline


async def test_what_is_quick_enough_passes() -> None:
    async with deadline(20):
        await asyncio.sleep(0)


async def test_what_takes_longer_is_a_timeout() -> None:
    with pytest.raises(asyncio.TimeoutError):
        async with deadline(0.01):
            await asyncio.sleep(3600)
    await asyncio.sleep(0)  # and no cancellation is left


async def test_an_error_stays_itself() -> None:
    with pytest.raises(KeyError):
        async with deadline(20):
            raise KeyError


async def test_a_cancellation_from_outside_stays_one() -> None:
    async def wait() -> None:
        async with deadline(20):
            await asyncio.sleep(3600)

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_the_outer_of_two_limits() -> None:
    with pytest.raises(asyncio.TimeoutError):
        async with deadline(0.02), deadline(3600):
            await asyncio.sleep(3600)


async def test_the_inner_of_two_limits() -> None:
    async with deadline(3600):
        with pytest.raises(asyncio.TimeoutError):
            async with deadline(0.01):
                await asyncio.sleep(3600)
        await asyncio.sleep(0)


async def test_two_limits_at_once() -> None:
    with pytest.raises(asyncio.TimeoutError):
        async with deadline(0.01), deadline(0.01):
            await asyncio.sleep(3600)
    await asyncio.sleep(0)


async def test_a_block_that_swallows_its_cancellation() -> None:
    async with deadline(0.01):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
    await asyncio.sleep(0)


@pytest.mark.parametrize("first", ["the limit", "the cancellation"])
@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python counts cancellations from 3.11 on")
async def test_a_cancellation_and_the_limit_at_once(first: str) -> None:
    async def wait() -> None:
        async with deadline(0.02):
            await asyncio.sleep(3600)

    task: asyncio.Task[Any] = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    due = 0.02 if first == "the limit" else 0.0
    asyncio.get_running_loop().call_later(due, task.cancel)
    time.sleep(0.05)  # noqa: ASYNC251  # both are due in the next turn
    await asyncio.wait([task])
    assert task.cancelled()
