"""Between a client and its transport: which events travel together, when, and how often."""

from .acks import AckStream, SyncAckStream
from .delivery import Delivery, Undelivered
from .future import AckFuture, SyncAckFuture
from .stats import Stats

__all__ = [
    "AckFuture",
    "AckStream",
    "Delivery",
    "Stats",
    "SyncAckFuture",
    "SyncAckStream",
    "Undelivered",
]
