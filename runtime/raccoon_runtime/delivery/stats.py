"""What is counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Latency(NamedTuple):
    """From acceptance to ack, in seconds: quantiles, within 10 %, and the longest."""

    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """A snapshot; `accepted == delivered + failed + pending` in each.

    They count events, unless said otherwise. `pending_bytes` are those of the pending events,
    `oldest` the age of the oldest in seconds; `in_flight`, `requests` (every attempt), `retries`
    and `connections` count themselves; `possible_duplicates` were acknowledged after an earlier
    attempt that may have been published too; `failures` counts failed events by the name of their
    error; `acks_dropped` what `acks()` had no room for, `letters_dropped` what `on_failure` was too
    slow for; `spooled` of the pending events lie in the spool.
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
    letters_dropped: int = 0
    spooled: int = 0
    failures: Mapping[str, int]
    latency: Latency


_LEAST = 1e-5
_STEP = 1.2


class Histogram:
    """Counts durations in buckets that grow by a fifth, from ten microseconds on."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self._most = 0.0

    def add(self, seconds: float, count: int) -> None:
        """Count so many of one duration."""
        self._buckets[math.ceil(math.log(max(seconds / _LEAST, 1.0), _STEP))] += count
        self._most = max(self._most, seconds)

    def latency(self) -> Latency:
        """Return the quantiles."""
        total = sum(self._buckets.values())
        if not total:
            return Latency()
        p50, p90, p99 = (self._quantile(share * total) for share in (0.5, 0.9, 0.99))
        return Latency(p50, p90, p99, self._most)

    def _quantile(self, rank: float) -> float:
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                # The middle of the bucket.
                return min(float(_LEAST * _STEP ** (bucket - 0.5)), self._most)
        return self._most


@dataclass(slots=True)
class Counters:
    """The counts that only grow."""

    requests: int = 0
    retries: int = 0
    possible_duplicates: int = 0
    acks_dropped: int = 0
    letters_dropped: int = 0
    latency: Histogram = field(default_factory=Histogram)
