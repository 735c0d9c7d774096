"""The HTTP side: REST, the WebSocket's upgrade, and what a Go server says to everything else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import posixpath
import socket
from collections.abc import Mapping
from ssl import SSLError
from typing import cast
from urllib.parse import quote, urlsplit

from ..envelope import Code
from . import frames, go_json, go_proto
from .arrival import Arrival, Identity
from .connections import Table
from .faults import Close, HttpStatus, NoUpgrade
from .http1 import Body, BodyError, Head, Headers, HttpError, Reply, read_head
from .intake import Intake, NullEvent, Verdict
from .request import JSON, PROTO, Answer, Request, RequestError, Wire
from .settings import Settings
from .sockets import end, linger, reset, stop_listening
from .source import Source
from .websocket import Session

EVENTS_PATH, PING_PATH = "/api/v1/events", "/ping"
METHODS = {EVENTS_PATH: ("GET", "POST"), PING_PATH: ("GET",)}
# Compared byte for byte: no parameters, no other case.
WIRES: dict[str, Wire] = {"application/json": JSON, "application/proto": PROTO}
# What an answer's code is among HTTP's.
STATUSES = {Code.CODE_OK: 200, Code.CODE_BAD_REQUEST: 400}
GRACE = 5.0
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_ERROR = {**_TEXT, "X-Content-Type-Options": "nosniff"}
_LOG = logging.getLogger("raccoon_runtime.collector")


class Severed(Exception):
    """The connection ends without an answer."""


class Peer:
    """One connection. At a stop it is closed at once unless it is `busy` with a request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.source = Source(reader)
        self.writer = writer
        self.busy = False

    async def hang(self) -> Reply:
        """Answer nothing, until either side ends the connection."""
        self.busy = False
        await self.source.drained()
        raise Severed

    def end(self, hard: bool = False) -> None:
        """End it, by EOF or by RST."""
        transport = cast(asyncio.Transport, self.writer.transport)
        reset(transport) if hard else end(transport)


