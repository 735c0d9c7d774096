"""A collector in a process of its own, for tests that stop it, kill it or count its CPU time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import orjson
from typing_extensions import Self

from . import control, ledger_file
from .faults import Fault
from .ledger_file import Entry
from .sockets import AddressError, Port


class CollectorProcess:
    """Runs `raccoon-collector --control`; the arguments are the command's, besides the ports.

        with CollectorProcess(ledger=path) as collector:
            client = EventClient.connect(collector.ws_url)
            collector.add(Unpublishable(times=3))
            collector.kill()
            collector.start()                    # on the same ports
            ...
        entries = list(collector.entries())      # what it received, over all its lives

    For one thread. A collector that does not answer as it should raises a RuntimeError.
    """

    def __init__(
        self,
        *arguments: str,
        http_port: int = 0,
        grpc_port: int = 0,
        ledger: str | os.PathLike[str] | None = None,
    ) -> None:
        self._arguments = arguments
        self._ports = [http_port, grpc_port]
        self._kept: list[Port] = []  # while it is not running
        self._ledger = ledger
        self._process: subprocess.Popen[bytes] | None = None
        self.ws_url = self.http_url = self.grpc_url = ""

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._running().pid

    def start(self) -> Self:
        """Start it, or start it again on its ports, and return when it listens."""
        http_port, grpc_port = map(str, self._ports)
        command = [sys.executable, "-m", "raccoon_runtime.collector", "--control", "--quiet"]
        command += ["--http-port", http_port, "--grpc-port", grpc_port, *self._arguments]
        if self._ledger is not None:
            command += ["--ledger", os.fspath(self._ledger)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        urls: dict[str, str] = self._told()["listening"]
        self.ws_url, self.http_url, self.grpc_url = urls["ws"], urls["rest"], urls["grpc"]
        self._ports = [urlsplit(url).port or 0 for url in (self.http_url, self.grpc_url)]
        self._kept = []
        return self

    def add(self, fault: Fault) -> int:
        """Let something go wrong from now on; give the number to remove it by."""
        return int(self._ask({"do": "add", **control.encode(fault)})["id"])

    def remove(self, number: int) -> None:
        """Take back what was added."""
        self._ask({"do": "remove", "id": number})

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._ask({"do": "clear"})

    def forget(self) -> None:
        """Forget what was received, and count from 0; the ledger stays."""
        self._ask({"do": "forget"})

    def sever(self, *, reset: bool = False) -> None:
        """End every WebSocket and gRPC connection, by EOF or RST."""
        self._ask({"do": "sever", "reset": reset})

    def stats(self) -> dict[str, int]:
        """Return the numbers of requests received, events stored, WebSockets, and faults."""
        return self._ask({"do": "stats"})

    def signal(self, number: int) -> None:
        """Send a signal: SIGSTOP to make it a black hole, SIGCONT to wake it."""
        self._running().send_signal(number)

    def kill(self) -> None:
        """Kill it, as a machine does that fails."""
        process = self._running()
        process.kill()
        self._end(process)

    def stop(self) -> int:
        """Stop it by SIGTERM, as at a deploy, and return its exit code."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        return self._end(process)

    def entries(self) -> Iterator[Entry]:
        """Give the requests in the ledger."""
        assert self._ledger is not None, "it was started without one"
        return ledger_file.read(self._ledger)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.kill()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the collector is not running")
        return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        self._process = None
        with process:
            code = process.wait()
        if self.http_url:
            self._keep_ports()
        return code

    def _keep_ports(self) -> None:
        host = urlsplit(self.http_url).hostname or ""
        with contextlib.suppress(AddressError):  # `start` tells of it, if one is still taken then
            self._kept = [Port(host, port) for port in self._ports]

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        process = self._running()
        assert process.stdin is not None
        process.stdin.write(orjson.dumps(asked, option=orjson.OPT_APPEND_NEWLINE))
        told = self._told()
        if "error" in told:
            raise RuntimeError(told["error"])
        return told

    def _told(self) -> dict[str, Any]:
        process = self._running()
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the collector ended, with exit code {self._end(process)}")
        found: dict[str, Any] = orjson.loads(line)
        return found
