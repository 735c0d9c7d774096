"""Several servers for one client: the first that answers, or all of them in turn."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from ..envelope import Ack
from ..errors import ConfigError, SendError
from ..options import LOGGER
from ..wires import Wire
from .base import Transport

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
"""How long a server that failed is passed over, in seconds; doubled each time in a row."""


class SeveralTransports:
    """Sends to the first of its transports that works; with `spread`, to all in turn.

    One that fails rests for a while, and the others do its work. A request that it may have taken
    is not sent elsewhere here: delivery does that, and flags it.
    """

    def __init__(
        self,
        transports: Sequence[Transport],
        *,
        spread: bool = False,
        logger: logging.Logger = LOGGER,
    ) -> None:
        if not transports:
            raise ConfigError("no address was given", argument="url")
        if len({transport.wire for transport in transports}) > 1:
            raise ConfigError("all addresses of a client need one wire", argument="wire")
        self._servers = [_Server(transport) for transport in transports]
        self._spread = spread
        self._turn = 0
        self._log = logger

    @property
    def wire(self) -> Wire:
        """The form of requests, the same for all."""
        return self._servers[0].transport.wire

    @property
    def address(self) -> str:
        """Where it sends to."""
        return ", ".join(server.transport.address for server in self._servers)

    @property
    def in_flight(self) -> int:
        """How many requests at once: with `spread` as many as all of them carry."""
        numbers = [server.transport.in_flight for server in self._servers]
        return sum(numbers) if self._spread else max(numbers)

    @property
    def batch_bytes(self) -> int:
        """How large a request should be at most, for the narrowest."""
        return min(server.transport.batch_bytes for server in self._servers)

    @property
    def connections(self) -> int:
        """How many connections were opened, in all."""
        return sum(server.transport.connections for server in self._servers)

    async def send(self, req_guid: str, body: bytes) -> Ack:
        """Send it to one of them; to another at once where it certainly did not arrive."""
        untried = self._in_order()
        while True:
            server = untried.pop(0)
            try:
                ack = await server.transport.send(req_guid, body)
            except SendError as error:
                if error.outage:
                    self._pass_over(server, error)
                if not (error.outage and error.persisted == "no" and untried):
                    raise
            else:
                if server.failed:
                    self._use_again(server)
                return ack

    async def close(self) -> None:
        """Close what is open."""
        closing = (server.transport.close() for server in self._servers)
        for failure in await asyncio.gather(*closing, return_exceptions=True):
            if failure is not None:
                raise failure

    def abandon(self) -> None:
        """Drop what is open."""
        for server in self._servers:
            server.transport.abandon()

    def after_fork(self) -> None:
        """Leave alone what was inherited."""
        for server in self._servers:
            server.transport.after_fork()

    def _pass_over(self, server: _Server, error: SendError) -> None:
        if not server.failed:
            told = "%s is passed over for now: %s"
            self._log.warning(told, server.transport.address, error.brief())
        server.pass_over()

    def _use_again(self, server: _Server) -> None:
        server.use_again()
        self._log.info("%s is used again", server.transport.address)

    def _in_order(self) -> list[_Server]:
        """Those that are due, the others behind them, the one that is due soonest first."""
        servers = self._servers
        if self._spread:
            self._turn += 1
            start = self._turn % len(servers)
            servers = servers[start:] + servers[:start]
        now = time.monotonic()
        return sorted(servers, key=lambda server: max(server.due - now, 0.0))


class _Server:
    """One of the addresses, and whether it is passed over."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.failed = False
        """Whether it failed when it was last asked."""
        self.due = 0.0
        """When it takes its turn again, by the monotonic clock."""
        self._pause = _FIRST_PAUSE

    def pass_over(self) -> None:
        self.failed = True
        now = time.monotonic()
        if now < self.due:  # what ends together is one failure
            return
        self.due = now + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def use_again(self) -> None:
        self.failed = False
        self.due = 0.0
        self._pause = _FIRST_PAUSE
