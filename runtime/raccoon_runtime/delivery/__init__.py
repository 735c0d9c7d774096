"""Between a client and its transport: which events travel together, when, and how often."""

from .acks import AckStream, SyncAckStream
from .delivery import Delivery
from .future import AckFuture, SyncAckFuture
from .stats import Latency, Stats
from .undelivered import Undelivered

__all__ = [
    "AckFuture",
    "AckStream",
    "Delivery",
    "Latency",
    "Stats",
    "SyncAckFuture",
    "SyncAckStream",
    "Undelivered",
]
