"""HTTP/2 under gRPC, as grpc-go's transport serves it. Calls are driven by frames, not by tasks."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence
from typing import cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import GoAwayFrame

from .http1 import Headers
from .sockets import end, reset

Header = tuple[str, str]

MOST_STREAMS = (1 << 31) - 1
MOST_HEADER_BYTES = 16 << 20
# A ping sooner than that after another is a strike, while calls are under way and while none is.
PING_APART, IDLE_PING_APART = 300.0, 7200.0
MOST_STRIKES = 2
# How long a client may take to answer the ping after a GOAWAY; grpc-go gives it 5 s.
DRAIN_PATIENCE = 1.0
_DRAIN_PING = bytes((1, 6, 1, 8, 0, 3, 3, 9))
_FOREIGN = re.compile(r"[A-Z]|[^\x21-\x7e]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Call:
    """One request as far as it came: `ended` says that nothing more does."""

    def __init__(self, connection: Http2Connection, stream: int, headers: Headers) -> None:
        self.connection = connection
        self.stream = stream
        self.headers = headers
        self.body = bytearray()
        self.ended = False
        self.taken = False
        self._data = b""
        self._trailers: Sequence[Header] = ()

    def answer(
        self, headers: Sequence[Header], data: bytes = b"", trailers: Sequence[Header] = ()
    ) -> None:
        """Send the answer; without trailers its headers are all of it."""
        if not self.connection.holds(self):
            return
        self.taken = True
        self._data, self._trailers = data, trailers
        self.connection.protocol.send_headers(self.stream, headers, end_stream=not trailers)
        self.flush()

    def abandon(self) -> None:
        """Never answer, and let nobody wait for that."""
        self.taken = True
        self.connection.forget(self)

    def flush(self) -> None:
        """Send what the client's windows have room for; at the end let the stream go."""
        protocol = self.connection.protocol
        while self._data:
            room = protocol.local_flow_control_window(self.stream)
            size = min(room, protocol.max_outbound_frame_size, len(self._data))
            if size <= 0:
                break
            protocol.send_data(self.stream, self._data[:size])
            self._data = self._data[size:]
        if self.taken and not self._data:
            if self._trailers:
                protocol.send_headers(self.stream, self._trailers, end_stream=True)
            if not self.ended:
                # What is still on its way may have come meanwhile, its end included.
                with contextlib.suppress(h2.exceptions.StreamClosedError):
                    protocol.reset_stream(self.stream, h2.errors.ErrorCodes.NO_ERROR)
            self.connection.forget(self)
        self.connection.sent()


