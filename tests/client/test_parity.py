"""The two clients are one: the same calls, taking the same, promising the same."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
from raccoon_runtime import AckFuture, AckStream, AsyncClient, SyncAckFuture, SyncClient
from raccoon_runtime.delivery import SyncAckStream

PAIRS: list[tuple[type, type]] = [
    (AsyncClient, SyncClient),
    (AckFuture, SyncAckFuture),
    (AckStream, SyncAckStream),
]
# A future of asyncio's is awaited, with `within` for a limit; a thread's is asked for its result.
ONLY_ASYNC = {"within"}
PROTOCOL = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__anext__": "__next__"}
# What a thread does otherwise, in the words of the two.
OTHERWISE = {
    "send": [
        (
            "events.",
            "events; QueueFull when there was no room within 5 s (`room_timeout=`).",
        ),
    ],
    "submit": [
        ("waiting for room if need be,", "waiting up to 5 s for room,"),
        (
            "With a spool the event is on the disk then.",
            "QueueFull after that; `room_timeout=` says otherwise. With a spool the event is on "
            "the disk when this returns; SendTimeoutError when the disk does not take it in the "
            "same time.",
        ),
    ],
    "submit_nowait": [
        (
            "To be called from any thread; before an event loop has used the client the event "
            "waits for that.",
            "To be called from any thread.",
        )
    ],
}


def public(cls: type) -> dict[str, Callable[..., Any]]:
    return {
        name: value
        for name, value in inspect.getmembers(cls, callable)
        if not name.startswith("_") and name not in ONLY_ASYNC
    }


@pytest.mark.parametrize(("asynchronous", "synchronous"), PAIRS)
def test_the_same_names(asynchronous: type, synchronous: type) -> None:
    assert set(public(asynchronous)) == set(public(synchronous))
    for ours, theirs in PROTOCOL.items():
        assert hasattr(asynchronous, ours) == hasattr(synchronous, theirs)


@pytest.mark.parametrize("name", sorted(public(AsyncClient)))
def test_the_same_parameters(name: str) -> None:
    ours = inspect.signature(getattr(AsyncClient, name)).parameters
    theirs = inspect.signature(getattr(SyncClient, name)).parameters
    assert [(p.name, p.kind, _value(p.default)) for p in ours.values()] == [
        (p.name, p.kind, _value(p.default)) for p in theirs.values()
    ]


def _value(default: object) -> object:
    return "none" if default is inspect.Parameter.empty else default


@pytest.mark.parametrize("name", sorted(public(AsyncClient)))
def test_the_same_promises(name: str) -> None:
    """Word for word, but for what a thread does otherwise."""
    ours, theirs = (_promise(getattr(cls, name)) for cls in (AsyncClient, SyncClient))
    assert ours and theirs
    for ours_said, theirs_said in OTHERWISE.get(name, []):
        assert ours_said in ours and theirs_said in theirs
        ours, theirs = ours.replace(ours_said, "…"), theirs.replace(theirs_said, "…")
    assert ours == theirs


def _promise(method: Callable[..., Any]) -> str:
    return " ".join((inspect.getdoc(method) or "").split())


def test_generated_methods_are_the_very_same() -> None:
    from generated import AsyncEventClient, EventClient

    names = [name for name in dir(EventClient) if re.fullmatch(r"send_\w+_event", name)]
    assert len(names) >= 8
    for name in names:
        assert getattr(AsyncEventClient, name) is getattr(EventClient, name)
