"""The watch sees an event loop that is held, memory that grows, and how long recovery takes."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time

from tests.waiting import until

from .books import Snapshots
from .table import HOLD_MISS
from .test_books import stats
from .watch import Watch, waits_for_cpu


class Client:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.now = stats(1, 0)

    def stats(self):  # a snapshot
        return self.now


async def test_a_held_loop_is_seen_and_a_waiting_one_is_not() -> None:
    watch = Watch()
    watch.add(Client(), Snapshots(10, 100))
    with watch.watching():
        await asyncio.sleep(0.1)
        quiet = watch.hold
        time.sleep(0.2)  # noqa: ASYNC251  # that is the fault
        await asyncio.sleep(0.05)
    assert quiet < 0.1 < watch.hold


async def test_a_machine_with_other_things_to_do_holds_no_loop() -> None:
    """What a thread of the process waits for a core, with the interpreter's lock, is not held."""
    others = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass")
        for _ in range(4 * (os.cpu_count() or 1))
    ]
    ended = threading.Event()
    spinning = threading.Thread(target=lambda: [None for _ in iter(ended.is_set, True)])
    spinning.start()
    watch = Watch()
    watch.add(Client(), Snapshots(10, 100))
    spun, waits = str(spinning.native_id), waits_for_cpu()
    try:
        with watch.watching():
            await until(lambda: waits_for_cpu()[spun] - waits[spun] > 0.5)
    finally:
        ended.set()
        spinning.join()
        for other in others:
            other.kill()
            await other.wait()
    assert watch.hold < HOLD_MISS


async def test_memory_that_grows_is_seen() -> None:
    watch = Watch()
    with watch.watching():
        kept = bytearray(b"x") * 100_000_000
        await until(lambda: watch.growth > 25)
    assert len(kept) == 100_000_000


async def test_snapshots_are_looked_at_and_recovery_is_timed() -> None:
    watch, client, snapshots = Watch(), Client(), Snapshots(10, 100)
    watch.add(client, snapshots)
    with watch.watching():
        watch.healed()
        await asyncio.sleep(0.1)
        assert watch.recovery == 0.0
        client.now = stats(1, 1)
        await until(lambda: watch.recovery)
    assert watch.recovery >= 0.1
    assert snapshots.taken > 0
    client.now = stats(1, 1, pending=1)
    watch.look()
    assert len(snapshots.problems) == 1