class HttpSide:
    """Serves every path and method on one port."""

    def __init__(self, settings: Settings, intake: Intake) -> None:
        self._settings = settings
        self._intake = intake
        self._table = Table(settings.max_connections, intake.faults)
        self._server: asyncio.Server | None = None
        self._pinger: asyncio.Task[None] | None = None
        self._peers: dict[asyncio.Task[None], Peer] = {}
        self._sessions: set[Session] = set()

    async def start(self, sock: socket.socket) -> None:
        """Serve on a socket that listens."""
        tls = self._settings.ssl
        self._server = await asyncio.start_server(
            self._connected, sock=sock, ssl=tls, limit=1 << 20
        )
        self._pinger = asyncio.create_task(self._ping(), name="collector-pings")

    async def stop(self) -> None:
        """Stop as on SIGTERM: answer what is under way; WebSockets end without a handshake."""
        server, self._server = self._server, None
        if server is None:
            return
        await stop_listening(server)
        if self._pinger is not None:
            self._pinger.cancel()
        for peer in self._peers.values():
            if not peer.busy:
                peer.end()
        busy = [task for task, peer in self._peers.items() if peer.busy]
        if busy:
            await asyncio.wait(busy, timeout=GRACE)
        self.sever()
        if self._peers:
            await asyncio.wait(self._peers)
            await asyncio.sleep(0)  # transports close a turn later

    def sever(self, hard: bool = False) -> None:
        """End every connection at once, by EOF or by RST."""
        for peer in self._peers.values():
            peer.end(hard)

    @property
    def connections(self) -> int:
        """How many WebSockets are open."""
        return len(self._table)

    async def _ping(self) -> None:
        # One clock for all connections, as in a Raccoon: a first ping may come at once.
        while True:
            await asyncio.sleep(self._settings.ping_interval)
            for session in list(self._sessions):
                session.ping()

    # --- one connection -------------------------------------------------------------

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        task = asyncio.create_task(self._serve(peer), name="collector-http")
        self._peers[task] = peer
        task.add_done_callback(self._peers.pop)

    async def _serve(self, peer: Peer) -> None:
        try:
            while await self._exchange(peer):
                pass
        except HttpError as error:
            peer.writer.write(error.encode())
            peer.busy = False
            with contextlib.suppress(ConnectionError):
                await linger(peer.source, peer.writer)
        except (Severed, ConnectionError, SSLError):
            pass
        except Exception:
            _LOG.exception("a connection ended by a mistake of the collector's own")
        finally:
            peer.writer.close()

    async def _exchange(self, peer: Peer) -> bool:
        """Answer one request; say whether another may follow."""
        head = await read_head(peer.source)
        if head is None:
            return False
        peer.busy = True
        body = Body(head, peer.source, peer.writer)
        reply = await self._reply(peer, head, body)
        keep = await body.skip() and head.keeps and reply.keeps and self._server is not None
        peer.writer.write(reply.encode(head, keep=keep))
        await peer.writer.drain()
        peer.busy = False
        return keep

    async def _reply(self, peer: Peer, head: Head, body: Body) -> Reply:
        expected = head.headers.first("Expect")
        if expected and "100-continue" not in head.headers.tokens("Expect"):
            return Reply(417, keeps=False)
        clean = _clean(head.path)
        if clean != head.path:
            location = quote(clean, safe="$&+,/:;=@-_.~", errors="surrogateescape")
            query = f"?{head.query}" if head.query else ""
            return Reply(301, {"Location": location + query})
        if head.path not in METHODS:
            return Reply(404, _ERROR, b"404 page not found\n")
        if head.method not in METHODS[head.path]:
            return Reply(405)
        if head.path == PING_PATH:
            return Reply(200, _TEXT, b"pong")
        if head.method == "GET":
            return await self._upgrade(peer, head)
        return await self._rest(peer, head, body)

    def _identity(self, headers: Headers) -> Identity:
        group_header = self._settings.group_header
        group = _valid(headers.first(group_header)) if group_header else ""
        identity = _valid(headers.first(self._settings.identity_header))
        return Identity(identity, group or self._settings.group_default)

    # --- WebSocket ------------------------------------------------------------------

    async def _upgrade(self, peer: Peer, head: Head) -> Reply:
        arrival = Arrival("ws", PROTO, self._identity(head.headers))
        fault = self._intake.faults.take(HttpStatus, arrival)
        if fault is not None:
            return _faulty(fault)
        if self._intake.faults.take(NoUpgrade, arrival) is not None:
            return await peer.hang()
        refused = self._refused(head.headers)
        if refused is not None:
            return refused
        if peer.source.ahead:
            raise Severed  # gorilla: "client sent data before handshake is complete"
        key = head.headers.first("Sec-WebSocket-Key")
        peer.writer.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {frames.accept_key(key)}\r\n\r\n".encode()
        )
        peer.busy = False
        session = Session(
            peer.source, peer.writer, arrival.origin, self._settings, self._table, self._intake
        )
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
        raise Severed

    def _refused(self, headers: Headers) -> Reply | None:
        """Return what refuses an upgrade, looking in the server's order."""
        if "upgrade" not in headers.tokens("Connection"):
            return _no_upgrade(400)
        if "websocket" not in headers.tokens("Upgrade"):
            return _no_upgrade(400)
        if "13" not in headers.tokens("Sec-WebSocket-Version"):
            return _no_upgrade(400)
        if self._settings.check_origin and not _same_origin(headers):
            return _no_upgrade(403)
        return None if headers.first("Sec-WebSocket-Key") else _no_upgrade(400)

    # --- REST -----------------------------------------------------------------------

    async def _rest(self, peer: Peer, head: Head, body: Body) -> Reply:
        content_type = head.headers.first("Content-Type")
        wire = WIRES.get(content_type)
        if wire is None:
            told = Answer(Code.CODE_BAD_REQUEST, "invalid content type")
            return _answer(told, JSON, content_type)
        try:
            data = await body.read()
        except BodyError:
            told = Answer(Code.CODE_INTERNAL_ERROR, "deserialization failure")
            return _answer(told, wire, content_type, keeps=False)
        request = Request()
        arrival = Arrival("rest", wire, self._identity(head.headers), data, request)
        parse = go_json.parse_request if wire == JSON else go_proto.parse_request
        try:
            parse(data, request)
        except RequestError:
            self._intake.refused(arrival)
            told = Answer(Code.CODE_BAD_REQUEST, "deserialization failure")
            return _answer(told, wire, content_type)
        try:
            verdict = self._intake.take(arrival)
        except NullEvent:
            raise Severed from None
        return await self._carry_out(peer, verdict, wire, content_type)

    async def _carry_out(
        self, peer: Peer, verdict: Verdict, wire: Wire, content_type: str
    ) -> Reply:
        instead = verdict.instead
        if isinstance(instead, HttpStatus):
            return _faulty(instead)
        if isinstance(instead, Close):
            peer.end(instead.reset)
            raise Severed
        if not verdict.answers:
            return await peer.hang()
        await asyncio.sleep(verdict.delay)
        return _answer(verdict.answers[0], wire, content_type)


def _answer(answer: Answer, wire: Wire, content_type: str, *, keeps: bool = True) -> Reply:
    status = STATUSES.get(answer.code, 500)
    return Reply(status, {"Content-Type": content_type}, answer.encode(wire), keeps=keeps)


def _faulty(fault: HttpStatus) -> Reply:
    headers: Mapping[str, str] = {**_TEXT, **fault.headers}
    return Reply(fault.status, headers, fault.body.encode())


def _no_upgrade(status: int) -> Reply:
    told = {400: b"Bad Request\n", 403: b"Forbidden\n"}[status]
    return Reply(status, {**_ERROR, "Sec-Websocket-Version": "13"}, told)


def _same_origin(headers: Headers) -> bool:
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        # Whoever the user is; the port counts.
        there = urlsplit(origin[0]).netloc.rpartition("@")[2]
    except ValueError:
        return False
    return there.lower() == headers.first("Host").lower()


def _valid(value: str) -> str:
    return value.encode(errors="surrogateescape").decode(errors="replace")


def _clean(path: str) -> str:
    """Return the path as Go's router has it: no empty, `.` or `..` parts, a last slash kept."""
    clean = posixpath.normpath("/" + path.lstrip("/"))
    return clean + "/" if path.endswith("/") and clean != "/" else clean
