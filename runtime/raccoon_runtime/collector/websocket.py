"""The WebSocket side: one session for each connection that was upgraded."""

from __future__ import annotations

import asyncio
import contextlib

from ..envelope import Code
from . import frames, go_json, go_proto
from .arrival import Arrival, Identity
from .connections import Refusal, Table
from .faults import Close, Mute
from .frames import FrameError, Frames, Message
from .intake import Intake, NullEvent, Verdict
from .request import JSON, PROTO, Answer, Request, RequestError, Wire
from .settings import Settings
from .sockets import linger, reset
from .source import Source

PING = b"--ping--"
OPCODES: dict[Wire, int] = {JSON: frames.TEXT, PROTO: frames.BINARY}
WIRES: dict[int, Wire] = {frames.TEXT: JSON, frames.BINARY: PROTO}


class Session:
    """One connection, from its upgrade to its end."""

    def __init__(
        self,
        source: Source,
        writer: asyncio.StreamWriter,
        identity: Identity,
        settings: Settings,
        table: Table,
        intake: Intake,
    ) -> None:
        self._source = source
        self._writer = writer
        self._identity = identity
        self._settings = settings
        self._table = table
        self._intake = intake
        self._loop = asyncio.get_running_loop()
        self._frames = Frames()
        self._answers: list[bytes] = []
        self._held: list[bytes] = []
        self._mute = False
        self._closed = False
        self._deadline = self._loop.time() + settings.pong_timeout
        self._watch = self._loop.call_at(self._deadline, self._expire)

    async def run(self) -> None:
        """Serve until the connection ends."""
        with contextlib.suppress(ConnectionError):
            await self._serve()
            if self._closed:
                await linger(self._source, self._writer)
        self._writer.close()

    async def _serve(self) -> None:
        opened = Arrival("ws", PROTO, self._identity)
        try:
            self._table.admit(self._identity, opened)
        except Refusal as refusal:
            self._watch.cancel()
            self._refuse(refusal)
            return
        self._mute = self._intake.faults.take(Mute, opened) is not None
        try:
            await self._read()
        finally:
            self._watch.cancel()
            self._table.remove(self._identity)

    def ping(self) -> None:
        """Send the ping whose pong keeps the connection."""
        if not self._mute:
            self._write(frames.frame(frames.PING, PING))

    def _refuse(self, refusal: Refusal) -> None:
        self._write(frames.frame(frames.BINARY, refusal.answer.encode(PROTO)))
        reason = refusal.reason.encode()
        # gorilla writes no close frame whose reason does not fit.
        if 2 + len(reason) <= frames.LARGEST_CONTROL:
            self._close(frames.POLICY_VIOLATION, reason)
        self._closed = True

    def _close(self, code: int, reason: bytes = b"") -> None:
        self._write(frames.close_frame(code, reason))
        self._closed = True

    def _expire(self) -> None:
        if self._loop.time() >= self._deadline:
            self._writer.transport.abort()
        else:
            self._watch = self._loop.call_at(self._deadline, self._expire)

    def _write(self, data: bytes) -> None:
        if not self._closed and not self._writer.is_closing():
            self._writer.write(data)

    async def _read(self) -> None:
        while data := await self._source.some():
            if self._mute:
                continue
            goes_on = self._take(data)
            self._answer()
            if not goes_on:
                return
            await self._writer.drain()

    def _take(self, data: bytes) -> bool:
        """Handle what came; say whether the connection goes on."""
        try:
            return all(self._message(message) for message in self._frames.feed(data))
        except FrameError as error:
            self._answer()
            if str(error):
                self._close(frames.PROTOCOL_ERROR, str(error).encode())
            return False

    def _message(self, message: Message) -> bool:
        opcode, payload = message
        if opcode in WIRES:
            return self._request(payload, WIRES[opcode])
        if opcode == frames.PING:
            self._write(frames.frame(frames.PONG, payload))
        elif opcode == frames.PONG:
            self._deadline = self._loop.time() + self._settings.pong_timeout
        else:
            code = frames.close_code(payload)
            self._answer()
            self._close(code)
            return False
        return True

    def _request(self, body: bytes, wire: Wire) -> bool:
        request = Request()
        arrival = Arrival("ws", wire, self._identity, body, request)
        parse = go_json.parse_request if wire == JSON else go_proto.parse_request
        try:
            parse(body, request)
        except RequestError as error:
            self._intake.refused(arrival)
            reason = f"cannot deserialize request: {error}"
            self._write(_encoded(wire, Answer(Code.CODE_BAD_REQUEST, reason, request.req_guid)))
            return True
        guid = request.req_guid
        if self._settings.dedup and self._table.seen(self._identity, guid):
            self._write(_encoded(wire, Answer(req_guid=guid)))
            return True
        try:
            verdict = self._intake.take(arrival)
        except NullEvent:
            return False
        if verdict.failed:
            self._table.forget(self._identity, guid)
        return self._carry_out(verdict, wire)

    def _carry_out(self, verdict: Verdict, wire: Wire) -> bool:
        if isinstance(verdict.instead, Close):
            if verdict.instead.reset:
                reset(self._writer.transport)
            return False
        answers = b"".join(_encoded(wire, answer) for answer in verdict.answers)
        if verdict.delay:
            self._loop.call_later(verdict.delay, self._write, answers)
        elif verdict.hold:
            self._held.append(answers)
            if len(self._held) >= verdict.hold:
                self._answers += self._held
                self._held = []
        else:
            self._answers.append(answers)
        return True

    def _answer(self) -> None:
        """Answer what arrived together: last first, unless it is answered before it is published.

        A Raccoon's workers publish side by side, so the order of its acks is nobody's promise.
        """
        answers, self._answers = self._answers, []
        if answers:
            self._write(b"".join(answers[::-1] if self._settings.event_ack == 1 else answers))


def _encoded(wire: Wire, answer: Answer) -> bytes:
    return frames.frame(OPCODES[wire], answer.encode(wire))
