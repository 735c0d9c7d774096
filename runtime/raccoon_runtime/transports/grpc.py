"""gRPC: unary calls on one HTTP/2 connection; the request's bytes go through as they are."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Mapping
from ssl import SSLContext, SSLError, create_default_context
from typing import Any, Literal

import h2.exceptions
from grpclib import GRPCError, Status
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.config import Configuration
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import ProtocolError, StreamTerminatedError
from typing_extensions import Unpack

from ..deadline import cancellations, deadline, forgive
from ..envelope import Ack
from ..errors import (
    AckTimeoutError,
    AnswerError,
    AuthError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    DecodeError,
    EndpointError,
    HeadersError,
    IdentityError,
    RejectedError,
    SendError,
    TlsError,
    TooLargeError,
    UnavailableError,
)
from ..headers import HeaderSource, checked_for_grpc
from ..options import TransportKeywords, TransportOptions, build
from ..process import leave_alone
from ..wires import PROTO_WIRE, Wire
from .address import parse_address
from .base import judge

METHOD = "/raystack.raccoon.v1beta1.EventService/SendEvent"

# Every gRPC status, what it means, and whether the server may have the events all the same.
STATUSES: dict[Status, tuple[type[SendError], Literal["no", "possibly"]]] = {
    Status.OK: (AnswerError, "possibly"),
    Status.CANCELLED: (UnavailableError, "possibly"),
    Status.UNKNOWN: (UnavailableError, "possibly"),
    Status.INVALID_ARGUMENT: (UnavailableError, "possibly"),
    Status.DEADLINE_EXCEEDED: (AckTimeoutError, "possibly"),
    Status.NOT_FOUND: (UnavailableError, "possibly"),
    Status.ALREADY_EXISTS: (UnavailableError, "possibly"),
    Status.PERMISSION_DENIED: (AuthError, "no"),
    Status.RESOURCE_EXHAUSTED: (TooLargeError, "no"),
    Status.FAILED_PRECONDITION: (UnavailableError, "possibly"),
    Status.ABORTED: (UnavailableError, "possibly"),
    Status.OUT_OF_RANGE: (UnavailableError, "possibly"),
    Status.UNIMPLEMENTED: (EndpointError, "no"),
    Status.INTERNAL: (UnavailableError, "possibly"),
    Status.UNAVAILABLE: (UnavailableError, "possibly"),
    Status.DATA_LOSS: (UnavailableError, "possibly"),
    Status.UNAUTHENTICATED: (AuthError, "no"),
}
# Where the message tells more than the status.
MESSAGES: list[tuple[Status, str, type[SendError]]] = [
    (Status.UNKNOWN, "connection id header missing", IdentityError),
    (Status.INTERNAL, "error unmarshalling request", RejectedError),
]
# Every error class of grpclib and h2 besides GRPCError. A test fails when they get another.
ERRORS: dict[type[BaseException], type[SendError]] = {
    StreamTerminatedError: ConnectionLostError,
    ProtocolError: AnswerError,
    h2.exceptions.H2Error: ConnectionLostError,
    h2.exceptions.ProtocolError: ConnectionLostError,
    h2.exceptions.FrameTooLargeError: ConnectionLostError,
    h2.exceptions.FrameDataMissingError: ConnectionLostError,
    h2.exceptions.TooManyStreamsError: ConnectionLostError,
    h2.exceptions.FlowControlError: ConnectionLostError,
    h2.exceptions.StreamIDTooLowError: ConnectionLostError,
    h2.exceptions.NoAvailableStreamIDError: ConnectionLostError,
    h2.exceptions.NoSuchStreamError: ConnectionLostError,
    h2.exceptions.StreamClosedError: ConnectionLostError,
    h2.exceptions.InvalidSettingsValueError: ConnectionLostError,
    h2.exceptions.InvalidBodyLengthError: ConnectionLostError,
    h2.exceptions.UnsupportedFrameError: ConnectionLostError,
    h2.exceptions.RFC1122Error: ConnectionLostError,
    h2.exceptions.DenialOfServiceError: ConnectionLostError,
    asyncio.TimeoutError: AckTimeoutError,
    OSError: ConnectionLostError,
}


class _Bytes(CodecBase):
    """Takes bytes for messages, so that grpclib neither encodes nor decodes."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> Any:
        return data


