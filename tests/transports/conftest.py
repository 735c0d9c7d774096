"""Transports by themselves, no client around them; and a look at what they leave behind."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from raccoon_runtime.collector import Collector
from raccoon_runtime.transports import Transport, make_transport

pytest.register_assert_rewrite("tests.transports.sending")

from tests.transports.peers import Peer  # noqa: E402  # after the line above
from tests.waiting import until  # noqa: E402  # likewise

SCHEMES = ("ws", "rest", "grpc")
# Short enough for a test, long enough for a busy machine.
PATIENT: dict[str, Any] = {"connect_timeout": 20.0, "ack_timeout": 20.0}

Make = Callable[..., Transport]
Advance = Callable[[float], None]


def _sockets() -> set[str]:
    """The sockets that this process has open, by their inodes."""
    found: set[str] = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:  # the descriptor of the listing itself
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def _timers(loop: asyncio.AbstractEventLoop) -> list[object]:
    """The timers that are still to fire; an event loop has no public list of them."""
    scheduled: list[asyncio.TimerHandle] = getattr(loop, "_scheduled", [])
    return [timer for timer in scheduled if not timer.cancelled()]


@pytest.fixture(scope="module", autouse=True)
def young_heap() -> Iterator[None]:
    """Let each test's collection look at what the tests made, and not at all the modules."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def tidy(request: pytest.FixtureRequest) -> None:
    """Look at what each asynchronous test leaves behind."""
    if inspect.iscoroutinefunction(request.function):
        request.getfixturevalue("nothing_left")


@pytest_asyncio.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Fail a test that leaves a task, a socket or a timer behind, or something unclosed."""
    loop = asyncio.get_running_loop()
    sockets = _sockets()
    yield
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
    await until(lambda: not _sockets() - sockets)
    assert not _timers(loop)
    gc.collect()  # a ResourceWarning, if there is one to come, comes now and is an error


@pytest.fixture(autouse=True)
def no_complaints(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test in which asyncio found something to complain about."""
    yield
    # `caplog.records` has those of this phase alone.
    records = [*caplog.get_records("call"), *caplog.records]
    assert not [record for record in records if record.name == "asyncio"]


@pytest_asyncio.fixture
async def advance(monkeypatch: pytest.MonkeyPatch) -> Advance:
    """Puts the event loop's clock forward, by seconds: a limit passes without anybody waiting."""
    loop, passed = asyncio.get_running_loop(), [0.0]
    time = loop.time
    monkeypatch.setattr(loop, "time", lambda: time() + sum(passed))
    return passed.append


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector(event_ack=1) as made:
        yield made


@pytest_asyncio.fixture
async def make() -> AsyncIterator[Make]:
    """Makes transports, and closes them at the end."""
    made: list[Transport] = []

    def of(url: str, **options: Any) -> Transport:
        made.append(make_transport(url, **{**PATIENT, **options}))
        return made[-1]

    yield of
    for transport in made:
        await transport.close()


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[Peer]:
    """A server to be told what to do with each connection."""
    async with Peer() as made:
        yield made


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> str:
    """Each transport in turn."""
    return str(request.param)


@pytest.fixture
def url(scheme: str, collector: Collector) -> str:
    """Where the collector serves this transport."""
    return url_of(collector, scheme)


def url_of(collector: Collector, scheme: str) -> str:
    """Where a collector serves a transport."""
    urls = {"ws": collector.ws_url, "rest": collector.http_url, "grpc": collector.grpc_url}
    return urls[scheme]
