"""The dev collector: a Raccoon in memory, for development and tests.

On the command line it is `raccoon-collector`.
"""

from .collector import Collector
from .faults import (
    Answered,
    Close,
    Delay,
    Double,
    Fault,
    Faults,
    Foreign,
    Full,
    GoAway,
    GrpcStatus,
    HttpStatus,
    LateError,
    Mute,
    NoAnswer,
    NoUpgrade,
    Reorder,
    Taken,
    Unpublishable,
)
from .ledger import Received, Stored
from .settings import Settings

__all__ = [
    "Answered",
    "Close",
    "Collector",
    "Delay",
    "Double",
    "Fault",
    "Faults",
    "Foreign",
    "Full",
    "GoAway",
    "GrpcStatus",
    "HttpStatus",
    "LateError",
    "Mute",
    "NoAnswer",
    "NoUpgrade",
    "Received",
    "Reorder",
    "Settings",
    "Stored",
    "Taken",
    "Unpublishable",
]
