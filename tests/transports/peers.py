"""Servers written by hand, on bare sockets: what no collector does."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, cast

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from raccoon_runtime.collector.frames import BINARY, Frames, Message, accept_key, frame
from raccoon_runtime.collector.sockets import reset
from typing_extensions import Self

Handler = Callable[["Line"], Awaitable[None]]


class Line:
    """One connection as a peer sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._reading = cast(asyncio.ReadTransport, writer.transport)

    async def head(self) -> str:
        """Read an HTTP request's head; "" when the client is gone."""
        try:
            return (await self.reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            return ""

    async def request(self) -> tuple[str, bytes]:
        """Read an HTTP request: its head and its body."""
        head = await self.head()
        return head, await self.reader.readexactly(int(header(head, "content-length") or 0))

    def write(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(data)

    async def trickle(self, data: bytes) -> None:
        """Write byte by byte, each in a packet of its own."""
        for i in range(len(data)):
            self.writer.write(data[i : i + 1])
            await self.writer.drain()
            await asyncio.sleep(0)

    def reset(self) -> None:
        """End the connection with RST."""
        reset(self.writer.transport)

    def pause(self) -> None:
        """Read no more."""
        self._reading.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self._reading.resume_reading()

    async def ended(self) -> None:
        """Wait until the client is gone."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(1 << 16):
                pass


class Peer:
    """Serves each connection by the next of `handlers`, then by `handler`; raises at its end what
    went wrong in one.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.handler: Handler = hold
        self.handlers: list[Handler] = []
        self.accepted = 0
        self.port = 0
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []

    def url(self, scheme: str, path: str = "") -> str:
        """Where it is, for clients."""
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self._context, limit=1 << 24
        )
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()
        if self._failures:
            raise self._failures[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        handler = self.handlers.pop(0) if self.handlers else self.handler
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await handler(Line(reader, writer))
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            pass  # the client is gone, or the test is over
        except h2.exceptions.ProtocolError:
            pass  # the client speaks something else
        except BaseException as failure:
            self._failures.append(failure)
        finally:
            self._tasks.discard(task)
            writer.transport.abort() if isinstance(writer.transport, asyncio.Transport) else None


async def hold(wire: Line) -> None:
    """Read, and say nothing."""
    await wire.ended()


def header(head: str, name: str) -> str | None:
    """Return the value of a header, None when there is none."""
    for line in head.split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == name:
            return value.strip()
    return None


def answering(answer: bytes) -> Handler:
    """Answer each HTTP request with these bytes."""

    async def handler(wire: Line) -> None:
        while True:
            await wire.request()
            wire.write(answer)
            await wire.writer.drain()

    return handler


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return an HTTP answer."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


# --- WebSocket ----------------------------------------------------------------------------


class Session:
    """A WebSocket after its upgrade. Pings are answered, and not told."""

    def __init__(self, wire: Line, head: str) -> None:
        self.wire, self.head = wire, head
        self._frames = Frames()
        self._messages: list[Message] = []
        self.packets, self.pinged = 0, 0
        self.answers_pings = True

    async def read(self) -> Message:
        """Return the next message but pings; ConnectionError when there is no more."""
        while True:
            while self._messages:
                message = self._messages.pop(0)
                if message.opcode != 0x9:
                    return message
                self.pinged += 1
                if self.answers_pings:
                    self.wire.write(frame(0xA, message.payload))
            data = await self.wire.reader.read(1 << 16)
            if not data:
                raise ConnectionResetError
            self.packets += 1
            self._messages += self._frames.feed(data)

    def send(self, payload: bytes, opcode: int = BINARY) -> None:
        """Send a frame."""
        self.wire.write(frame(opcode, payload))

    async def ended(self) -> None:
        """Read until the client is gone."""
        while True:
            await self.read()


def upgraded(serve: Callable[[Session], Awaitable[None]], **headers: str) -> Handler:
    """Accept a WebSocket, and serve it."""

    async def handler(wire: Line) -> None:
        head = await wire.head()
        if head:
            wire.write(upgrade_answer(head, **headers))
            await serve(Session(wire, head))

    return handler


def upgrade_answer(head: str, **headers: str) -> bytes:
    """Return the answer that accepts an upgrade; `headers` add to it or change it."""
    told = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": accept_key(header(head, "sec-websocket-key") or ""),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"{name}: {value}" for name, value in told.items() if value]
    return "\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, "", ""]).encode()


# --- gRPC ---------------------------------------------------------------------------------

GRPC_HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
GRPC_TRAILERS = [("grpc-status", "0")]


class H2:
    """HTTP/2 as a server, call by call."""

    def __init__(self, wire: Line) -> None:
        self.wire = wire
        self.protocol = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.protocol.initiate_connection()
        self.flush()
        self.heads: list[list[tuple[str, str]]] = []
        self._bodies: dict[int, bytes] = {}
        self._calls: list[tuple[int, bytes]] = []

    def flush(self) -> None:
        """Write what was sent."""
        self.wire.write(self.protocol.data_to_send())

    async def call(self) -> tuple[int, bytes]:
        """Return the next call: its stream and the message that came."""
        while not self._calls:
            data = await self.wire.reader.read(1 << 16)
            if not data:
                raise ConnectionResetError
            for event in self.protocol.receive_data(data):
                self._event(event)
            self.flush()
        return self._calls.pop(0)

    def _event(self, event: Any) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self.heads.append([(str(name), str(value)) for name, value in event.headers])
        elif isinstance(event, h2.events.DataReceived):
            self._bodies[event.stream_id] = self._bodies.get(event.stream_id, b"") + event.data
            self.protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self._calls.append((event.stream_id, self._bodies.pop(event.stream_id, b"")[5:]))

    def answer(
        self,
        stream: int,
        message: bytes | None,
        headers: Sequence[tuple[str, str]] = GRPC_HEADERS,
        trailers: Sequence[tuple[str, str]] = GRPC_TRAILERS,
    ) -> None:
        """Answer a call; a message of None leaves it out."""
        self.wire.write(self.encode(stream, message, headers, trailers))

    def encode(
        self,
        stream: int,
        message: bytes | None,
        headers: Sequence[tuple[str, str]] = GRPC_HEADERS,
        trailers: Sequence[tuple[str, str]] = GRPC_TRAILERS,
    ) -> bytes:
        """Return an answer's bytes, to be written by the caller."""
        self.protocol.send_headers(stream, headers, end_stream=not trailers and message is None)
        if message is not None:
            data = b"\x00" + len(message).to_bytes(4, "big") + message
            self.protocol.send_data(stream, data, end_stream=not trailers)
        if trailers:
            self.protocol.send_headers(stream, trailers, end_stream=True)
        return self.protocol.data_to_send()


def speaking_h2(serve: Callable[[H2], Awaitable[None]]) -> Handler:
    """Serve HTTP/2."""

    async def handler(wire: Line) -> None:
        await serve(H2(wire))

    return handler
