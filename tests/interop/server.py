"""The server that the suite runs against."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field

from raccoon_runtime.collector import Collector

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Server:
    """Where it is, whether it answers after publishing, and the collector where it is one."""

    http_url: str
    ws_url: str
    grpc_url: str
    event_ack: int
    collector: Collector | None = field(default=None, repr=False)

    @classmethod
    def of(cls, collector: Collector) -> Server:
        """The dev collector."""
        return cls(
            collector.http_url,
            collector.ws_url,
            collector.grpc_url,
            collector.settings.event_ack,
            collector,
        )


def identity() -> dict[str, str]:
    """The identity header, with a value that no other connection has."""
    return {"X-User-ID": f"interop-{os.getpid()}-{next(_numbers)}"}
