"""The WebSocket side: one session for each connection that was upgraded."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, TypeAlias

from aiohttp import WSMsgType, web

from ..envelope import Code
from . import go_json, go_proto
from .arrival import Arrival, Identity
from .connections import Refusal, Table
from .faults import Close, Mute
from .intake import Intake, NullEvent, Verdict
from .request import JSON, PROTO, Answer, Request, RequestError, Wire
from .settings import Settings
from .sockets import reset

PING = b"--ping--"
# Go leaves the UTF-8 of text to the JSON decoder; older versions of aiohttp close with 1007.
_AS_BYTES = "decode_text" in inspect.signature(web.WebSocketResponse.__init__).parameters
_LONGEST_REASON = 123

# The answers to one request, each with its wire.
_Answers: TypeAlias = "list[tuple[Wire, Answer]]"


def upgrade() -> web.WebSocketResponse:
    """Return the response that a connection is upgraded with."""
    options: dict[str, Any] = {"decode_text": False} if _AS_BYTES else {}
    return web.WebSocketResponse(
        autoclose=False,
        autoping=False,
        compress=False,
        max_msg_size=0,
        timeout=0,
        **options,
    )


class Session:
    """One connection, from its upgrade to its end."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport,
        identity: Identity,
        settings: Settings,
        table: Table,
        intake: Intake,
    ) -> None:
        self._ws = ws
        self._transport = transport
        self._identity = identity
        self._settings = settings
        self._table = table
        self._intake = intake
        self._loop = asyncio.get_running_loop()
        self._answers: list[_Answers] = []
        self._held: list[_Answers] = []
        self._wake = asyncio.Event()
        self._deadline = self._loop.time() + settings.pong_timeout
        self._watch = self._loop.call_at(self._deadline, self._expire)

    async def run(self) -> None:
        """Serve until the connection ends."""
        opened = Arrival("ws", PROTO, self._identity)
        try:
            self._table.admit(self._identity, opened)
        except Refusal as refusal:
            self._watch.cancel()
            await self._refuse(refusal)
            return
        writer = self._loop.create_task(self._write(), name="collector-acks")
        try:
            if self._intake.faults.take(Mute, opened) is not None:
                await asyncio.Event().wait()
            await self._read()
        except ConnectionError:
            pass
        finally:
            self._watch.cancel()
            writer.cancel()
            self._transport.close()
            self._table.remove(self._identity)

    async def ping(self) -> None:
        """Send the ping whose pong keeps the connection."""
        if not self._ws.closed:
            await self._ws.ping(PING)

    def end(self, hard: bool = False) -> None:
        """End the connection without a handshake, as a server does that is told to stop."""
        reset(self._transport) if hard else self._transport.close()

    async def _refuse(self, refusal: Refusal) -> None:
        await self._ws.send_bytes(refusal.answer.encode(PROTO))
        reason = refusal.reason.encode(errors="surrogateescape")
        # Go writes no close frame whose reason does not fit.
        if len(reason) <= _LONGEST_REASON:
            await self._ws.close(code=1008, message=reason)
        self._transport.close()

    def _expire(self) -> None:
        if self._loop.time() >= self._deadline:
            self._transport.close()
        else:
            self._watch = self._loop.call_at(self._deadline, self._expire)

    async def _read(self) -> None:
        while True:
            message = await self._ws.receive()
            if message.type is WSMsgType.BINARY:
                alive = await self._request(message.data, PROTO)
            elif message.type is WSMsgType.TEXT:
                text: str | bytes = message.data
                data = text.encode() if isinstance(text, str) else text
                alive = await self._request(data, JSON)
            elif message.type is WSMsgType.PING:
                await self._ws.pong(message.data)
                continue
            elif message.type is WSMsgType.PONG:
                self._deadline = self._loop.time() + self._settings.pong_timeout
                continue
            else:
                if message.type is WSMsgType.CLOSE:
                    await self._ws.close(code=message.data or 1000)
                return
            if not alive:
                return

    async def _request(self, body: bytes, wire: Wire) -> bool:
        """Handle one frame; say whether the connection goes on."""
        request = Request()
        arrival = Arrival("ws", wire, self._identity, body, request)
        parse = go_json.parse_request if wire == JSON else go_proto.parse_request
        try:
            parse(body, request)
        except RequestError as error:
            self._intake.refused(arrival)
            reason = f"cannot deserialize request: {error}"
            told = Answer(Code.CODE_BAD_REQUEST, reason, request.req_guid)
            await self._send([(wire, told)])
            return True
        guid = request.req_guid
        if self._settings.dedup and self._table.seen(self._identity, guid):
            await self._send([(wire, Answer(req_guid=guid))])
            return True
        try:
            verdict = self._intake.take(arrival)
        except NullEvent:
            return False
        if any(answer.code is not Code.CODE_OK for answer in verdict.answers):
            self._table.forget(self._identity, guid)
        return await self._carry_out(verdict, wire)

    async def _carry_out(self, verdict: Verdict, wire: Wire) -> bool:
        if verdict.instead is not None and not verdict.answers:
            if isinstance(verdict.instead, Close):
                self.end(hard=verdict.instead.reset)
                return False
            return True
        answers: _Answers = [(wire, answer) for answer in verdict.answers]
        if verdict.delay:
            self._loop.call_later(verdict.delay, self._queue, answers)
        elif verdict.hold:
            self._held.append(answers)
            if len(self._held) >= verdict.hold:
                held, self._held = self._held, []
                self._queue(*held)
        elif self._settings.event_ack == 0:
            await self._send(answers)
        else:
            self._queue(answers)
        return True

    def _queue(self, *answers: _Answers) -> None:
        self._answers += answers
        self._wake.set()

    async def _write(self) -> None:
        """Answer what arrived together last first.

        A Raccoon's workers publish side by side, so the order of its acks is nobody's promise.
        """
        while True:
            await self._wake.wait()
            self._wake.clear()
            answers, self._answers = self._answers[::-1], []
            try:
                for together in answers:
                    await self._send(together)
            except ConnectionError:
                return

    async def _send(self, answers: _Answers) -> None:
        for wire, answer in answers:
            data = answer.encode(wire)
            if wire == JSON:
                await self._ws.send_str(data.decode())
            else:
                await self._ws.send_bytes(data)
