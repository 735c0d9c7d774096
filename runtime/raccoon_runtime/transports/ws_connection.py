"""One WebSocket connection: its reader, its pings, and the requests that wait on it for their
answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket

import aiohttp

from ..deadline import deadline
from ..envelope import Ack, Code
from ..errors import (
    AckTimeoutError,
    ConnectError,
    ConnectionLostError,
    DecodeError,
    RejectedError,
    SendError,
)
from ..options import TransportOptions
from ..wires import JSON_WIRE, PROTO_WIRE, Wire
from .base import refusal
from .http_edge import map_error

# Codes that speak of the connection, whatever request they came after. The frame is PROTO even to a
# JSON client.
_REFUSALS = (Code.CODE_MAX_CONNECTION_LIMIT_REACHED, Code.CODE_MAX_USER_LIMIT_REACHED)
_FAREWELL = 2.0  # what the closing handshake gets, in seconds


class Connection:
    """Open until it ends, by whichever side; it is never used again then."""

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        session: aiohttp.ClientSession,
        options: TransportOptions,
        address: str,
    ) -> None:
        self._ws = socket
        self._session = session
        self._options = options
        self._address = address
        self._log: logging.Logger = options.logger
        self._loop = asyncio.get_running_loop()
        self._opcode = aiohttp.WSMsgType.TEXT if options.wire.text else aiohttp.WSMsgType.BINARY
        self._pending: dict[str, asyncio.Future[Ack]] = {}
        self._pong: asyncio.Future[None] | None = None
        self._unblamed = 0
        self._calm = asyncio.Event()
        self._calm.set()
        self._closing = False
        self.ended: SendError | None = None
        """Why it is over; None while it is open."""
        self.reader = self._loop.create_task(self._read(), name="raccoon-reader")
        self._pinger: asyncio.Task[None] | None = None

    async def admitted(self) -> None:
        """Return when the server has let the connection in: it answers a ping only then, and
        refuses after the 101.
        """
        try:
            await self._ping(self._options.connect_timeout)
        except BaseException:
            self._end(ConnectError("given up"))
            await asyncio.wait([self.reader])
            raise
        self._pinger = self._loop.create_task(self._keep_alive(), name="raccoon-pinger")

    async def request(self, req_guid: str, body: bytes) -> Ack:
        """Send a request and return its answer, whatever that says; SendError when none comes."""
        while not self._calm.is_set():
            await self._calm.wait()
        if req_guid in self._pending:
            self._end(ConnectionLostError("left, to send a request again"))
        if self.ended is not None:
            raise self.ended.about(req_guid, "no")
        answer: asyncio.Future[Ack] = self._loop.create_future()
        self._pending[req_guid] = answer
        timer = self._loop.call_later(self._options.ack_timeout, self._overdue, req_guid)
        try:
            await self._write(body, req_guid)
            return await answer
        finally:
            timer.cancel()
            # When the wait was given up, the guid stays unanswered here.
            if not answer.cancel() and not answer.cancelled():
                answer.exception()

    async def close(self) -> None:
        """Say goodbye, with code 1000, and end."""
        self._closing = True
        if self._pinger is not None:
            self._pinger.cancel()
        if self.ended is None:
            await self._hang_up()
            self._end(ConnectionLostError("closed by this side", persisted="possibly"))
        done, _ = await asyncio.wait([self.reader], timeout=_FAREWELL)
        if not done:
            self._cut()
            self.reader.cancel()
            await asyncio.wait([self.reader])

    async def _write(self, body: bytes, req_guid: str) -> None:
        try:
            async with deadline(self._options.write_timeout):
                await self._ws.send_frame(body, self._opcode)
        except asyncio.TimeoutError as error:
            self._end(ConnectionLostError("the server does not read"))
            raise ConnectionLostError(
                "the server does not read", req_guid=req_guid, persisted="possibly"
            ) from error
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            told = map_error(error)
            self._end(told)
            raise told.about(req_guid) from error

    async def _read(self) -> None:
        lost: SendError = ConnectionLostError("end of the stream", persisted="possibly")
        try:
            while self.ended is None:
                message = await self._ws.receive()
                if message.type is aiohttp.WSMsgType.BINARY:
                    self._take(PROTO_WIRE, message.data)
                elif message.type is aiohttp.WSMsgType.TEXT:
                    self._take(JSON_WIRE, message.data.encode())
                elif message.type is aiohttp.WSMsgType.PONG:
                    self._ponged()
                elif message.type is aiohttp.WSMsgType.PING:
                    await self._ws.pong(message.data)
                elif message.type is aiohttp.WSMsgType.CLOSE:
                    # Here, for `close_code` may say 1006 after a 1008.
                    lost = ConnectionLostError(
                        "closed by the server", status=message.data, persisted="possibly"
                    )
                    break
                elif message.type is aiohttp.WSMsgType.ERROR:
                    lost = map_error(message.data)
                    lost.__cause__ = message.data
                    break
                else:
                    break
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            lost = map_error(error)
            lost.__cause__ = error
        finally:
            self._end(lost)
            await self._hang_up()
            await self._session.close()

    def _take(self, wire: Wire, data: bytes) -> None:
        try:
            answer = wire.response(data)
        except DecodeError:
            self._log.warning("%s sent a frame that is no answer; passed over", self._address)
            return
        if answer.code in _REFUSALS:
            self._end(refusal(answer, answer.req_guid))
            return
        waiting = self._pending.pop(answer.req_guid, None)
        if waiting is not None:
            if not waiting.done():
                waiting.set_result(answer)
        elif not answer.req_guid and answer.code is Code.CODE_BAD_REQUEST:
            self._unblamed += 1
            self._calm.clear()
        self._blame(answer)

    def _blame(self, answer: Ack) -> None:
        """Find whose request it was that could not be read: the answer does not say.

        Nothing more is sent meanwhile. The others get their answers, so when as many wait as were
        refused, it was those.
        """
        if self._unblamed and len(self._pending) <= self._unblamed:
            for req_guid, waiting in self._pending.items():
                if not waiting.done():
                    told = answer.reason if not answer.req_guid else "cannot deserialize request"
                    waiting.set_exception(
                        RejectedError(told, req_guid=req_guid, code=Code.CODE_BAD_REQUEST)
                    )
            self._pending.clear()
            self._unblamed = 0
            self._calm.set()

    def _overdue(self, req_guid: str) -> None:
        waiting = self._pending.pop(req_guid, None)
        seconds = f"{self._options.ack_timeout:g} s"
        if waiting is not None and not waiting.done():
            waiting.set_exception(AckTimeoutError(seconds, req_guid=req_guid, persisted="possibly"))
        self._end(
            ConnectionLostError(
                f"another request had no answer for {seconds}", persisted="possibly"
            )
        )

    async def _keep_alive(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._options.ping_interval)
                await self._ping(self._options.pong_timeout)
        except SendError as error:
            self._end(error)

    async def _ping(self, patience: float) -> None:
        self._pong = self._loop.create_future()
        if self.ended is not None:
            raise self.ended.about("")
        try:
            async with deadline(patience):
                await self._ws.ping()
                await self._pong
        except asyncio.TimeoutError as error:
            raise ConnectionLostError(
                f"no pong within {patience:g} s", persisted="possibly"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise map_error(error) from error

    def _ponged(self) -> None:
        if self._pong is not None and not self._pong.done():
            self._pong.set_result(None)

    def _end(self, error: SendError) -> None:
        """Tell everyone who waits, and cut the line; what the peer still gets from it does not
        count.
        """
        if self.ended is not None:
            return
        self.ended = error
        for req_guid, waiting in self._pending.items():
            if not waiting.done():
                waiting.set_exception(error.about(req_guid))
        self._pending.clear()
        self._calm.set()
        if self._pong is not None and not self._pong.done():
            self._pong.set_exception(error)
            self._pong.exception()  # somebody may not be waiting
        if self._pinger is not None:
            self._pinger.cancel()
        if asyncio.current_task(self._loop) is not self.reader and not self._closing:
            self._cut()
            self.reader.cancel()

    def _cut(self) -> None:
        line = self._ws.get_extra_info("socket")
        if line is not None:
            with contextlib.suppress(OSError, AttributeError):
                line.shutdown(socket.SHUT_RDWR)

    async def _hang_up(self) -> None:
        with contextlib.suppress(asyncio.TimeoutError, aiohttp.ClientError, OSError):
            async with deadline(_FAREWELL):
                await self._ws.close(code=aiohttp.WSCloseCode.OK)
