"""What is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """A snapshot; `accepted == delivered + failed + pending` in each. Events, unless said
    otherwise.

    `pending_bytes` are those of the pending events, `oldest` the age of the oldest in seconds;
    `in_flight`, `requests` (every attempt), `retries` and `connections` count themselves;
    `possible_duplicates` were acknowledged after an earlier attempt that may have been published
    too; `failures` counts failed events by the name of their error, `acks_dropped` what `acks()`
    had no room for.
    """

    accepted: int
    delivered: int
    failed: int
    pending: int
    pending_bytes: int
    oldest: float
    in_flight: int
    requests: int
    retries: int
    connections: int
    possible_duplicates: int
    acks_dropped: int
    failures: Mapping[str, int]


@dataclass(slots=True)
class Counters:
    """The counts that only grow."""

    requests: int = 0
    retries: int = 0
    possible_duplicates: int = 0
    acks_dropped: int = 0
    failures: Counter[str] = field(default_factory=Counter[str])
