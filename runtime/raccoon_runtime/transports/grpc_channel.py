"""One HTTP/2 connection, as a channel of grpclib's.

A channel of its own connects whenever a call finds it closed, to the first of a host's addresses
and to whatever speaks there. So here connections are made as it makes them, out of what it does not
document: `H2Protocol` with its `processor`, `Handler` and `Configuration.__for_client__`; and are
given to a `Channel` as its `_protocol`, by `__connect__`. tests/transports/test_seams.py holds what
is expected of them.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from ssl import SSLContext, SSLError
from typing import Any, cast

import h2.config
from grpclib.client import Channel, Handler, UnaryUnaryMethod
from grpclib.config import Configuration
from grpclib.encoding.base import CodecBase
from grpclib.protocol import H2Protocol
from h2.events import RemoteSettingsChanged

from ..deadline import deadline
from ..errors import ConnectError, EndpointError, SendError, TlsError
from .address import Address
from .base import system_says
from .lookup import Lookup

METHOD = "/raystack.raccoon.v1beta1.EventService/SendEvent"
_LONGEST_ANSWER = 1 << 20
_SETTINGS = b"\x04"  # the type, in its fourth byte, of the frame that begins HTTP/2
_NO_HTTP2 = "no HTTP/2 is spoken there"

# It tells every header at DEBUG. Who wants that has to ask for it, and not for the root's DEBUG.
_hpack = logging.getLogger("hpack")
if _hpack.level == logging.NOTSET:
    _hpack.setLevel(logging.INFO)


class _Bytes(CodecBase):
    """Takes bytes for messages, so that grpclib neither encodes nor decodes."""

    @property
    def __content_subtype__(self) -> str:
        return "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> Any:
        return data


class _Known(dict[Any, Any]):
    """What grpclib does with each kind of event; with others nothing, as HTTP/2 wants it (RFC 9113,
    5.5): unknown frames, informational responses, alternative services.
    """

    def __missing__(self, kind: type) -> Callable[[object], None]:
        return lambda event: None


class Http2(H2Protocol):
    """Knows whether the peer speaks HTTP/2, and takes no more than answers can be long."""

    def __init__(self, config: Configuration) -> None:
        # As grpclib's channel makes it, but for the encoding.
        settings = h2.config.H2Configuration(
            client_side=True,
            header_encoding="latin-1",  # of which each byte is one
            validate_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_inbound_headers=False,
            normalize_outbound_headers=False,
        )
        self._handler = Handler()
        super().__init__(self._handler, config.__for_client__(), settings)
        self.greeting: asyncio.Future[SendError | None] = asyncio.get_running_loop().create_future()
        """Done with the peer's settings, which come first in HTTP/2; else with what is wrong."""
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is no more."""
        self.room = _LONGEST_ANSWER
        """How many bytes may come until the next call."""
        self._first = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, transport)
        self.processor.processors = _Known(self.processor.processors)
        self.processor.processors[RemoteSettingsChanged] = self._settings

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self.room -= len(data)
        if self.room < 0:
            self.processor.close(reason="more came than an answer can be long")
            return
        if not self.greeting.done():
            self._first += data[:4]
            # To h2, what is no HTTP/2 is a frame of megabytes, whose end it waits for.
            if self._first[3:4] not in (b"", _SETTINGS):
                self._greeted(EndpointError(_NO_HTTP2))
                return
        try:
            super().data_received(data)
        except Exception as error:  # what h2 or grpclib did not foresee
            self.processor.close(reason=type(error).__name__)
        if self.connection.is_closing():
            self._greeted(EndpointError(_NO_HTTP2))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Hear that the connection is no more."""
        if not self._handler.connection_lost:  # else the reason was another, and has been told
            super().connection_lost(exc)
        self._greeted(ConnectError("it was closed at once"))
        if not self.gone.done():
            self.gone.set_result(None)

    def _settings(self, event: RemoteSettingsChanged) -> None:
        self.processor.process_remote_settings_changed(event)
        self._greeted(None)

    def _greeted(self, wrong: SendError | None) -> None:
        if not self.greeting.done():
            self.greeting.set_result(wrong)


class Line(Channel):
    """A channel that is one connection: connected once, and never again by itself."""

    def __init__(self, address: Address, ssl: SSLContext | None, protocol: Http2) -> None:
        # grpclib imports ssl only if it can, and leaves pyright in doubt about the type.
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            address.host, address.port, codec=_Bytes(), ssl=ssl
        )
        self._protocol = self._line = protocol
        self._method = UnaryUnaryMethod(self, METHOD, bytes, bytes)
        self._calls = 0
        self._retired = False

    async def __connect__(self) -> Http2:
        """Return the connection, for a call; ConnectionResetError when it is no more."""
        if not self.alive:
            raise ConnectionResetError
        self._line.room = _LONGEST_ANSWER
        return self._line

    @property
    def alive(self) -> bool:
        """Whether calls can be made."""
        return not self._retired and not self._line.connection.is_closing()

    async def call(self, body: bytes, metadata: dict[str, str]) -> bytes | None:
        """Return the reply to a request, None when there is none; an error of grpclib's or h2's."""
        self._calls += 1
        try:
            async with self._method.open(metadata=metadata) as stream:
                await stream.send_message(body, end=True)
                return await stream.recv_message()
        finally:
            self._calls -= 1
            self._close_if_done()

    def retire(self) -> None:
        """Take no more calls, and close when those under way have ended."""
        self._retired = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._retired and not self._calls:
            self.close()

    def close(self) -> None:
        """End the connection at once, and the calls on it."""
        super().close()
        self._line.transport.abort()

    async def gone(self) -> None:
        """Return when its socket is closed, after `close`."""
        await asyncio.wait([self._line.gone])


async def connect(
    address: Address,
    lookup: Lookup,
    ssl: SSLContext | None,
    config: Configuration,
    patience: float,
) -> Line:
    """Return a new connection to a server that speaks HTTP/2, within `patience` seconds.

    Nothing was sent to it yet; ConnectError, TlsError or EndpointError says why there is none.
    """
    try:
        async with deadline(patience):
            protocol = await _first(address, lookup, ssl, config, patience)
            line = Line(address, ssl, protocol)
            try:
                wrong = await protocol.greeting
            except BaseException:
                line.close()
                raise
    except asyncio.TimeoutError as error:
        raise ConnectError(f"no connection within {patience:g} s") from error
    except OSError as error:
        kind = TlsError if isinstance(error, SSLError) else ConnectError
        raise kind(system_says(error)) from error
    if wrong is not None:
        line.close()
        raise wrong
    return line


async def _first(
    address: Address,
    lookup: Lookup,
    ssl: SSLContext | None,
    config: Configuration,
    patience: float,
) -> Http2:
    """Return a connection to the first of the host's addresses that takes one.

    Each gets its share of the time, so that one which swallows packets does not hide the others.
    """
    loop = asyncio.get_running_loop()
    places = await lookup.places(address.host, address.port)
    lost: OSError | asyncio.TimeoutError = OSError(None, "the host has no address")
    for place in places:
        try:
            async with deadline(patience / len(places)):
                _, protocol = await loop.create_connection(
                    lambda: Http2(config),
                    place.ip,
                    place.port,
                    family=place.family,
                    flags=socket.AI_NUMERICHOST,
                    ssl=ssl,
                    server_hostname=(
                        (config.ssl_target_name_override or address.host) if ssl else None
                    ),
                )
                return protocol
        except (OSError, asyncio.TimeoutError) as error:
            lost = error
    raise lost
