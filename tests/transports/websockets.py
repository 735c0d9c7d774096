"""What a Raccoon does on a WebSocket, in hand-written bytes."""

from __future__ import annotations

from raccoon_runtime.collector import go_json, go_proto
from raccoon_runtime.collector.request import JSON, PROTO, Answer, Request
from raccoon_runtime.envelope import Code

from tests.transports.peers import Session

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
SENT = 1_789_000_000


def answer(
    req_guid: str, code: Code = Code.CODE_OK, reason: str = "", *, text: bool = False
) -> bytes:
    """Return a Raccoon's answer to a request."""
    return Answer(code, reason, req_guid, sent_time=SENT).encode(JSON if text else PROTO)


def refusal(code: Code, reason: str) -> bytes:
    """Return a Raccoon's answer that names no request."""
    return Answer(code, reason, None, sent_time=SENT).encode(PROTO)


def guid_of(payload: bytes) -> str:
    """Return the guid of a request on either wire."""
    request = Request()
    parse = go_json.parse_request if payload.startswith(b"{") else go_proto.parse_request
    parse(payload, request)
    return request.req_guid


def acknowledge(session: Session, payload: bytes) -> None:
    """Say yes to a request, in the form in which it came."""
    text = payload.startswith(b"{")
    session.send(answer(guid_of(payload), text=text), TEXT if text else BINARY)


async def serve(session: Session) -> None:
    """Say yes to everything."""
    while True:
        message = await session.read()
        if message.opcode in (TEXT, BINARY):
            acknowledge(session, message.payload)
        elif message.opcode == CLOSE:
            session.send(message.payload, CLOSE)
            return