class Http2Connection(asyncio.Protocol):
    """Gives each call to `serve` as often as something of it came."""

    def __init__(self, serve: Callable[[Call], None], register: set[Http2Connection]) -> None:
        self._serve = serve
        self._register = register
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, Call] = {}
        self._draining = False
        self._last_stream = 0
        self._last_ping: float | None = None
        self._strikes = 0
        self._calm = False
        self._greeted = False
        self._patience: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()
        config = h2.config.H2Configuration(
            client_side=False,
            header_encoding=None,
            validate_inbound_headers=False,
            validate_outbound_headers=False,
        )
        self.protocol = h2.connection.H2Connection(config)

    # --- asyncio's side -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._register.add(self)
        self.protocol.initiate_connection()
        codes = h2.settings.SettingCodes
        self.protocol.update_settings(
            {
                codes.MAX_CONCURRENT_STREAMS: MOST_STREAMS,
                codes.MAX_HEADER_LIST_SIZE: MOST_HEADER_BYTES,
            }
        )
        self._write()

    def data_received(self, data: bytes) -> None:
        try:
            for event in self.protocol.receive_data(data):
                # A call may have been reset in the packet that it came in.
                with contextlib.suppress(h2.exceptions.StreamClosedError):
                    self._event(event)
        except h2.exceptions.ProtocolError:
            if not self._greeted:
                self.protocol.clear_outbound_data_buffer()  # it is another protocol altogether
            self.end()
        self._greeted = True
        self._write()

    def connection_lost(self, exc: Exception | None) -> None:
        self._register.discard(self)
        self._calls.clear()
        if self._patience is not None:
            self._patience.cancel()
        if self.transport is not None:
            self.transport.close()  # which Python 3.10's TLS wants to be told all the same
        self.transport = None
        self.ended.set_result(None)

    # --- what the calls and the server need -----------------------------------------

    def holds(self, call: Call) -> bool:
        """Return whether the call can still be answered."""
        return self.transport is not None and self._calls.get(call.stream) is call

    def forget(self, call: Call) -> None:
        """Let a call go; a connection that drains ends with its last."""
        self._calls.pop(call.stream, None)
        self._end_drained()

    def sent(self) -> None:
        """Write what was sent. It makes up for pings that came too soon."""
        self._calm = True
        self._write()

    def go_away(self) -> None:
        """Announce the end, and come to it when no call is under way."""
        self._announce(MOST_STREAMS, b"graceful_stop")
        self.protocol.ping(_DRAIN_PING)
        self._write()
        self._patience = self._loop.call_later(DRAIN_PATIENCE, self._drain)

    def end(self, hard: bool = False) -> None:
        """End the connection, by EOF or by RST."""
        if self.transport is None:
            return
        self._write()
        reset(self.transport) if hard else end(self.transport)

    # --- HTTP/2's side --------------------------------------------------------------

    def _event(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._opened(event)
        elif isinstance(event, h2.events.DataReceived):
            self._received(event)
        elif isinstance(event, h2.events.StreamReset):
            call = self._calls.get(event.stream_id)
            if call is not None:
                self.forget(call)
        elif isinstance(event, (h2.events.WindowUpdated, h2.events.RemoteSettingsChanged)):
            for call in list(self._calls.values()):
                if call.taken:
                    call.flush()
        elif isinstance(event, h2.events.PingReceived):
            self._pinged()
        elif isinstance(event, h2.events.PingAckReceived) and event.ping_data == _DRAIN_PING:
            self._drain()

    def _opened(self, event: h2.events.RequestReceived) -> None:
        stream = event.stream_id
        assert stream is not None
        if self._draining:
            return
        self._last_stream = stream
        headers = Headers()
        malformed = False
        for name, value in event.headers or ():
            key, text = _text(name), _text(value)
            malformed |= bool(_FOREIGN.search(key) or _CONTROL.search(text)) or key == "connection"
            headers.setdefault(key, []).append(text)
        if malformed:
            self.protocol.reset_stream(stream, h2.errors.ErrorCodes.PROTOCOL_ERROR)
            return
        call = self._calls[stream] = Call(self, stream, headers)
        call.ended = event.stream_ended is not None
        self._serve(call)

    def _received(self, event: h2.events.DataReceived) -> None:
        stream, size = event.stream_id, event.flow_controlled_length
        assert stream is not None and size is not None
        self.protocol.acknowledge_received_data(size, stream)
        call = self._calls.get(stream)
        if call is None:
            return
        call.ended = event.stream_ended is not None
        if not call.taken:
            call.body += event.data or b""
            self._serve(call)

    def _pinged(self) -> None:
        now = self._loop.time()
        before, self._last_ping = self._last_ping, now
        if self._calm:
            self._calm, self._strikes = False, 0
            return
        apart = PING_APART if self._calls else IDLE_PING_APART
        if before is not None and now - before < apart:
            self._strikes += 1
        if self._strikes > MOST_STRIKES:
            code = h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
            self._announce(self._last_stream, b"too_many_pings", code)
            self.end()

    # --- out ------------------------------------------------------------------------

    def _write(self) -> None:
        data = self.protocol.data_to_send()
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def _announce(self, last_stream: int, told: bytes, code: int = 0) -> None:
        # h2 ends its own state with a GOAWAY; a server goes on with the calls under way.
        self._write()
        frame = GoAwayFrame(0, last_stream, code, told)
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(frame.serialize())

    def _drain(self) -> None:
        """Take no call any more: the client has heard that it is over, or had time to."""
        if not self._draining:
            self._draining = True
            self._announce(self._last_stream, b"graceful_stop")
            self._end_drained()

    def _end_drained(self) -> None:
        if self._draining and not self._calls:
            self.end()


def _text(data: bytes | str) -> str:
    return data if isinstance(data, str) else data.decode(errors="replace")
