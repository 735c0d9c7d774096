"""The gRPC side: one unary method, requests and answers as bytes."""

from __future__ import annotations

import asyncio
import socket
import weakref
from typing import Any, cast

from grpclib.const import Cardinality, Handler, Status
from grpclib.encoding.base import CodecBase
from grpclib.protocol import H2Protocol
from grpclib.server import Server, Stream
from hyperframe.frame import GoAwayFrame

from . import go_proto
from .arrival import Arrival, Identity
from .faults import Close, GoAway, GrpcStatus
from .intake import Intake, Verdict
from .request import PROTO, Request, RequestError
from .settings import Settings
from .sockets import reset

METHOD = "/raystack.raccoon.v1beta1.EventService/SendEvent"
GRACE = 5.0


class _Bytes(CodecBase):
    """Takes bytes for messages, so that the collector's own reader judges them."""

    @property
    def __content_subtype__(self) -> str:
        return "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> Any:
        return data


class _Server(Server):
    """grpclib's server forgets its connections; this one can end them."""

    def __init__(self, side: GrpcSide) -> None:
        super().__init__([side], codec=_Bytes())
        self._protocols: weakref.WeakSet[H2Protocol] = weakref.WeakSet()

    def _protocol_factory(self) -> H2Protocol:
        made = super()._protocol_factory()
        self._protocols.add(made)
        return made

    def transports(self) -> list[asyncio.Transport]:
        """Return those of the connections that are open."""
        connections = [getattr(made, "connection", None) for made in self._protocols]
        found = [made._transport for made in connections if made is not None]
        return [transport for transport in found if not transport.is_closing()]


class GrpcSide:
    """Serves `EventService` on a port of its own."""

    def __init__(self, settings: Settings, intake: Intake) -> None:
        self._settings = settings
        self._intake = intake
        self._server: _Server | None = None
        self._calls: set[asyncio.Task[Any]] = set()
        self._stopping = asyncio.Event()

    def __mapping__(self) -> dict[str, Handler]:
        return {METHOD: Handler(self._call, Cardinality.UNARY_UNARY, bytes, bytes)}

    async def start(self, sock: socket.socket) -> None:
        """Serve on a socket that listens."""
        self._stopping = asyncio.Event()
        self._server = _Server(self)
        await self._server.start(sock=sock, ssl=self._settings.ssl)

    async def stop(self) -> None:
        """Stop as on SIGTERM: say so, let calls finish, end the connections."""
        server, self._server = self._server, None
        if server is None:
            return
        self._stopping.set()
        transports = server.transports()
        for transport in transports:
            _go_away(transport)
        if self._calls:
            await asyncio.wait(self._calls, timeout=GRACE)
        server.close()
        for transport in transports:
            transport.close()
        await server.wait_closed()

    def sever(self, hard: bool = False) -> None:
        """End every connection at once, by EOF or by RST."""
        for transport in self._server.transports() if self._server else []:
            reset(transport) if hard else transport.close()

    async def _call(self, stream: Stream[Any, Any]) -> None:
        call = asyncio.current_task()
        assert call is not None
        self._calls.add(call)
        try:
            await self._serve(stream)
        finally:
            self._calls.discard(call)

    async def _serve(self, stream: Stream[Any, Any]) -> None:
        try:
            body: bytes = await stream.recv_message() or b""
        except NotImplementedError:
            told = "grpc: Decompressor is not installed for grpc-encoding"
            return await _fail(stream, Status.UNIMPLEMENTED, told)
        most = self._settings.max_grpc_bytes
        if len(body) > most:
            told = f"grpc: received message larger than max ({len(body)} vs. {most})"
            return await _fail(stream, Status.RESOURCE_EXHAUSTED, told)
        request = Request()
        metadata = cast("dict[str, str]", stream.metadata)
        identity = metadata.get(self._settings.identity_header.lower())
        group = metadata.get((self._settings.group_header or "").lower())
        origin = Identity(identity or "", group or self._settings.group_default)
        arrival = Arrival("grpc", "PROTO", origin, body, request)
        try:
            go_proto.parse_request(body, request)
        except RequestError as error:
            self._intake.refused(arrival)
            told = f"grpc: error unmarshalling request: {error}"
            return await _fail(stream, Status.INTERNAL, told)
        if identity is None:
            return await _fail(stream, Status.UNKNOWN, "connection id header missing")
        return await self._carry_out(stream, self._intake.take(arrival))

    async def _carry_out(self, stream: Stream[Any, Any], verdict: Verdict) -> None:
        instead = verdict.instead
        if isinstance(instead, GrpcStatus):
            return await _fail(stream, instead.status, instead.message)
        transport: asyncio.Transport = cast(Any, stream)._stream._transport
        if isinstance(instead, GoAway):
            _go_away(transport)
        if isinstance(instead, Close):
            reset(transport) if instead.reset else transport.close()
        elif not verdict.answers:
            await self._stopping.wait()
            transport.close()
        else:
            await asyncio.sleep(verdict.delay)
            await stream.send_message(verdict.answers[0].encode(PROTO))
        return None


def _go_away(transport: asyncio.Transport) -> None:
    """Announce the end of a connection, as Go does: calls under way may finish."""
    frame = GoAwayFrame(0, last_stream_id=(1 << 31) - 1, error_code=0)
    transport.write(frame.serialize())


async def _fail(stream: Stream[Any, Any], status: Status, message: str) -> None:
    await stream.send_trailing_metadata(status=status, status_message=message)
