"""The gRPC side: one unary method, as grpc-go serves it (version 1.63.2)."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import zlib
from urllib.parse import quote

from grpclib import Status

from . import go_proto
from .arrival import Arrival, Identity
from .faults import Close, GoAway, GrpcStatus
from .http1 import Headers
from .http2 import Call, Header, Http2Connection
from .intake import Intake, Verdict
from .request import PROTO, Answer, Request, RequestError
from .settings import Settings
from .sockets import stop_listening

SERVICE, METHOD = "raystack.raccoon.v1beta1.EventService", "SendEvent"
CONTENT_TYPE = "application/grpc"
GRACE = 5.0
_PREFIX = 5
_TIMEOUT = re.compile(r"\d{1,8}[HMSmun]")
# What a message's text may hold unescaped: printable ASCII but "%".
_PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if code != 0x25)


class Failed(Exception):
    """A call that ends with a status and no message; `http` is HTTP's own status beside it."""

    def __init__(self, status: Status, told: str, http: int = 200) -> None:
        super().__init__(told)
        self.status = status
        self.told = told
        self.http = http


class GrpcSide:
    """Serves `EventService` on a port of its own."""

    def __init__(self, settings: Settings, intake: Intake) -> None:
        self._settings = settings
        self._intake = intake
        self._server: asyncio.Server | None = None
        self._connections: set[Http2Connection] = set()

    async def start(self, sock: socket.socket) -> None:
        """Serve on a socket that listens."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Http2Connection(self._serve, self._connections),
            sock=sock,
            ssl=self._settings.ssl,
        )

    async def stop(self) -> None:
        """Stop as on SIGTERM: say so, let calls finish, end the connections."""
        server, self._server = self._server, None
        if server is None:
            return
        await stop_listening(server)
        for connection in list(self._connections):
            connection.go_away()
        ended = [connection.ended for connection in self._connections]
        if ended:
            await asyncio.wait(ended, timeout=GRACE)
        self.sever()

    def sever(self, hard: bool = False) -> None:
        """End every connection at once, by EOF or by RST."""
        for connection in list(self._connections):
            connection.end(hard)

    def _serve(self, call: Call) -> None:
        """Take a call when its message is whole; a header that is wrong ends it before."""
        try:
            _check(call.headers)
            body = _message(call, self._settings.max_grpc_bytes)
            if body is not None:
                call.taken = True
                self._request(call, body)
        except Failed as failed:
            fail(call, failed)

    def _request(self, call: Call, body: bytes) -> None:
        request = Request()
        identity = call.headers.get(self._settings.identity_header.lower())
        group = call.headers.get((self._settings.group_header or "").lower())
        origin = Identity(
            identity[0] if identity else "", group[0] if group else self._settings.group_default
        )
        arrival = Arrival("grpc", "PROTO", origin, body, request)
        try:
            go_proto.parse_request(body, request)
        except RequestError as error:
            self._intake.refused(arrival)
            told = f"grpc: error unmarshalling request: {error}"
            raise Failed(Status.INTERNAL, told) from None
        if identity is None:
            raise Failed(Status.UNKNOWN, "connection id header missing")
        self._carry_out(call, self._intake.take(arrival))

    def _carry_out(self, call: Call, verdict: Verdict) -> None:
        instead = verdict.instead
        if isinstance(instead, GrpcStatus):
            raise Failed(instead.status, instead.message)
        if isinstance(instead, GoAway):
            call.connection.go_away()
        if isinstance(instead, Close):
            call.connection.end(instead.reset)
        elif not verdict.answers:
            call.abandon()
        elif verdict.delay:
            loop = asyncio.get_running_loop()
            loop.call_later(verdict.delay, succeed, call, verdict.answers[0])
        else:
            succeed(call, verdict.answers[0])


def _check(headers: Headers) -> None:
    """Raise Failed for what grpc-go refuses before it reads a message, in its order."""
    content_type = headers.first("content-type")
    if subtype(content_type) is None:
        told = f"invalid gRPC request content-type {_quoted(content_type)}"
        raise Failed(Status.INVALID_ARGUMENT, told, 415)
    timeout = headers.get("grpc-timeout")
    if timeout is not None and not _TIMEOUT.fullmatch(timeout[0]):
        told = f"malformed grpc-timeout: {_quoted(timeout[0])}"
        raise Failed(Status.INTERNAL, told, 400)
    method = headers.first(":method")
    if method != "POST":
        told = f"Received a HEADERS frame with :method {_quoted(method)} which should be POST"
        raise Failed(Status.INTERNAL, told, 405)
    _check_path(headers.first(":path"))
    encoding = headers.first("grpc-encoding")
    if encoding not in ("", "identity", "gzip"):
        raise Failed(Status.UNIMPLEMENTED, _not_installed(encoding))


def _check_path(path: str) -> None:
    service, slash, method = path.removeprefix("/").rpartition("/")
    if not slash:
        raise Failed(Status.UNIMPLEMENTED, f"malformed method name: {_quoted(path)}")
    if service != SERVICE:
        raise Failed(Status.UNIMPLEMENTED, f"unknown service {service}")
    if method != METHOD:
        raise Failed(Status.UNIMPLEMENTED, f"unknown method {method} for service {service}")


def _message(call: Call, most: int) -> bytes | None:
    """Return the call's message; None when it is not whole yet."""
    body = call.body
    size = int.from_bytes(body[1:_PREFIX], "big")
    if len(body) >= _PREFIX and size > most:
        raise Failed(Status.RESOURCE_EXHAUSTED, _too_large("", size, most))
    if len(body) < _PREFIX + size or len(body) < _PREFIX:
        # Without a byte of it grpc-go waits for ever.
        if call.ended and body:
            raise Failed(Status.UNKNOWN, "unexpected EOF")
        return None
    data = bytes(body[_PREFIX : _PREFIX + size])
    if body[0] == 0:
        return data
    if body[0] != 1:
        raise Failed(Status.INTERNAL, f"grpc: received unexpected payload format {body[0]}")
    if call.headers.first("grpc-encoding") != "gzip":
        told = "grpc: compressed flag set with identity or empty encoding"
        raise Failed(Status.INTERNAL, told)
    return _decompressed(data, most)


