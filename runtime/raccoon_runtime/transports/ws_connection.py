"""One WebSocket connection, and the requests that wait on it for their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

import aiohttp

from ..envelope import Ack, Code
from ..errors import (
    AckTimeoutError,
    AnswerError,
    ConnectError,
    ConnectionLostError,
    DecodeError,
    RejectedError,
    SendError,
    TooLargeError,
)
from ..options import TransportOptions
from ..wires import JSON_WIRE, PROTO_WIRE, Wire
from .base import refusal
from .http_errors import map_error
from .ws_clock import Clock
from .ws_frames import BINARY, CLOSE, NO_STATUS, NORMAL, PING, PONG, TEXT, TOO_BIG
from .ws_refusals import Refusals
from .ws_socket import Socket

# Codes that speak of the connection. The frame is PROTO even to a JSON client.
_NOT_ADMITTED = (Code.CODE_MAX_CONNECTION_LIMIT_REACHED, Code.CODE_MAX_USER_LIMIT_REACHED)
_FAREWELL = 2.0  # what the closing handshake gets, in seconds
_GRACE = 0.5  # how long one that is blamed may be answered still, in seconds


class Connection:
    """Open until it ends, by whichever side; it is never used again then."""

    def __init__(self, socket: Socket, options: TransportOptions) -> None:
        self._socket = socket
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._kind = TEXT if options.wire.text else BINARY
        # In the order in which they went out, each with the time of that. One whose sender gave up
        # stays: the server may still answer it, and must not get it again meanwhile.
        self._waiting: dict[str, tuple[asyncio.Future[Ack], int]] = {}
        self._refusals = Refusals()
        self._unnamed = 0
        """How many refusals came that name no request."""
        self._blamed: dict[str, tuple[str, asyncio.TimerHandle]] = {}
        """The requests that they are taken to be to, and what they said."""
        self._admitted: asyncio.Future[None] = self._loop.create_future()
        self.ended: SendError | None = None
        """Why it is over; None while it is open."""
        self._clock = Clock(socket, options, self._overdue, self._lose)
        socket.listen(self._heard, self._lose)

    async def admitted(self) -> None:
        """Return when the server has let the connection in: it answers a ping only then, and
        refuses after the 101.
        """
        try:
            if self.ended is None and not self._socket.is_closing():
                self._socket.put(PING, b"")
            await self._admitted
        except BaseException:
            self._lose(ConnectionLostError("given up"))
            raise

    def request(self, req_guid: str, body: bytes) -> Awaitable[Ack]:
        """Send a request now; what is returned gives its answer, whatever that says. SendError, at
        once or then, when none comes.

        One that is unanswered here is not sent again: its answer is waited for.
        """
        if self.ended is not None:
            raise self.ended.about(req_guid, "no")
        earlier = self._waiting.get(req_guid)
        if earlier is not None:
            return self._share(req_guid, body, *earlier)
        answer: asyncio.Future[Ack] = self._loop.create_future()
        self._waiting[req_guid] = answer, self._clock.now
        try:
            self._socket.put(self._kind, body)
        except aiohttp.ClientError as error:
            del self._waiting[req_guid]
            told = map_error(error)
            self._lose(told)
            raise told.about(req_guid, "no") from error
        return answer

    async def close(self) -> None:
        """Say goodbye, with code 1000, and end."""
        self._socket.part(NORMAL)
        self._end(ConnectionLostError("closed by this side"))
        try:
            await asyncio.wait([self._socket.gone], timeout=_FAREWELL)
        finally:
            self._socket.abort()
        await self._socket.gone

    def drop(self) -> None:
        """End at once."""
        self._lose(ConnectionLostError("closed by this side"))

    async def _share(
        self, req_guid: str, body: bytes, first: asyncio.Future[Ack], since: int
    ) -> Ack:
        if first.done():  # its sender gave up
            answer: asyncio.Future[Ack] = self._loop.create_future()
            self._waiting[req_guid] = answer, since
            return await answer
        await asyncio.wait([first])
        # Its answer may have come since; then this goes out.
        return await self.request(req_guid, body) if first.cancelled() else first.result()

    # --- what comes in --------------------------------------------------------------------

    def _heard(self, kind: int, payload: bytes) -> None:
        if self.ended is not None:
            if kind == CLOSE:
                self._socket.abort()
            return
        self._clock.heard = True
        if kind == BINARY:
            self._take(PROTO_WIRE, payload)
        elif kind == TEXT:
            self._take(JSON_WIRE, payload)
        elif kind == PING:
            self._socket.pong(payload)
        elif kind == PONG:
            if not self._admitted.done():
                self._admitted.set_result(None)
        else:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else NO_STATUS
            self._socket.part(code)
            if code == TOO_BIG:
                self._blame_size()
            self._lose(ConnectionLostError("closed by the server", status=code))

    def _blame_size(self) -> None:
        """A frame was too large for the server; of several nobody knows which."""
        if len(self._waiting) == 1:
            req_guid, (answer, _) = self._waiting.popitem()
            _fail(answer, TooLargeError("a frame", req_guid=req_guid, status=TOO_BIG))

    def _take(self, wire: Wire, payload: bytes) -> None:
        try:
            answer = wire.response(payload)
        except DecodeError as error:
            lost = AnswerError("a frame that is no answer")
            lost.__cause__ = error
            self._lose(lost)
            return
        req_guid = answer.req_guid
        waiting = self._waiting.pop(req_guid, None)
        if waiting is not None:
            if not waiting[0].done():
                waiting[0].set_result(answer)
            if self._refusals.suspects:
                self._blame(self._refusals.answered(req_guid))
        elif answer.code in _NOT_ADMITTED:
            self._lose(refusal(answer, req_guid))
        elif answer.code is Code.CODE_BAD_REQUEST and not req_guid:
            self._unnamed += 1
            self._blame(self._refusals.add(self._waiting.keys() - self._blamed), answer.reason)
        # Else it is late, doubled, or to nobody: whoever waited for it has been told.

    def _blame(self, req_guids: Iterable[str], reason: str = "cannot deserialize request") -> None:
        """Fail these, unless an answer of their own comes yet: a refusal may have come twice."""
        for req_guid in req_guids:
            timer = self._loop.call_later(_GRACE, self._reject, req_guid)
            self._blamed[req_guid] = reason, timer

    def _reject(self, req_guid: str) -> None:
        reason, timer = self._blamed.pop(req_guid)
        timer.cancel()
        waiting = self._waiting.pop(req_guid, None)
        if waiting is not None:
            # The first of such refusals is nobody's twice.
            told = RejectedError(
                reason,
                req_guid=req_guid,
                code=Code.CODE_BAD_REQUEST,
                persisted="no" if self._unnamed == 1 else "possibly",
            )
            _fail(waiting[0], told)

    # --- its end --------------------------------------------------------------------------

    def _overdue(self) -> SendError | None:
        for req_guid, (answer, since) in self._waiting.items():
            if not self._clock.passed(since, self._options.ack_timeout):
                break
            seconds = f"{self._options.ack_timeout:g} s"
            _fail(answer, AckTimeoutError(seconds, req_guid=req_guid, persisted="possibly"))
            return ConnectionLostError(f"another request had no answer for {seconds}")
        return None

    def _lose(self, error: SendError) -> None:
        """Tell everyone who waits, and cut the line."""
        self._end(error)
        self._socket.abort()

    def _end(self, error: SendError) -> None:
        if self.ended is not None:
            return
        self.ended = error
        self._clock.stop()
        for req_guid in list(self._blamed):
            self._reject(req_guid)
        waiting, self._waiting = self._waiting, {}
        for req_guid, (answer, _) in waiting.items():
            _fail(answer, error.about(req_guid, "possibly"))
        if isinstance(error, ConnectionLostError):
            error = ConnectError(error.reason, status=error.status)
        _fail(self._admitted, error.about("", "no"))


def _fail(waiting: asyncio.Future[Any], error: SendError) -> None:
    if not waiting.done():
        waiting.set_exception(error)
        waiting.exception()  # asked for, as whoever waited may have given up at this very moment
