"""The server under test, in a process of its own: the collector, or a real Raccoon.

What takes time runs in a thread, so that the client's event loop is never held by its tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections import defaultdict
from pathlib import Path
from typing import ClassVar, Protocol

from raccoon_runtime.collector import Fault
from raccoon_runtime.collector.process import CollectorProcess

from ..ports import own_port
from .books import NO_GUID, Ledger
from .events import number_in

PATIENCE = 20.0
TRIES, SOON = 6, 3.0  # seconds until a server listens
REAL = "RACCOON_BIN"


class Process(Protocol):
    """What both kinds of process can do."""

    def start(self) -> object: ...
    def stop(self) -> int: ...
    def kill(self) -> None: ...
    def signal(self, number: int) -> None: ...
    def url(self, transport: str) -> str: ...
    def ledger(self) -> Ledger: ...


class CollectorServer(CollectorProcess):
    """The collector, with a ledger on disk."""

    def url(self, transport: str) -> str:
        """Return the address for a transport."""
        return {"ws": self.ws_url, "rest": self.http_url, "grpc": self.grpc_url}[transport]

    def ledger(self) -> Ledger:
        """Return in which requests each event was published, over all lives of the process."""
        found: dict[int, list[str]] = defaultdict(list)
        for entry in self.entries():
            for _, data in entry.events:
                number = number_in(data)
                if number is not None:
                    found[number].append(entry.req_guid)
        return dict(found)


class RaccoonServer:
    """The real server with its log publisher, whose log is the ledger."""

    def __init__(self, binary: str, log: Path, *, event_ack: int = 1, dedup: bool = False) -> None:
        self._log = log
        self._http, self._grpc = own_port(), own_port()
        self._command = [binary, "server", "--publisher.type", "log"]
        self._command += ["--server.websocket.conn.id.header", "X-User-ID"]
        self._command += ["--event.ack", str(event_ack)]
        self._command += ["--server.websocket.port", str(self._http)]
        self._command += ["--server.grpc.port", str(self._grpc)]
        if dedup:
            self._command.append("--server.batch.dedup.in.connection.enabled")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, again on the same ports, and return when it listens."""
        for _ in range(TRIES):
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command, stdout=log, stderr=log, cwd=self._log.parent
                )
            if all(map(_listens, (self._http, self._grpc))):
                return
            self.kill()  # now and then it starts without its HTTP side, and does not say why
        raise RuntimeError(f"the server does not listen: {self._log.read_text()[-2000:]}")

    def stop(self) -> int:
        """Stop it by SIGTERM, and return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self._end(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def url(self, transport: str) -> str:
        """Return the address for a transport."""
        http = f"127.0.0.1:{self._http}/api/v1/events"
        grpc = f"grpc://127.0.0.1:{self._grpc}"
        return {"ws": f"ws://{http}", "rest": f"http://{http}", "grpc": grpc}[transport]

    def ledger(self) -> Ledger:
        """Return how often each event was published; its log does not tell in which request."""
        found: dict[int, list[str]] = defaultdict(list)
        with self._log.open("rb") as lines:
            for line in lines:
                number = number_in(line) if b"LogPublisher" in line else None
                if number is not None:
                    found[number].append(NO_GUID)
        return dict(found)

    def _end(self, number: int) -> int:
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(number)
        return process.wait(PATIENCE)


class Server:
    """What rows do to a server."""

    is_real: ClassVar[bool] = REAL in os.environ

    def __init__(self, directory: Path, *, event_ack: int = 1, dedup: bool = False) -> None:
        self.runs = self.starting = False
        self._process: Process = self._made(directory, event_ack, dedup)

    def _made(self, directory: Path, event_ack: int, dedup: bool) -> Process:
        if self.is_real:
            log = directory / "raccoon.log"
            return RaccoonServer(os.environ[REAL], log, event_ack=event_ack, dedup=dedup)
        told = ["--event-ack", str(event_ack), *(["--dedup"] if dedup else [])]
        return CollectorServer(*told, ledger=directory / "ledger.jsonl")

    @property
    def faults(self) -> CollectorServer:
        """The collector, to tell it what should go wrong."""
        assert isinstance(self._process, CollectorServer), "a real server has no faults to add"
        return self._process

    def url(self, transport: str) -> str:
        """Return the address for a transport."""
        return self._process.url(transport)

    def port(self, transport: str) -> int:
        """Return the port for a transport."""
        return int(self.url(transport).split(":")[2].split("/")[0])

    def ledger(self) -> Ledger:
        """Return in which requests each event was published."""
        return self._process.ledger()

    async def start(self) -> None:
        """Start it, again on the same ports, and return when it listens."""
        self.starting = True
        await asyncio.to_thread(self._process.start)
        self.starting, self.runs = False, True

    async def stop(self) -> None:
        """Stop it by SIGTERM."""
        self.runs = False
        await asyncio.to_thread(self._process.stop)

    async def kill(self) -> None:
        """Kill it by SIGKILL."""
        self.runs = False
        await asyncio.to_thread(self._process.kill)

    def pause(self) -> None:
        """Make it a black hole, by SIGSTOP."""
        self._process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Wake it again, by SIGCONT."""
        self._process.signal(signal.SIGCONT)

    async def add(self, *faults: Fault) -> list[int]:
        """Let these go wrong from now on; give the numbers to remove them by."""
        return [await asyncio.to_thread(self.faults.add, fault) for fault in faults]

    async def clear(self) -> None:
        """Let nothing go wrong any more."""
        await asyncio.to_thread(self.faults.clear)

    async def end(self) -> None:
        """End it, whatever state it is in."""
        if self.runs:
            await self.kill()


def _listens(port: int) -> bool:
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        time.sleep(0.01)  # it says nowhere that it does
    return False
