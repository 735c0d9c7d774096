"""An event that was not delivered, for whoever wants to keep it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import SendError

Read = Callable[[str, bytes], object]
"""(type, bytes) → the event."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An event's type and its bytes, and the error that its future has."""

    type: str
    data: bytes
    error: SendError
    _read: Read = field(repr=False, compare=False)

    @property
    def event(self) -> object:
        """What was sent: the generated message, or an untyped `Event`; DecodeError if it cannot be
        read.

        What `auto` filled in is in it, so sent again it is the same event.
        """
        return self._read(self.type, self.data)
