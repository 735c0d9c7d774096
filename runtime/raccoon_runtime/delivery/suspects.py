"""Whether what looks like an outage is the doing of one request: a gateway resets it, say.

A batch that fails, and again, and again, while others are delivered in between, is such a one. The
others are not to wait behind it; and when its events are all of one type, others of that type are
expected to fare like it until one is delivered.
"""

from __future__ import annotations

from ..errors import (
    ConnectError,
    ConnectionLimitError,
    HeadersError,
    IdentityTakenError,
    SendError,
)
from .batch import Batch

STRIKES = 2
"""How often it may fail so before it is taken for the culprit: connections end for others too."""
_NOT_ITS_OWN = ConnectError, ConnectionLimitError, HeadersError, IdentityTakenError
"""What befalls a request before the server has seen anything of it."""


class Suspects:
    """Judges batches by what was delivered between their failures."""

    def __init__(self) -> None:
        self._delivered = 0
        self._types: set[str] = set()
        """The types of culprits, of which nothing has been delivered since."""
        self._seen = 0
        """How many had been delivered when one of such a type failed last."""

    def delivered(self, batch: Batch) -> None:
        """Note a success."""
        self._delivered += 1
        if self._types:
            self._types.difference_update(batch.types())

    def is_own_doing(self, batch: Batch, error: SendError) -> bool:
        """Note a failure that an outage may have caused; whether the batch did."""
        if not may_be_own(error):
            return False
        others_succeed = batch.failures > 1 and self._delivered > batch.delivered
        batch.delivered = self._delivered
        batch.suspicions += others_succeed
        if others_succeed and batch.suspicions >= STRIKES:
            types = set(batch.types())
            self._types |= types if len(types) == 1 else set()
            return True
        if not self.apart(batch)[1]:
            return False
        # In an outage nothing is delivered, whatever was learned before it.
        others_succeed, self._seen = self._delivered > self._seen, self._delivered
        return others_succeed

    def apart(self, batch: Batch) -> tuple[list[int], list[int]]:
        """Return the indices of its events of types that are in order, and of the others."""
        if not self._types:
            return list(range(batch.count)), []
        parts: tuple[list[int], list[int]] = [], []
        for index, type in enumerate(batch.types()):
            parts[type in self._types].append(index)
        return parts


def may_be_own(error: SendError) -> bool:
    """Whether the request may have caused it."""
    return not isinstance(error, _NOT_ITS_OWN)
