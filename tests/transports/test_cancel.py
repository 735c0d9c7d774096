"""A cancellation at each step that a call makes, and what is left of it: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from raccoon_runtime.collector import Collector, NoAnswer
from raccoon_runtime.errors import SendError
from raccoon_runtime.transports import Transport

from tests.transports.conftest import Make
from tests.transports.sending import body, deliver, new_guid
from tests.waiting import until

# Each of the first steps, and then ever more of them: those in which the system is waited for.
STEPS = [*range(40), *(40 + n * n for n in range(1, 200))]


async def cancelled_after(steps: int, call: Callable[[], Awaitable[object]]) -> bool:
    """Cancel a call after so many turns of the event loop; whether it was over before."""
    task = asyncio.ensure_future(call())
    for _ in range(steps):
        if task.done():
            break
        await asyncio.sleep(0)
    over = task.done()
    task.cancel()
    await asyncio.wait([task])
    assert over or task.cancelled(), task
    return over


async def sweep(
    prepare: Callable[[], Awaitable[Transport]],
    call: Callable[[Transport], Awaitable[object]],
    after: Callable[[Transport], Awaitable[object]],
) -> int:
    """Cancel a call at each of its steps, on a transport that was prepared anew; return how many
    steps it has.
    """
    for steps in STEPS:
        transport = await prepare()
        over = await cancelled_after(steps, partial(call, transport))
        await after(transport)
        await transport.close()
        if over:
            return steps
    raise AssertionError("it never ends")


async def send(transport: Transport) -> None:
    guid = new_guid()
    await transport.send(guid, body(transport.wire, guid))


async def nothing(transport: Transport) -> None:
    pass


@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.parametrize("then", ["close", "send"])
async def test_send(make: Make, url: str, connected: bool, then: str) -> None:
    async def prepare() -> Transport:
        transport = make(url)
        if connected:
            await send(transport)
        return transport

    steps = await sweep(prepare, send, deliver if then == "send" else nothing)
    assert steps > (3 if connected else 6)


async def test_send_with_a_function_for_headers(make: Make, url: str) -> None:
    async def headers() -> dict[str, str]:
        for _ in range(3):
            await asyncio.sleep(0)
        return {}

    async def prepare() -> Transport:
        return make(url, headers=headers)

    await sweep(prepare, send, nothing)


async def test_one_of_several(make: Make, url: str) -> None:
    """The others are not disturbed, wherever the one is."""

    async def one_and_two_more(transport: Transport, steps: int) -> bool:
        others = [asyncio.ensure_future(deliver(transport)) for _ in range(2)]
        over = await cancelled_after(steps, partial(send, transport))
        await asyncio.gather(*others)
        return over

    for steps in STEPS:
        transport = make(url)
        over = await one_and_two_more(transport, steps)
        await transport.close()
        if over:
            return


async def test_close(make: Make, url: str, collector: Collector) -> None:
    """A close that is cancelled can be repeated, and what waits hears of it."""

    async def prepare() -> Transport:
        transport = make(url)
        await send(transport)
        collector.faults.clear()
        collector.faults.add(NoAnswer())
        return transport

    for steps in STEPS:
        transport = await prepare()
        waiting = asyncio.ensure_future(send(transport))
        for _ in range(3):
            await asyncio.sleep(0)
        over = await cancelled_after(steps, transport.close)
        await transport.close()
        (result,) = await asyncio.gather(waiting, return_exceptions=True)
        assert isinstance(result, SendError)
        collector.faults.clear()
        if over:
            return


async def test_close_at_each_step_of_a_send(make: Make, url: str) -> None:
    for steps in STEPS:
        transport = make(url)
        sending = asyncio.ensure_future(send(transport))
        for _ in range(steps):
            await asyncio.sleep(0)
        over = sending.done()
        await transport.close()
        (result,) = await asyncio.gather(sending, return_exceptions=True)
        assert result is None or isinstance(result, SendError)
        if over:
            return


async def test_a_cancellation_and_a_lost_connection_at_once(
    make: Make, url: str, collector: Collector
) -> None:
    """The caller's cancellation counts, whichever comes first."""
    for order in (0, 1):
        transport = make(url)
        await deliver(transport)
        collector.faults.clear()
        collector.faults.add(NoAnswer(times=1))
        before = len(collector.received)
        sending = asyncio.ensure_future(send(transport))
        await until(lambda before=before: len(collector.received) > before)
        if order:
            collector.sever(reset=True)
            for _ in range(2):
                await asyncio.sleep(0)
        sending.cancel()
        if not order:
            collector.sever(reset=True)
        await asyncio.wait([sending])
        assert sending.cancelled()
        await transport.close()
