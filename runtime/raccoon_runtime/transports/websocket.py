"""WebSocket: many requests in flight on one connection, which is opened again when it broke."""

from __future__ import annotations

import asyncio

import aiohttp
from typing_extensions import Unpack
from yarl import URL

from ..deadline import deadline
from ..envelope import Ack
from ..errors import AuthError, ConnectError, EndpointError, SendError
from ..headers import HeaderSource
from ..options import TransportKeywords, TransportOptions, build
from ..process import leave_alone
from ..wires import Wire
from .address import EVENTS_PATH, parse_address
from .base import judge
from .http_edge import HttpDialer, map_error, status_error
from .ws_connection import Connection

# Where an upgrade's answer means something else than a request's (http_edge.STATUSES).
UPGRADE_STATUSES: dict[int, type[SendError]] = {
    101: EndpointError,
    200: EndpointError,
    400: EndpointError,
    413: EndpointError,
}


class WebSocketTransport:
    """Sends to `ws://` or `wss://`; without a path in the URL, to Raccoon's own, `/api/v1/events`.

    Each connection has an identity of its own unless the caller's headers hold one, so the ghost of
    a broken one is in nobody's way.
    """

    def __init__(self, url: str, /, **options: Unpack[TransportKeywords]) -> None:
        self._options = build(TransportOptions, options)
        self._address = parse_address(url, {"ws": 80, "wss": 443}, default_path=EVENTS_PATH)
        self._url = URL(self._address.url, encoded=True)
        self._dialer = HttpDialer(self._address, self._options)
        self._source = HeaderSource(
            self._options.headers,
            self._options.identity_header,
            self._options.client_name,
            self._address.userinfo,
        )
        self._connection: Connection | None = None
        self._opening: asyncio.Task[Connection] | None = None
        self._readers: set[asyncio.Task[None]] = set()
        self._connections = 0

    @property
    def wire(self) -> Wire:
        """The form of requests."""
        return self._options.wire

    @property
    def address(self) -> str:
        """Where it sends to."""
        return str(self._address)

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
        """How many connections it has opened."""
        return self._connections

    async def send(self, req_guid: str, body: bytes) -> Ack:
        """Send it on the connection, after opening one if need be."""
        connection = self._connection
        if connection is None or connection.ended is not None:
            connection = await self._connected(req_guid)
        return judge(await connection.request(req_guid, body), req_guid)

    async def close(self) -> None:
        """Close the connection, with code 1000."""
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.wait([opening])
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        if self._readers:
            await asyncio.wait(self._readers)

    def after_fork(self) -> None:
        """Leave the inherited connection alone."""
        leave_alone(self._connection, self._opening, self._readers)
        self._readers = set()
        self._connection = self._opening = None

    async def _connected(self, req_guid: str) -> Connection:
        """Return the connection; all who need one wait for the same attempt."""
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(
                self._open(), name="raccoon-connect"
            )
            self._opening.add_done_callback(self._opened)
        opening = self._opening
        await asyncio.wait([opening])
        if opening.cancelled():
            raise ConnectError("closed meanwhile", req_guid=req_guid)
        error = opening.exception()
        if isinstance(error, SendError):
            raise error.about(req_guid, "no") from error.__cause__
        return opening.result()

    def _opened(self, opening: asyncio.Task[Connection]) -> None:
        if self._opening is opening:
            self._opening = None
        if not opening.cancelled() and opening.exception() is None:
            self._connection = opening.result()
            self._connections += 1
            self._options.logger.debug("connected to %s", self.address)

    async def _open(self) -> Connection:
        try:
            return await self._dial()
        except AuthError as error:
            if error.status != 401 or not self._source.varies:
                raise
        return await self._dial()

    async def _dial(self) -> Connection:
        headers = await self._source.get(self._source.new_identity())
        session = self._dialer.session(1, upgrade=True)
        try:
            async with deadline(self._options.connect_timeout):
                ws = await session.ws_connect(self._url, headers=headers, autoping=False)
        except BaseException as error:
            await session.close()
            if isinstance(error, aiohttp.WSServerHandshakeError):
                raise self._refused(error) from error
            if isinstance(error, (aiohttp.ClientError, OSError, asyncio.TimeoutError)):
                raise map_error(error, connecting=True) from error
            raise
        connection = Connection(ws, session, self._options, self.address)
        self._readers.add(connection.reader)
        connection.reader.add_done_callback(self._readers.discard)
        await connection.admitted()
        return connection

    def _refused(self, error: aiohttp.WSServerHandshakeError) -> SendError:
        status = error.status
        if status in UPGRADE_STATUSES:
            return UPGRADE_STATUSES[status](error.message, status=status)
        return status_error(status, error.headers or {}, self._address)
