"""The dev collector: what a Raccoon would do, in memory."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, TypeVar

from typing_extensions import Self, Unpack

from ..errors import UsageError
from ..message import Message
from .decoder import decoded
from .faults import Faults
from .grpc import GrpcSide
from .http import EVENTS_PATH, HttpSide
from .intake import Intake
from .ledger import Ledger, Received, Stored
from .settings import Settings, SettingsKeywords
from .sockets import Port

M = TypeVar("M", bound=Message)


class Collector:
    """Speaks REST, WebSocket and gRPC as a Raccoon does, and keeps what it receives.

        async with Collector(event_ack=1) as collector:
            client = AsyncEventClient.connect(collector.ws_url)
            ...
            events = await collector.wait_for(2)

    Without asyncio: `with Collector.in_thread() as collector:` and `collector.wait(2)`. The
    keywords are those of `Settings`; ports are the system's choice unless told. After `stop` it can
    be started again: on the same ports, with what it has. Without asyncio `stopped` does both. The
    ports are nobody else's meanwhile (on Linux).
    """

    def __init__(self, **settings: Unpack[SettingsKeywords]) -> None:
        self.settings = Settings(**settings)
        self.faults = Faults()
        self._ledger = Ledger(self.settings.keep)
        self._intake = Intake(self.settings, self._ledger, self.faults)
        self._http = HttpSide(self.settings, self._intake)
        self._grpc = GrpcSide(self.settings, self._intake)
        self.http_port: int = self.settings.http_port
        self.grpc_port: int = self.settings.grpc_port
        self._ports: tuple[Port, Port] | None = None  # of HTTP and of gRPC
        self._loop: asyncio.AbstractEventLoop | None = None
        self._home: asyncio.AbstractEventLoop | None = None  # that of `in_thread`

    # --- where it is ----------------------------------------------------------------

    @property
    def http_url(self) -> str:
        """Where REST clients send to."""
        return self._url("http", self.http_port, EVENTS_PATH)

    @property
    def ws_url(self) -> str:
        """Where WebSocket clients connect to."""
        return self._url("ws", self.http_port, EVENTS_PATH)

    @property
    def grpc_url(self) -> str:
        """Where gRPC clients connect to."""
        return self._url("grpc", self.grpc_port, "")

    def _url(self, scheme: str, port: int, path: str) -> str:
        secure = "" if self.settings.ssl is None else "s"
        host = self.settings.host
        host = f"[{host}]" if ":" in host else host
        return f"{scheme}{secure}://{host}:{port}{path}"

    # --- what it has ----------------------------------------------------------------

    @property
    def stored(self) -> list[Stored]:
        """The events that were published, in their order."""
        return self._ledger.stored

    @property
    def received(self) -> list[Received]:
        """The requests that came, in their order, whatever came of them."""
        return self._ledger.received

    @property
    def stored_count(self) -> int:
        """How many events were published, those included that were not kept."""
        return self._ledger.stored_count

    @property
    def received_count(self) -> int:
        """How many requests came, those included that were not kept."""
        return self._ledger.received_count

    def messages(self, kind: type[M], /) -> list[M]:
        """Return the events of a generated class, decoded; those of its type that were published.

        DecodeError when one of them is no such message; ValueError when the class is no event.
        """
        if kind.__event__ is None:
            raise ValueError(f"{kind.__name__} is no event, so none is ever stored")
        stored = [event for event in self.stored if event.type == kind.__event__]
        return [decoded(kind, event.event_bytes) for event in stored]

    @property
    def connections(self) -> int:
        """How many WebSockets are open."""
        return self._http.connections

    def clear(self) -> None:
        """Forget what it has."""
        self._ledger.clear()

    async def wait_for(self, n: int, timeout: float = 10.0) -> list[Stored]:
        """Return the events once there are `n`; TimeoutError tells how many there were."""
        return await self._ledger.wait_for(n, timeout)

    def wait(self, n: int, timeout: float = 10.0) -> list[Stored]:
        """Block until there are `n` events and return them; not for the collector's own thread."""
        return self._ledger.wait(n, timeout)

    # --- its life -------------------------------------------------------------------

    async def start(self) -> None:
        """Listen on both ports; an OSError names the address that is taken."""
        await self._at_home(self._start)

    async def stop(self) -> None:
        """Stop as a Raccoon does on SIGTERM.

        What is under way is answered; WebSockets end without a close frame.
        """
        await self._at_home(self._stop)

    @contextmanager
    def stopped(self) -> Generator[None]:
        """Be stopped while the `with` block lasts; for a collector of `in_thread`."""
        home = self._home
        if home is None:
            raise UsageError("stopped() is for in_thread(); here await stop() and start()")
        asyncio.run_coroutine_threadsafe(self._stop(), home).result()
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(self._start(), home).result()

    async def _at_home(self, do: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do it in the loop to which it belongs, whichever runs here."""
        home = self._home
        if home is None or home is asyncio.get_running_loop():
            await do()
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(do(), home))

    async def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self.settings.ssl is not None:
            self.settings.ssl.set_alpn_protocols(["http/1.1", "h2"])
        if self._ports is None:
            host = self.settings.host
            self._ports = Port(host, self.http_port), Port(host, self.grpc_port)
        with ExitStack() as undo:
            http, grpc = [undo.enter_context(port.listen()) for port in self._ports]
            self._intake.open()
            undo.pop_all()
        self.http_port, self.grpc_port = [port.number for port in self._ports]
        await self._http.start(http)
        await self._grpc.start(grpc)

    async def _stop(self) -> None:
        await self._grpc.stop()
        await self._http.stop()
        self._intake.close()

    def sever(self, *, reset: bool = False) -> None:
        """End every connection, by EOF or RST, and go on listening."""
        assert self._loop is not None, "it was not started"
        self._loop.call_soon_threadsafe(self._http.sever, reset)
        self._loop.call_soon_threadsafe(self._grpc.sever, reset)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()
        for port in self._ports or ():
            port.close()
        self._ports = None

    @classmethod
    @contextmanager
    def in_thread(cls, **settings: Unpack[SettingsKeywords]) -> Generator[Self]:
        """Run a collector in a thread of its own while the `with` block lasts."""
        collector = cls(**settings)
        started: concurrent.futures.Future[None] = concurrent.futures.Future()
        ending: concurrent.futures.Future[None] = concurrent.futures.Future()

        async def serve() -> None:
            collector._home = asyncio.get_running_loop()
            try:
                await collector.start()
            except BaseException as error:
                started.set_exception(error)
                return
            started.set_result(None)
            await asyncio.wrap_future(ending)
            await collector.__aexit__(None, None, None)
            collector._home = None

        thread = threading.Thread(
            target=lambda: asyncio.run(serve()), name="raccoon-collector", daemon=True
        )
        thread.start()
        try:
            started.result()
            yield collector
        finally:  # also when the start was interrupted
            ending.set_result(None)
            thread.join()