def _decompressed(data: bytes, most: int) -> bytes:
    try:
        found = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, most + 1)
    except zlib.error as error:
        told = f"grpc: failed to decompress the received message: {error}"
        raise Failed(Status.INTERNAL, told) from None
    if len(found) > most:
        told = _too_large(" after decompression", len(found), most)
        raise Failed(Status.RESOURCE_EXHAUSTED, told)
    return found


def _too_large(when: str, size: int, most: int) -> str:
    return f"grpc: received message{when} larger than max ({size} vs. {most})"


def _not_installed(encoding: str) -> str:
    return f"grpc: Decompressor is not installed for grpc-encoding {_quoted(encoding)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def subtype(content_type: str) -> str | None:
    """Return what follows `application/grpc`; None when the content type is another."""
    if not content_type.startswith(CONTENT_TYPE):
        return None
    rest = content_type[len(CONTENT_TYPE) :]
    return None if rest and rest[0] not in "+;" else rest[1:]


def _type_header(call: Call) -> Header:
    """Return the answer's content type, which repeats the request's."""
    rest = subtype(call.headers.first("content-type"))
    return "content-type", f"{CONTENT_TYPE}+{rest}" if rest else CONTENT_TYPE


def succeed(call: Call, answer: Answer) -> None:
    """Answer a call, compressed when it was."""
    data, flag = answer.encode(PROTO), 0
    headers: list[Header] = [(":status", "200"), _type_header(call)]
    if call.headers.first("grpc-encoding") == "gzip":
        data, flag = gzip.compress(data), 1
        headers.append(("grpc-encoding", "gzip"))
    framed = bytes((flag,)) + len(data).to_bytes(4, "big") + data
    call.answer(headers, framed, [("grpc-status", "0"), ("grpc-message", "")])


def fail(call: Call, failed: Failed) -> None:
    """End a call with a status alone."""
    call.answer(
        [
            (":status", str(failed.http)),
            _type_header(call),
            ("grpc-status", str(failed.status.value)),
            ("grpc-message", quote(failed.told, safe=_PLAIN)),
        ]
    )
