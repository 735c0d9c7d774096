"""The HTTP side: REST, the WebSocket's upgrade, and what a Go server says to everything else."""

from __future__ import annotations

import asyncio
import posixpath
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web

from ..envelope import Code
from . import go_json, go_proto
from .arrival import Arrival, Identity
from .connections import Table
from .faults import Close, HttpStatus, NoUpgrade
from .intake import Intake, NullEvent, Verdict
from .request import JSON, PROTO, Answer, Request, RequestError, Wire
from .settings import Settings
from .sockets import reset
from .websocket import Session, upgrade

EVENTS_PATH, PING_PATH = "/api/v1/events", "/ping"
METHODS = {EVENTS_PATH: ("GET", "POST"), PING_PATH: ("GET",)}
# Compared byte for byte: no parameters, no other case.
WIRES: dict[str, Wire] = {"application/json": JSON, "application/proto": PROTO}
# What an answer's code is among HTTP's.
STATUSES = {Code.CODE_OK: 200, Code.CODE_BAD_REQUEST: 400}
REASONS = {400: "Bad Request", 403: "Forbidden"}
GRACE = 5.0


class HttpSide:
    """Serves every path and method on one port."""

    def __init__(self, settings: Settings, intake: Intake) -> None:
        self._settings = settings
        self._intake = intake
        self._table = Table(settings.max_connections, intake.faults)
        self._sessions: set[Session] = set()
        self._runner: web.AppRunner | None = None
        self._pinger: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def start(self, sock: socket.socket) -> None:
        """Serve on a socket that listens."""
        self._stopping = asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        app.on_response_prepare.append(_as_go)
        # Go decompresses no body. A handler ends with its connection.
        self._runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,
            shutdown_timeout=GRACE,
            max_line_size=1 << 20,
            max_field_size=1 << 20,
        )
        await self._runner.setup()
        tls = self._settings.ssl
        await web.SockSite(self._runner, sock, ssl_context=tls).start()
        self._pinger = asyncio.create_task(self._ping(), name="collector-pings")

    async def stop(self) -> None:
        """Stop as on SIGTERM: answer what is under way; WebSockets end without a handshake."""
        self._stopping.set()
        if self._pinger is not None:
            self._pinger.cancel()
        if self._runner is not None:
            for site in list(self._runner.sites):
                await site.stop()
            self.sever()
            await self._runner.cleanup()

    def sever(self, hard: bool = False) -> None:
        """End every WebSocket at once, by EOF or by RST."""
        for session in list(self._sessions):
            session.end(hard)

    @property
    def connections(self) -> int:
        """How many WebSockets are open."""
        return len(self._table)

    async def _ping(self) -> None:
        # One clock for all connections, as in a Raccoon: a first ping may come at once.
        while True:
            await asyncio.sleep(self._settings.ping_interval)
            for session in list(self._sessions):
                try:
                    await session.ping()
                except ConnectionError:
                    continue

    async def _serve(self, http: web.Request) -> web.StreamResponse:
        path = http.path
        clean = _clean(path)
        if clean != path:
            query = f"?{http.query_string}" if http.query_string else ""
            return web.Response(status=301, headers={"Location": clean + query})
        if path not in METHODS:
            return _text(404, "404 page not found\n")
        if http.method not in METHODS[path]:
            return web.Response(status=405)
        if path == PING_PATH:
            return _text(200, "pong")
        if http.method == "GET":
            return await self._upgrade(http)
        return await self._rest(http)

    def _identity(self, headers: Mapping[str, str]) -> Identity:
        group_header = self._settings.group_header
        group = _header(headers, group_header) if group_header else ""
        identity = _header(headers, self._settings.identity_header)
        return Identity(identity, group or self._settings.group_default)

    async def _hang(self, http: web.Request) -> web.StreamResponse:
        """Answer nothing, until the connection or the collector ends."""
        await self._stopping.wait()
        return await self._end(http)

    async def _end(self, http: web.Request, hard: bool = False) -> web.StreamResponse:
        """End the connection instead of answering."""
        transport = http.transport
        if hard:
            reset(transport)
        elif transport is not None:
            transport.close()
        # Whatever is returned here has nowhere to go.
        return web.Response()

    # --- WebSocket ------------------------------------------------------------------

    async def _upgrade(self, http: web.Request) -> web.StreamResponse:
        arrival = Arrival("ws", PROTO, self._identity(http.headers))
        fault = self._intake.faults.take(HttpStatus, arrival)
        if fault is not None:
            return _status(fault)
        if self._intake.faults.take(NoUpgrade, arrival) is not None:
            return await self._hang(http)
        status = self._refused(http)
        if status is not None:
            return _text(status, f"{REASONS[status]}\n", {"Sec-Websocket-Version": "13"})
        ws = upgrade()
        await ws.prepare(http)
        transport = http.transport
        if transport is None:
            return ws
        session = Session(ws, transport, arrival.origin, self._settings, self._table, self._intake)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
        return ws

    def _refused(self, http: web.Request) -> int | None:
        """Return the status that refuses an upgrade, looking in the server's order."""
        headers = http.headers
        if "upgrade" not in _tokens(headers, "Connection"):
            return 400
        if "websocket" not in _tokens(headers, "Upgrade"):
            return 400
        if "13" not in _tokens(headers, "Sec-WebSocket-Version"):
            return 400
        origin = headers.get("Origin")
        if self._settings.check_origin and origin is not None:
            try:
                same = urlsplit(origin).netloc.lower() == http.host.lower()
            except ValueError:
                same = False
            if not same:
                return 403
        return None if headers.get("Sec-WebSocket-Key") else 400

    # --- REST -----------------------------------------------------------------------

    async def _rest(self, http: web.Request) -> web.StreamResponse:
        content_type = http.headers.get("Content-Type", "")
        wire = WIRES.get(content_type)
        body = await http.content.read()
        if wire is None:
            told = Answer(Code.CODE_BAD_REQUEST, "invalid content type")
            return _answer(told, JSON, content_type)
        request = Request()
        arrival = Arrival("rest", wire, self._identity(http.headers), body, request)
        parse = go_json.parse_request if wire == JSON else go_proto.parse_request
        try:
            parse(body, request)
        except RequestError:
            self._intake.refused(arrival)
            told = Answer(Code.CODE_BAD_REQUEST, "deserialization failure")
            return _answer(told, wire, content_type)
        try:
            verdict = self._intake.take(arrival)
        except NullEvent:
            return await self._end(http)
        return await self._carry_out(http, verdict, wire)

    async def _carry_out(
        self, http: web.Request, verdict: Verdict, wire: Wire
    ) -> web.StreamResponse:
        instead = verdict.instead
        if isinstance(instead, HttpStatus):
            return _status(instead)
        if isinstance(instead, Close):
            return await self._end(http, instead.reset)
        if not verdict.answers:
            return await self._hang(http)
        await asyncio.sleep(verdict.delay)
        return _answer(verdict.answers[0], wire, http.headers["Content-Type"])