class GrpcTransport:
    """Sends to `grpc://host:port`, or `grpcs://host` with TLS; `host:port` alone means the former."""

    def __init__(self, address: str, /, **options: Unpack[TransportKeywords]) -> None:
        self._options = build(TransportOptions, options)
        url: Any = address
        if isinstance(url, str) and url.strip() and "://" not in url:
            url = f"grpc://{url}"
        self._address = parse_address(url, {"grpc": None, "grpcs": 443})
        self._check()
        self._ssl = _context(self._options.ssl, self._address.secure)
        self._configuration = _configuration(self._options.dial_options or {})
        self._source = HeaderSource(
            self._options.headers,
            self._options.identity_header,
            self._options.client_name,
            self._address.userinfo,
        )
        self._identity = self._source.new_identity()
        self._metadata: dict[str, str] | None = None
        self._channel: Channel | None = None
        self._connected: object = None
        self._last_answer = 0.0
        self._connections = 0

    @property
    def wire(self) -> Wire:
        """The form of requests: always PROTO."""
        return PROTO_WIRE

    @property
    def address(self) -> str:
        """Where it sends to."""
        return f"{self._address.scheme}://{self._address.authority}"

    @property
    def in_flight(self) -> int:
        """How many calls at once."""
        return 4 if self._options.in_flight is None else self._options.in_flight

    @property
    def batch_bytes(self) -> int:
        """How large a request should be at most: a little less than HTTP/2's first window."""
        return 60 << 10

    @property
    def connections(self) -> int:
        """How many connections it has opened."""
        return self._connections

    async def send(self, req_guid: str, body: bytes) -> Ack:
        """Call it; once more, with fresh headers, when the credentials were refused."""
        try:
            return await self._call(req_guid, body)
        except AuthError as error:
            if error.status != Status.UNAUTHENTICATED.name or not self._source.varies:
                raise
        return await self._call(req_guid, body)

    async def close(self) -> None:
        """Close the connection."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def after_fork(self) -> None:
        """Leave the inherited connection alone, and take another identity."""
        leave_alone(self._channel, self._connected)
        self._channel = self._connected = None
        self._metadata = None
        self._identity = self._source.new_identity()

    def _check(self) -> None:
        options, address = self._options, self._address
        if address.path not in ("", "/") or address.query:
            raise ConfigError("a gRPC address has no path", argument="url")
        if options.wire is not PROTO_WIRE:
            raise ConfigError("gRPC's wire is always PROTO", argument="wire")
        if options.trust_env:
            raise ConfigError("the gRPC transport goes through no proxy", argument="trust_env")
        if options.headers is not None and not callable(options.headers):
            checked_for_grpc(options.headers)
        if options.identity_header is not None:
            checked_for_grpc(
                {options.identity_header: options.client_name}, argument="identity_header"
            )

    async def _call(self, req_guid: str, body: bytes) -> Ack:
        metadata = self._metadata or await self._headers()
        channel = await self._ready(req_guid)
        started = time.monotonic()
        try:
            reply = await self._unary(channel, body, metadata)
            self._last_answer = time.monotonic()
            return judge(PROTO_WIRE.response(reply), req_guid)
        except SendError:
            raise
        except DecodeError as error:
            raise AnswerError(req_guid=req_guid, status="OK", persisted="possibly") from error
        except GRPCError as error:
            self._last_answer = time.monotonic()
            raise status_error(error).about(req_guid) from error
        except Exception as error:
            told = map_error(error)
            if isinstance(told, AckTimeoutError) and self._last_answer < started:
                self._hang_up(channel)
            raise told.about(req_guid) from error

    async def _unary(self, channel: Channel, body: bytes, metadata: dict[str, str]) -> bytes:
        """Return the reply. grpclib ends a call by cancelling its task, and does not take that
        back: done here.
        """
        task = asyncio.current_task()
        assert task is not None
        before = cancellations(task)
        try:
            return await UnaryUnaryMethod(channel, METHOD, bytes, bytes)(
                body, timeout=self._options.ack_timeout, metadata=metadata
            )
        except Exception as error:
            if cancellations(task) > before and not forgive(task, before):
                raise asyncio.CancelledError from error  # somebody else cancelled it too
            raise

    async def _ready(self, req_guid: str) -> Channel:
        """Return the channel, connected: what fails until then was not sent."""
        channel = self._channel
        if channel is None:
            channel = self._channel = Channel(
                self._address.host,
                self._address.port,
                codec=_Bytes(),
                ssl=self._ssl,
                config=self._configuration,
            )
        try:
            async with deadline(self._options.connect_timeout):
                protocol = await channel.__connect__()
        except asyncio.TimeoutError as error:
            raise ConnectError("too slow", req_guid=req_guid) from error
        except OSError as error:
            kind = TlsError if isinstance(error, SSLError) else ConnectError
            raise kind(error.strerror or type(error).__name__, req_guid=req_guid) from error
        if protocol is not self._connected:
            self._connected = protocol
            self._connections += 1
        return channel

    def _hang_up(self, channel: Channel) -> None:
        """Leave a connection on which nothing is answered any more; the next call opens another."""
        if channel is self._channel:
            self._channel = None
            channel.close()

    async def _headers(self) -> dict[str, str]:
        headers = await self._source.get(self._identity)
        if not self._source.varies:
            self._metadata = checked_for_grpc(headers)
            return self._metadata
        try:
            return checked_for_grpc(headers)
        except ConfigError as error:
            raise HeadersError(str(error)) from error


def status_error(error: GRPCError) -> SendError:
    """Return what a status means."""
    told = error.message or ""
    kind, persisted = STATUSES[error.status]
    for status, words, other in MESSAGES:
        if error.status is status and words in told:
            kind, persisted = other, "no"
    return kind(told, status=error.status.name, persisted=persisted)


def map_error(error: BaseException) -> SendError:
    """Return what an error of grpclib, h2 or the system means; the caller raises it from the
    original.
    """
    kind = next(
        (ERRORS[base] for base in type(error).__mro__ if base in ERRORS), ConnectionLostError
    )
    told = str(error) if isinstance(error, StreamTerminatedError) else type(error).__name__
    return kind(told, persisted="possibly")


def _context(given: SSLContext | None, secure: bool) -> SSLContext | None:
    if not secure:
        if given is not None:
            raise ConfigError("grpc:// is not encrypted; grpcs:// is", argument="ssl")
        return None
    context = create_default_context() if given is None else given
    context.set_alpn_protocols(["h2"])
    return context


def _configuration(given: Mapping[str, Any]) -> Configuration:
    known = {
        option.name
        for option in dataclasses.fields(Configuration)
        if not option.name.startswith("_")
    }
    for name in given:
        if name not in known:
            raise ConfigError(
                f"{name!r} is no option of grpclib's Configuration", argument="dial_options"
            )
    try:
        return Configuration(**given)
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error), argument="dial_options") from error
