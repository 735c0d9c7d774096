"""Programs that are run as users run them, and a collector that outlives them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from raccoon_runtime.collector import Collector

from generated import PageEvent

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 60.0
IMPORTED = "# --- imported ---\n"
PRELUDE = """\
import asyncio, gc, logging, os, signal, sys, threading, time
from generated import AsyncEventClient, EventClient, PageEvent

def page(name):
    return PageEvent(event_name=str(name))

QUICK = dict(retry_wait=0.01, retry_max_wait=0.05)
"""


@dataclass
class Finished:
    """What a program did."""

    returncode: int
    stdout: str
    stderr: str

    def lost(self) -> int:
        """How many events its log says were lost."""
        return sum(map(int, re.findall(r"(\d+) events? (?:was|were) (?:ack|not)", self.stderr)))


class Program:
    """A Python program that runs, or has ended."""

    def __init__(self, source: str, environment: dict[str, str], *arguments: str) -> None:
        # What a program has to do before it imports the runtime is above a mark.
        before, _, after = source.rpartition(IMPORTED)
        self._process = subprocess.Popen(
            [sys.executable, *arguments, "-c", before + PRELUDE + after],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,  # so that its children end with it when a test fails
        )

    def says(self, word: str) -> None:
        """Wait until it prints this."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if line != word:
            finished = self.finish()
            raise AssertionError(f"{line!r}, not {word!r}: {finished.stderr}")

    def tell(self, line: str = "") -> None:
        """Write it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def send_signal(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(number)

    def insist(self, number: int, patience: float = PATIENCE) -> Finished:
        """Send a signal again and again until it ends: two that come at once count as one."""
        end = time.monotonic() + patience
        while self._process.poll() is None and time.monotonic() < end:
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.2)
        return self.finish(0.1)

    def finish(self, patience: float = PATIENCE) -> Finished:
        """Wait for its end; one that does not come fails the test."""
        try:
            out, err = self._process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGABRT)
            out, err = self._process.communicate()
            raise AssertionError(f"it did not end: {out}{err}") from None
        # A busy machine's matter, which asyncio's debug mode tells.
        err = re.sub(r"^Executing <.* took [\d.]+ seconds\n", "", err, flags=re.MULTILINE)
        return Finished(self._process.returncode, out, err)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


Run = Callable[..., Program]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector.in_thread(event_ack=1) as made:
        yield made


@pytest.fixture
def environment(collector: Collector) -> dict[str, str]:
    """What a program finds: the collector's address, and the package generated from schemas/."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "RACCOON_URL": collector.ws_url,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",  # so that one that hangs says where
    }


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Run]:
    """Starts programs, and ends what a failing test leaves."""
    programs: list[Program] = []

    def run(source: str, *arguments: str, **more: str) -> Program:
        programs.append(Program(source, {**environment, **more}, *arguments))
        return programs[-1]

    yield run
    for program in programs:
        program.kill()


def stored(collector: Collector) -> Counter[str]:
    """How often each page event was published, by its name."""
    events = (PageEvent.parse(event.event_bytes) for event in collector.stored)
    return Counter(event.event_name for event in events)


def numbered(count: int, prefix: str = "") -> Counter[str]:
    """The names of so many events, each once."""
    return Counter(f"{prefix}{number}" for number in range(count))
