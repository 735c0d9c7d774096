"""WebSocket: many requests in flight on one connection, which is opened again when it broke."""

from __future__ import annotations

import asyncio

import aiohttp
from typing_extensions import Unpack
from yarl import URL

from ..deadline import deadline
from ..envelope import Ack
from ..errors import AuthError, ConnectError, EndpointError, SendError
from ..options import TransportKeywords, TransportOptions, build
from ..process import leave_alone
from .address import EVENTS_PATH, parse_address
from .base import NetworkTransport, judge
from .http_dialer import HttpDialer, drop
from .http_errors import map_error, status_error
from .opening import Opening
from .ws_connection import Connection
from .ws_socket import UpgradeError, upgrade

# Where an upgrade's answer means something else than a request's (http_errors.STATUSES).
UPGRADE_STATUSES: dict[int, type[SendError]] = {
    101: EndpointError,
    200: EndpointError,
    400: EndpointError,
    413: EndpointError,
}


class WebSocketTransport(NetworkTransport):
    """Sends to `ws://` or `wss://`; without a path in the URL, to Raccoon's own, `/api/v1/events`.

    Each connection has an identity of its own unless the caller's headers hold one, so the ghost of
    a broken one is in nobody's way.
    """

    usual_in_flight = 16

    def __init__(self, url: str, /, **options: Unpack[TransportKeywords]) -> None:
        told = build(TransportOptions, options)
        address = parse_address(url, {"ws": 80, "wss": 443}, default_path=EVENTS_PATH)
        super().__init__(address, told)
        # As proxies know it, too.
        self._url = URL(address.url.replace("ws", "http", 1), encoded=True)
        self._dialer = HttpDialer(address, told)
        self._opening = Opening(self._open, self._opened)
        self._connection: Connection | None = None
        self._session: aiohttp.ClientSession | None = None

    async def send(self, req_guid: str, body: bytes) -> Ack:
        """Send it on the connection, after opening one if need be."""
        connection = self._connection
        if connection is None or connection.ended is not None:
            connection = await self._opening.connection(req_guid)
        return judge(await connection.request(req_guid, body), req_guid)

    async def close(self) -> None:
        """Close the connection, with code 1000."""
        await self._opening.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def abandon(self) -> None:
        """Drop the connection."""
        self._opening.abandon()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drop()
        session, self._session = self._session, None
        if session is not None:
            drop(session)

    def after_fork(self) -> None:
        """Leave the inherited connection alone."""
        leave_alone(self._connection, self._session, self._opening)
        self._opening = Opening(self._open, self._opened)
        self._connection = self._session = None

    def _opened(self, connection: Connection) -> None:
        self._connection = connection
        self._connections += 1
        self._options.logger.debug("connected to %s", self.address)

    async def _open(self) -> Connection:
        try:
            return await self._connect()
        except AuthError as error:
            if not self._may_refresh(error):
                raise
        return await self._connect()

    async def _connect(self) -> Connection:
        headers = await self._source.get(self._source.new_identity())
        try:
            async with deadline(self._options.connect_timeout):
                connection = await self._upgrade(headers)
                await connection.admitted()
                return connection
        except asyncio.TimeoutError as error:
            told = f"no connection within {self._options.connect_timeout:g} s"
            raise ConnectError(told) from error

    async def _upgrade(self, headers: dict[str, str]) -> Connection:
        if self._session is None:
            self._session = self._dialer.session()
        try:
            socket = await upgrade(self._session, self._url, headers, self._dialer.proxy())
        except UpgradeError as error:
            raise self._refused(error) from None
        except SendError:
            raise
        except Exception as error:
            told = map_error(error, connecting=True)
            raise told from told.__cause__
        return Connection(socket, self._options)

    def _refused(self, error: UpgradeError) -> SendError:
        status = error.status
        if status in UPGRADE_STATUSES:
            return UPGRADE_STATUSES[status](str(error), status=status)
        return status_error(status, error.headers, self._address)
