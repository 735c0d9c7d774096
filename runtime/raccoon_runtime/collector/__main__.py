"""The command `raccoon-collector`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.metadata
import json
import signal
import ssl
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from ..client import EventMethods
from ..errors import ConfigError
from . import console
from .collector import Collector
from .ledger import Stored
from .schemas import from_package, from_schemas
from .settings import Settings, SettingsKeywords

DESCRIPTION = """\
A Raccoon in memory, for development: it takes events over WebSocket, REST and gRPC, answers as a
Raccoon does, and prints one line for each event that it stores. Nothing is kept on disk."""

EPILOG = """\
example:
  raccoon-collector --schemas schemas/
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(
        prog="raccoon-collector",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    add(
        "--http-port",
        type=int,
        default=8080,
        metavar="PORT",
        help="for WebSocket and REST (default: %(default)s; 0: any that is free)",
    )
    add(
        "--grpc-port",
        type=int,
        default=8081,
        metavar="PORT",
        help="for gRPC (default: %(default)s)",
    )
    decode = made.add_mutually_exclusive_group()
    decode.add_argument(
        "--schemas",
        action="append",
        metavar="DIR",
        help=".proto files or directories to decode events by; repeatable",
    )
    decode.add_argument("--package", metavar="NAME", help="a generated package to decode events by")
    add(
        "--event-ack",
        type=int,
        choices=(0, 1),
        default=1,
        help="1: answer when events are published; 0, a Raccoon's own default: when they "
        "are read (default: %(default)s)",
    )
    add(
        "--dedup",
        action="store_true",
        help="answer a req_guid that came before on the same WebSocket, and drop it",
    )
    add(
        "--identity-header",
        default="X-User-ID",
        metavar="NAME",
        help="the header that tells connections apart (default: %(default)s)",
    )
    add("--group-header", metavar="NAME", help="another one beside it")
    add(
        "--max-connections",
        type=int,
        default=30_000,
        metavar="N",
        help="how many WebSockets at once (default: %(default)s)",
    )
    add("--tls-cert", metavar="FILE", help="serve over TLS with this certificate (PEM)")
    add("--tls-key", metavar="FILE", help="and this key")
    add("--json", action="store_true", help="print a line of JSON for each event")
    version = importlib.metadata.version("raccoon-codegen")
    add("--version", action="version", version=f"%(prog)s {version}")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it was told to stop, 2 when it could not start."""
    options = parser().parse_args(arguments)
    try:
        with ExitStack() as stack:
            events: type[EventMethods[Any]] | None = None
            if options.schemas:
                events = stack.enter_context(from_schemas(options.schemas))
            elif options.package:
                sys.path.insert(0, "")
                events = from_package(options.package)
            asyncio.run(_serve(_settings(options, events), options.json))
    except KeyboardInterrupt:
        return 0
    except (ConfigError, OSError) as error:
        print(f"raccoon-collector: {_explained(error)}", file=sys.stderr)
        return 2
    return 0


def _settings(
    options: argparse.Namespace, events: type[EventMethods[Any]] | None
) -> SettingsKeywords:
    show: Callable[[Stored], str] = console.json_line if options.json else console.line
    return {
        "host": options.host,
        "http_port": options.http_port,
        "grpc_port": options.grpc_port,
        "event_ack": options.event_ack,
        "dedup": options.dedup,
        "identity_header": options.identity_header,
        "group_header": options.group_header,
        "max_connections": options.max_connections,
        "ssl": _tls(options.tls_cert, options.tls_key),
        "keep": 1,
        "events": events,
        "on_event": lambda event: print(show(event), flush=True),
    }


def _tls(certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    if certificate is None:
        if key is not None:
            raise ConfigError("needs --tls-cert, too", argument="--tls-key")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        told = f"{certificate}: {error.strerror or error}"
        raise ConfigError(told, argument="--tls-cert") from error
    return context


def _explained(error: Exception) -> str:
    taken = isinstance(error, OSError) and "listen" in str(error)
    hint = "; choose another port with --http-port, --grpc-port" if taken else ""
    return f"{error.strerror if isinstance(error, OSError) and taken else error}{hint}"


async def _serve(settings: SettingsKeywords, as_json: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Where loops know no signals, Ctrl-C raises KeyboardInterrupt.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopping.set)
    async with Collector(**settings) as collector:
        print(_greeting(collector, as_json), flush=True)
        await stopping.wait()


def _greeting(collector: Collector, as_json: bool) -> str:
    urls = {
        "ws": collector.ws_url,
        "rest": collector.http_url,
        "grpc": collector.grpc_url,
    }
    if as_json:
        return json.dumps({"listening": urls})
    told: Settings = collector.settings
    lines = [f"  {transport:5} {url}" for transport, url in urls.items()]
    about = f"EVENT_ACK={told.event_ack}, identity header {told.identity_header}"
    return "\n".join([f"raccoon-collector listens ({about})", *lines])


if __name__ == "__main__":
    sys.exit(main())
