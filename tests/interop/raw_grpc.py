"""gRPC calls by hand, over nothing but HTTP/2."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import h2.config
import h2.connection
import h2.events
from grpclib import Status
from hyperframe.frame import Frame, GoAwayFrame

from .raw import PATIENCE, Severed

METHOD = "/raystack.raccoon.v1beta1.EventService/SendEvent"
HEADERS = {
    ":method": "POST",
    ":scheme": "http",
    ":path": METHOD,
    ":authority": "localhost",
    "te": "trailers",
    "content-type": "application/grpc",
}


@dataclass(frozen=True)
class GrpcAnswer:
    """What came of a call: headers, HTTP's status among them, the framed message, trailers."""

    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    data: bytes = b""
    trailers: Mapping[str, str] = field(default_factory=dict[str, str])
    reset: int | None = None

    @property
    def status(self) -> str:
        """gRPC's status, by its name."""
        told = {**self.headers, **self.trailers}
        return Status(int(told["grpc-status"])).name

    @property
    def message(self) -> str:
        """What the status says."""
        told = {**self.headers, **self.trailers}
        return unquote(told.get("grpc-message", ""))

    @property
    def body(self) -> bytes:
        """The one message, which is not compressed; nothing without one."""
        if not self.data:
            return b""
        assert self.data[0] == 0
        assert int.from_bytes(self.data[1:5], "big") == len(self.data) - 5
        return self.data[5:]


def message(body: bytes, flag: int = 0) -> bytes:
    """A message as it is framed; the flag is 1 when it is compressed."""
    return bytes((flag,)) + len(body).to_bytes(4, "big") + body


class Connection:
    """Calls on one connection, one at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        # Tests send what h2 would not.
        config = h2.config.H2Configuration(
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
            header_encoding="utf-8",
        )
        self.protocol = h2.connection.H2Connection(config)
        self.protocol.initiate_connection()
        self.pongs = 0
        self.going: list[tuple[int, int, bytes]] = []
        """Error code, last stream and words of each GOAWAY."""
        self._left = b""
        self.flush()

    def flush(self) -> None:
        """Write what HTTP/2 has to say."""
        self._writer.write(self.protocol.data_to_send())

    async def events(self) -> Sequence[h2.events.Event]:
        """Return what comes next; Severed at the end."""
        try:
            data = await asyncio.wait_for(self._reader.read(1 << 16), PATIENCE)
        except ConnectionError as error:
            raise Severed from error
        if not data:
            raise Severed
        found = self.protocol.receive_data(self._without_goaway(data))
        for event in found:
            if isinstance(event, h2.events.PingAckReceived):
                self.pongs += 1
            elif isinstance(event, h2.events.DataReceived):
                size = event.flow_controlled_length or 0
                self.protocol.acknowledge_received_data(size, event.stream_id)
        self.flush()
        return found

    def _without_goaway(self, data: bytes) -> bytes:
        """Take a GOAWAY out of what came: h2 would have no more to do with the connection, where
        other clients let their calls finish.
        """
        self._left += data
        found = b""
        while len(self._left) >= 9:
            frame, size = Frame.parse_frame_header(memoryview(self._left[:9]))
            if len(self._left) < 9 + size:
                break
            whole, self._left = self._left[: 9 + size], self._left[9 + size :]
            if isinstance(frame, GoAwayFrame):
                frame.parse_body(memoryview(whole[9:]))
                self.going.append((frame.error_code, frame.last_stream_id, frame.additional_data))
            else:
                found += whole
        return found

    async def call(
        self, data: bytes, headers: Mapping[str, str | None] | None = None, *, end: bool = True
    ) -> GrpcAnswer:
        """Send framed messages with these headers besides, or instead of, the usual ones.

        A header of None is left out. Without `end` the stream stays open on this side.
        """
        given = {**HEADERS, **(headers or {})}
        stream = self.protocol.get_next_available_stream_id()
        sent = [(name, value) for name, value in given.items() if value is not None]
        self.protocol.send_headers(stream, sent, end_stream=end and not data)
        answer = GrpcAnswer()
        left = data
        while True:
            left = self._push(stream, left, end)
            for event in await self.events():
                if getattr(event, "stream_id", stream) != stream:
                    continue
                answer = _grown(answer, event)
                if isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                    return answer

    def _push(self, stream: int, data: bytes, end: bool) -> bytes:
        """Send what the windows have room for, and return the rest."""
        while data and self.protocol.streams[stream].open:
            room = self.protocol.local_flow_control_window(stream)
            size = min(room, self.protocol.max_outbound_frame_size, len(data))
            if size <= 0:
                break
            self.protocol.send_data(stream, data[:size], end_stream=end and size == len(data))
            data = data[size:]
        self.flush()
        return data


def _grown(answer: GrpcAnswer, event: h2.events.Event) -> GrpcAnswer:
    if isinstance(event, h2.events.ResponseReceived):
        return dataclasses.replace(answer, headers=_texts(event.headers))
    if isinstance(event, h2.events.TrailersReceived):
        return dataclasses.replace(answer, trailers=_texts(event.headers))
    if isinstance(event, h2.events.DataReceived):
        return dataclasses.replace(answer, data=answer.data + (event.data or b""))
    if isinstance(event, h2.events.StreamReset):
        return dataclasses.replace(answer, reset=int(event.error_code or 0))
    return answer


def _texts(headers: Sequence[tuple[object, object]] | None) -> dict[str, str]:
    return {str(name): str(value) for name, value in headers or ()}


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Connection]:
    """Open a connection to `grpc://host:port`."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


async def call(
    url: str, body: bytes, headers: Mapping[str, str | None] | None = None
) -> GrpcAnswer:
    """Make one call with one message, on a connection of its own."""
    async with connect(url) as connection:
        return await connection.call(message(body), headers)
