"""Whether what looks like an outage is the doing of one request: a gateway resets it, say.

A batch that fails, and again, and again, while others are delivered in between, is such a one. The
others are not to wait behind it.
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

    def delivered(self) -> None:
        """Note a success."""
        self._delivered += 1

    def is_own_doing(self, batch: Batch, error: SendError) -> bool:
        """Note a failure that an outage may have caused; whether the batch did."""
        others_succeed = batch.failures > 1 and self._delivered > batch.delivered
        batch.delivered = self._delivered
        batch.suspicions += others_succeed and may_be_own(error)
        return others_succeed and batch.suspicions >= STRIKES


def may_be_own(error: SendError) -> bool:
    """Whether the request may have caused it."""
    return not isinstance(error, _NOT_ITS_OWN)
