"""One request on its way in, whichever transport carried it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .request import Request


class Identity(NamedTuple):
    """What tells connections apart."""

    id: str
    group: str

    def __str__(self) -> str:
        return f"[{self.group}] {self.id}"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that was read; with an empty body and request, a connection that was opened."""

    transport: Literal["ws", "rest", "grpc"]
    wire: Literal["JSON", "PROTO"]
    origin: Identity
    body: bytes = b""
    request: Request = field(default_factory=Request)

    @property
    def identity(self) -> str:
        """The value of the identity header."""
        return self.origin.id
