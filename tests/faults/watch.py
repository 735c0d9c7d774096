"""Watches a run from beside it: snapshots, memory, how long the event loop was held, recovery."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from raccoon_runtime.delivery.stats import Stats

from .books import Snapshots

BEAT = 0.005
LOOK = 0.01
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Counted(Protocol):
    """A client, as far as it is watched."""

    def stats(self) -> Stats:
        """Return the counts as they are."""
        ...


class Watch:
    """Looks at clients from a thread, as any monitor would, and at the event loop from within."""

    def __init__(self, excused: Callable[[], bool] = lambda: False) -> None:
        """`excused` tells when it is the harness that holds the loop: while it starts a process,
        which Python does under its lock.
        """
        self._excused = excused
        self.hold = 0.0
        """The longest time in which the event loop turned to nothing else, in seconds."""
        self.recovery = 0.0
        """The longest time from `healed` to the next acknowledged event, in seconds."""
        self.growth = 0.0
        """By how much the memory in use grew at most, in MB."""
        self._clients: list[tuple[Counted, Snapshots]] = []
        self._healed: tuple[float, int] | None = None
        self._ended = threading.Event()
        gc.collect()
        self._memory = resident()

    def add(self, client: Counted, snapshots: Snapshots) -> None:
        """Take snapshots of this client, too."""
        self._clients.append((client, snapshots))

    def healed(self) -> None:
        """Note that the fault is over: recovery counts from here on."""
        self._healed = time.monotonic(), self._delivered()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block lasts, in a running event loop."""
        thread = threading.Thread(target=self._look, name="watch")
        beat = asyncio.get_running_loop().create_task(self._beat())
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            beat.cancel()

    async def _beat(self) -> None:
        while True:
            excused = self._excused()
            waits, began = waits_for_cpu(), time.monotonic()
            await asyncio.sleep(BEAT)
            late = time.monotonic() - began - BEAT
            if self._clients and not (excused or self._excused()):
                # Other processes had the cores meanwhile: that is not the client's doing.
                self.hold = max(self.hold, late - waited_for_cpu(waits))

    def _look(self) -> None:
        while not self._ended.wait(LOOK):
            self.look()

    def look(self) -> None:
        """Take one snapshot of everything."""
        for client, snapshots in list(self._clients):
            snapshots.look(client.stats())
        self.growth = max(self.growth, (resident() - self._memory) / 1e6)
        if self._healed is not None:
            since, delivered = self._healed
            if self._delivered() > delivered:
                self._healed = None
                self.recovery = max(self.recovery, time.monotonic() - since)

    def _delivered(self) -> int:
        return sum(client.stats().delivered for client, _ in list(self._clients))


def resident() -> int:
    """Return this process's memory in use, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def waits_for_cpu() -> dict[str, float]:
    """Return for how long each thread of this process was ready to run and had no core, in seconds.

    Of all of them: one that holds the interpreter's lock and has no core keeps the loop waiting.
    """
    waits = {}
    for path in Path("/proc/self/task").glob("*/schedstat"):
        # "on the CPU, ready and waiting, slices", in nanoseconds. A thread may end meanwhile, and
        # a kernel may not count it: then such waits are taken for the client's doing.
        with contextlib.suppress(OSError):
            waits[path.parent.name] = int(path.read_text().split()[1]) / 1e9
    return waits


def waited_for_cpu(since: dict[str, float]) -> float:
    """Return for how long threads of this process had no core since then, all of them together."""
    return sum(wait - since.get(thread, 0.0) for thread, wait in waits_for_cpu().items())
