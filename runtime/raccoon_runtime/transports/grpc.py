"""gRPC: unary calls on one HTTP/2 connection; the request's bytes go through as they are."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Mapping
from ssl import SSLContext, create_default_context
from typing import Any

from grpclib import GRPCError, Status
from grpclib.config import Configuration
from typing_extensions import Unpack

from ..envelope import Ack
from ..errors import (
    AckTimeoutError,
    AnswerError,
    AuthError,
    ConfigError,
    DecodeError,
    HeadersError,
    SendError,
)
from ..headers import beside, checked_for_grpc
from ..options import TransportKeywords, TransportOptions, build
from ..process import leave_alone
from ..telemetry import carried
from ..wires import PROTO_WIRE
from . import tls
from .address import parse_address
from .base import NetworkTransport, judge
from .grpc_channel import Line, connect
from .grpc_errors import is_of_one_call, map_error, status_error
from .lookup import Lookup
from .opening import Opening

_ELSEWHERE = (Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED)
"""What another server may do better, of those behind a balancer: a new connection leads there."""


class GrpcTransport(NetworkTransport):
    """Sends to `grpc://host:port`, or `host:port` for short, or with TLS to `grpcs://host`."""

    usual_batch_bytes = 60 << 10  # a little less than HTTP/2's first window

    def __init__(self, address: str, /, **options: Unpack[TransportKeywords]) -> None:
        told = build(TransportOptions, options)
        url: Any = address
        if isinstance(url, str) and url.strip() and "://" not in url:
            url = f"grpc://{url}"
        super().__init__(parse_address(url, {"grpc": None, "grpcs": 443}), told)
        self._check()
        self._ssl = self._context()
        self._configuration = _configuration(told.dial_options or {})
        self._lookup = Lookup()
        self._identity = self._source.new_identity()
        self._metadata: dict[str, str] | None = None
        self._opening = Opening(self._open, self._opened)
        self._line: Line | None = None
        self._last_answer = 0.0

    async def send(self, req_guid: str, body: bytes) -> Ack:
        """Call it; once more, with fresh headers, when the credentials were refused."""
        try:
            return await self._call(req_guid, body)
        except AuthError as error:
            if not self._may_refresh(error):
                raise
        return await self._call(req_guid, body)

    async def close(self) -> None:
        """Close the connection."""
        await self._opening.close()
        line, self._line = self._line, None
        if line is not None:
            line.close()
            await line.gone()

    def abandon(self) -> None:
        """Drop the connection."""
        self._opening.abandon()
        line, self._line = self._line, None
        if line is not None:
            # Calls that are cancelled now end so only if the connection ends after them.
            asyncio.get_running_loop().call_soon(line.close)

    def after_fork(self) -> None:
        """Leave the inherited connection alone, and take another identity."""
        leave_alone(self._line, self._opening)
        self._opening = Opening(self._open, self._opened)
        self._line = None
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

    def _context(self) -> SSLContext | None:
        tls.check(self._options.ssl, self._address, "h2")
        if not self._address.secure:
            return None
        context = self._options.ssl or create_default_context()
        context.set_alpn_protocols(["h2"])
        return context

    # --- a call -----------------------------------------------------------------------------

    async def _call(self, req_guid: str, body: bytes) -> Ack:
        try:
            metadata = self._metadata or await self._headers()
            if context := carried():
                metadata = beside(metadata, context, checked_for_grpc)
        except SendError as error:
            raise error.about(req_guid) from error.__cause__
        line = self._line
        if line is None or not line.alive:
            line = await self._opening.connection(req_guid)
        started = time.monotonic()
        try:
            reply = await self._unary(line, body, metadata)
            self._last_answer = time.monotonic()
            if reply is None:
                raise AnswerError("none", req_guid=req_guid, status="OK", persisted="possibly")
            return judge(PROTO_WIRE.response(reply), req_guid)
        except SendError:
            raise
        except DecodeError as error:
            raise AnswerError(req_guid=req_guid, status="OK", persisted="possibly") from error
        except GRPCError as error:
            self._last_answer = time.monotonic()
            if error.status in _ELSEWHERE:
                line.retire()
            raise status_error(error).about(req_guid) from error
        except Exception as error:
            told = map_error(error)
            if isinstance(told, AckTimeoutError):
                no_use = self._last_answer < started  # it answers nobody else either
            else:
                no_use = not is_of_one_call(error)
            if no_use:
                line.close()
            raise told.about(req_guid) from error

    async def _unary(self, line: Line, body: bytes, metadata: dict[str, str]) -> bytes | None:
        """Return the reply.

        grpclib ends a call by cancelling its task, perhaps more than once, which could not be told
        from a cancellation of ours. So a call has a task of its own. Its time limit is ours too:
        grpclib forgets to stop the timer of a call that fails early.
        """
        call = asyncio.get_running_loop().create_task(line.call(body, metadata))
        try:
            await asyncio.wait([call], timeout=self._options.ack_timeout)
            if call.done():
                return call.result()
            raise asyncio.TimeoutError
        finally:  # its error is asked for, whoever ended the wait, and even if both came at once
            if call.done():
                _ask(call)
            else:
                call.add_done_callback(_ask)
                call.cancel()

    async def _headers(self) -> dict[str, str]:
        headers = await self._source.get(self._identity)
        if not self._source.varies:
            self._metadata = checked_for_grpc(headers)
            return self._metadata
        try:
            return checked_for_grpc(headers)
        except ConfigError as error:
            raise HeadersError(str(error)) from error

    # --- the connection -----------------------------------------------------------------------

    async def _open(self) -> Line:
        return await connect(
            self._address,
            self._lookup,
            self._ssl,
            self._configuration,
            self._options.connect_timeout,
        )

    def _opened(self, line: Line) -> None:
        earlier, self._line = self._line, line
        if earlier is not None:
            earlier.retire()
        self._connections += 1
        self._options.logger.debug("connected to %s", self.address)


def _ask(call: asyncio.Task[bytes | None]) -> None:
    if not call.cancelled():
        call.exception()


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