async def _as_go(http: web.Request, response: web.StreamResponse) -> None:
    """Take out what aiohttp adds and Go does not."""
    response.headers.pop("Server", None)
    if response.status in (301, 405):
        response.headers.pop("Content-Type", None)


def _text(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    told = {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}
    if status >= 400:
        told["X-Content-Type-Options"] = "nosniff"
    return web.Response(status=status, body=text.encode(), headers=told)


def _answer(answer: Answer, wire: Wire, content_type: str) -> web.Response:
    return web.Response(
        status=STATUSES.get(answer.code, 500),
        body=answer.encode(wire),
        headers={"Content-Type": content_type},
    )


def _status(fault: HttpStatus) -> web.Response:
    headers = {"Content-Type": "text/plain; charset=utf-8", **fault.headers}
    return web.Response(status=fault.status, body=fault.body.encode(), headers=headers)


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    return value.encode(errors="surrogateescape").decode(errors="replace")


def _tokens(headers: Mapping[str, str], name: str) -> set[str]:
    return {token.strip().lower() for token in headers.get(name, "").split(",")}


def _clean(path: str) -> str:
    """Return the path as Go's router has it: no empty, `.` or `..` parts, a last slash kept."""
    clean = posixpath.normpath("/" + path.lstrip("/"))
    return clean + "/" if path.endswith("/") and clean != "/" else clean
