"""The command `raccoon-collector`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from ..errors import ConfigError
from . import console
from .arguments import parser, settings
from .collector import Collector
from .control import Control
from .ledger import Stored
from .schemas import from_package, from_schemas
from .settings import SettingsKeywords
from .sockets import AddressError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it was told to stop, 2 when it could not start."""
    options = parser().parse_args(arguments)
    # A terminal that cannot show a character is no reason to lose a connection.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # not on a stand-in
    try:
        with ExitStack() as stack:
            told = settings(options)
            if options.import_roots and not options.schemas:
                raise ConfigError("needs --schemas, too", argument="-I")
            if options.schemas:
                made = from_schemas(options.schemas, options.import_roots or ())
                told["events"] = stack.enter_context(made)
            elif options.package:
                sys.path.insert(0, "")
                told["events"] = from_package(options.package)
            asyncio.run(_Command(options).run(told))
    except KeyboardInterrupt:
        return 0
    except (ConfigError, OSError) as error:
        why = "\n".join(map(console.safe, _told(error).splitlines()))
        print(f"raccoon-collector: {why}", file=sys.stderr)
        return 2
    return 0


def _told(error: Exception) -> str:
    if isinstance(error, AddressError) and error.errno == errno.EADDRINUSE:
        return f"{error}; another port: --http-port, --grpc-port (0 is any that is free)"
    return str(error)


class _Command:
    """The collector, its output and its input, until it is told to stop."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._json = options.json or options.control
        self._quiet = options.quiet
        self._control = options.control
        self._stopping = asyncio.Event()

    async def run(self, told: SettingsKeywords) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            # Where loops know no signals, Ctrl-C raises KeyboardInterrupt.
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, self._stopping.set)
        if not self._quiet:
            show: Callable[[Stored], str] = console.json_line if self._json else console.line
            told["on_event"] = lambda event: self._print(show(event))
        async with Collector(**told) as collector:
            self._print(self._greeting(collector))
            if self._control:
                self._listen(loop, Control(collector))
            await self._stopping.wait()

    def _greeting(self, collector: Collector) -> str:
        urls = {"ws": collector.ws_url, "rest": collector.http_url, "grpc": collector.grpc_url}
        if self._json:
            return json.dumps({"listening": urls})
        told = collector.settings
        lines = [f"  {transport:5} {url}" for transport, url in urls.items()]
        about = f"EVENT_ACK={told.event_ack}, identity header {told.identity_header}"
        return "\n".join([f"raccoon-collector listens ({about})", *lines])

    def _print(self, line: str) -> None:
        try:
            print(line, flush=True)
        except BrokenPipeError:
            # Nobody reads any more. What is left in the buffer must not fail at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._stopping.set()

    def _listen(self, loop: asyncio.AbstractEventLoop, control: Control) -> None:
        """Answer what comes on stdin, and stop at its end."""

        def answer(line: bytes) -> None:
            self._print(control.answer(line))

        def read() -> None:
            # Not sys.stdin: a daemon thread with its lock makes the interpreter's exit a crash.
            with contextlib.suppress(OSError), open(0, "rb", 0, closefd=False) as lines:
                for line in lines:
                    tell(answer, line)
            tell(self._stopping.set)

        def tell(what: Callable[..., object], *arguments: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(what, *arguments)

        threading.Thread(target=read, name="collector-control", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
