"""`null://`: answers every request itself, for tests and for switching delivery off."""

from __future__ import annotations

import time

from typing_extensions import Unpack

from ..envelope import Ack, Code, Status
from ..options import TransportKeywords, TransportOptions, build
from ..wires import Wire
from .address import parse_null


class NullTransport:
    """Says yes to everything and sends nothing."""

    def __init__(self, url: str = "null://", /, **options: Unpack[TransportKeywords]) -> None:
        parse_null(url)
        self._options = build(TransportOptions, options)

    @property
    def wire(self) -> Wire:
        """The form of requests."""
        return self._options.wire

    @property
    def address(self) -> str:
        """Where it sends to: nowhere."""
        return "null://"

    @property
    def in_flight(self) -> int:
        """How many requests at once."""
        return 16 if self._options.in_flight is None else self._options.in_flight

    @property
    def batch_bytes(self) -> int:
        """How large a request should be at most."""
        return 512 << 10

    @property
    def connections(self) -> int:
        """None is ever opened."""
        return 0

    async def send(self, req_guid: str, body: bytes) -> Ack:
        """Return an ack."""
        data = {"req_guid": req_guid}
        return Ack(req_guid, Status.STATUS_SUCCESS, Code.CODE_OK, int(time.time()), data=data)

    async def close(self) -> None:
        """Nothing is open."""

    def abandon(self) -> None:
        """Nothing is open."""

    def after_fork(self) -> None:
        """Nothing was inherited."""
