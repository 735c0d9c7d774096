"""What can go wrong with a server, for tests of clients.

    collector.faults.add(Unpublishable(type="page", times=2))   # code 3, twice
    collector.faults.add(HttpStatus(429, headers={"Retry-After": "1"}, times=1))
    collector.faults.add(Close(reset=True, published=True))     # published, the answer lost
    collector.faults.clear()

A fault applies to each request that it matches, `times` often or for ever; of several of a kind,
the one that was added first. They may be added and removed at any time, from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from grpclib import Status as GrpcCode

from ..envelope import Code
from .arrival import Arrival
from .request import Event


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is common to all: how often, and to which requests."""

    times: int | None = None
    transport: Literal["ws", "rest", "grpc"] | None = None
    type: str | None = None
    containing: bytes | None = None
    identity: str | None = None

    def matches(self, arrival: Arrival) -> bool:
        """Whether it applies to this request, or to one of its events where it asks for some."""
        if self.transport not in (None, arrival.transport):
            return False
        if self.identity not in (None, arrival.identity):
            return False
        if self.type is None and self.containing is None:
            return True
        return any(self.matches_event(event) for event in arrival.request.events)

    def matches_event(self, event: Event | None) -> bool:
        """Whether it applies to this event."""
        return (
            event is not None
            and self.type in (None, event.type)
            and (self.containing is None or self.containing in event.event_bytes)
        )


# --- before or after publishing, instead of an answer ---------------------------------


@dataclass(frozen=True, kw_only=True)
class Interruption(Fault):
    """Something instead of an answer; `published` says whether the events were before it."""

    published: bool = False


@dataclass(frozen=True, kw_only=True)
class NoAnswer(Interruption):
    """The request is read and never answered."""


@dataclass(frozen=True, kw_only=True)
class Close(Interruption):
    """The connection ends, by EOF or with `reset` by RST."""

    reset: bool = False


@dataclass(frozen=True, kw_only=True)
class GoAway(Interruption):
    """gRPC: GOAWAY comes while the call is in flight, which is finished all the same, as in Go."""

    published: bool = True


@dataclass(frozen=True)
class HttpStatus(Interruption):
    """REST, and a WebSocket's upgrade: this status, as a proxy would answer."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class GrpcStatus(Interruption):
    """gRPC: this status."""

    status: GrpcCode
    message: str = ""


INSTEAD: dict[str, tuple[type[Interruption], ...]] = {
    "ws": (NoAnswer, Close),
    "rest": (NoAnswer, Close, HttpStatus),
    "grpc": (NoAnswer, Close, GoAway, GrpcStatus),
}
"""What can come instead of an answer, on each transport."""


# --- at publishing --------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Unpublishable(Fault):
    """The broker refuses the events that match; the request's other events are published."""

    reason: str = "Local: Broker transport failure"


# --- at answering ---------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Answered(Fault):
    """The answer says something else than what happened; a `req_guid` of None keeps its own."""

    code: Code = Code.CODE_BAD_REQUEST
    reason: str = ""
    req_guid: str | None = None


@dataclass(frozen=True)
class Delay(Fault):
    """The answer comes that many seconds later."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Double(Fault):
    """WebSocket: the answer comes twice."""


@dataclass(frozen=True, kw_only=True)
class Foreign(Fault):
    """WebSocket: an answer to an unknown request comes before the right one."""

    req_guid: str = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, kw_only=True)
class LateError(Fault):
    """WebSocket: code 3 follows the answer to the same request, as can happen with `dedup`."""


@dataclass(frozen=True)
class Reorder(Fault):
    """WebSocket: answers are held until there are `hold` of them, and leave last first."""

    hold: int


# --- at connecting --------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Taken(Fault):
    """WebSocket: the identity counts as taken: code 5, close 1008."""


@dataclass(frozen=True, kw_only=True)
class Full(Fault):
    """WebSocket: there are too many connections: code 4, close 1008."""


@dataclass(frozen=True, kw_only=True)
class NoUpgrade(Fault):
    """WebSocket: the upgrade is never answered."""


@dataclass(frozen=True, kw_only=True)
class Mute(Fault):
    """WebSocket: the connection is accepted, then nothing on it is answered, pings included."""


F = TypeVar("F", bound=Fault)


class Faults:
    """The faults of a collector, in the order in which they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[tuple[Fault, list[int | None]]] = []

    def add(self, *faults: Fault) -> None:
        """Let these go wrong from now on."""
        with self._lock:
            self._left += [(fault, [fault.times]) for fault in faults]

    def remove(self, fault: Fault) -> None:
        """Take one back, if it still applies."""
        with self._lock:
            self._left = [entry for entry in self._left if entry[0] is not fault]

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._left = []

    def __len__(self) -> int:
        return len(self._left)

    def take(self, kind: type[F] | tuple[type[F], ...], arrival: Arrival) -> F | None:
        """Return the first fault of a kind, or of some, that applies, and count it."""
        if not self._left:
            return None
        with self._lock:
            for fault, left in self._left:
                if isinstance(fault, kind) and fault.matches(arrival):
                    self._count(left)
                    return fault
        return None

    def _count(self, left: list[int | None]) -> None:
        if left[0] is not None:
            left[0] -= 1
            self._left = [entry for entry in self._left if entry[1][0] != 0]
