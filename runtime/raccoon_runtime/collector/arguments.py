"""What the command takes, and the settings that it makes."""

from __future__ import annotations

import argparse
import ssl
from collections.abc import Callable

from .. import version
from ..errors import ConfigError
from .settings import SettingsKeywords

DESCRIPTION = """\
A Raccoon in memory, for development and tests. It takes events over WebSocket, REST and gRPC,
answers as a Raccoon does, and prints one line for each event that was published. Nothing is kept
on disk unless --ledger says so."""

EPILOG = """\
examples:
  raccoon-collector                        listen on the ports of a Raccoon, 8080 and 8081
  raccoon-collector --schemas schemas/     show events by their .proto files, whatever sent them
  raccoon-collector --json > events.jsonl  a line of JSON for each event

A line for an event says when it came, over which transport and wire (how its request travelled,
whichever serializer wrote the event itself), what its request was answered, the request's guid, the
event's type, and the event.

Clients find it at the addresses that it prints first. Ctrl-C or SIGTERM stops it.
Exit codes: 0 it was told to stop, 2 it could not start (a port is taken, say)."""

CONTROL = """\
read lines of JSON from stdin that say what should go wrong, and answer each; implies --json; stops
when stdin ends (see raccoon_runtime.collector.control)"""


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(
        prog="raccoon-collector",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"%(prog)s {version.installed()}")
    _listening(made.add_argument_group("where it listens").add_argument)
    output = made.add_argument_group("what it prints and keeps")
    _decoding(output.add_mutually_exclusive_group().add_argument, output.add_argument)
    _output(output.add_argument)
    _behaviour(made.add_argument_group("how it answers").add_argument)
    return made


def _listening(add: Callable[..., object]) -> None:
    add(
        "--host",
        default="127.0.0.1",
        help="the address; 0.0.0.0 for every one of this machine's (default: %(default)s)",
    )
    add(
        "--http-port",
        type=_port,
        default=8080,
        metavar="PORT",
        help="for WebSocket and REST; 0 for any that is free (default: %(default)s)",
    )
    add(
        "--grpc-port",
        type=_port,
        default=8081,
        metavar="PORT",
        help="for gRPC; 0 for any that is free (default: %(default)s)",
    )
    add("--tls-cert", metavar="FILE", help="serve over TLS, with this certificate chain (PEM)")
    add("--tls-key", metavar="FILE", help="its private key, unless the chain's file holds it")


def _decoding(add_one: Callable[..., object], add: Callable[..., object]) -> None:
    add_one(
        "--schemas",
        action="append",
        metavar="PATH",
        help="decode events by these .proto files or directories; repeatable; what "
        "[tool.raccoon-codegen] of pyproject.toml says besides (overrides, say) holds here too",
    )
    add_one(
        "--package",
        metavar="NAME",
        help="decode events by a generated package: its import name, or its directory",
    )
    add(
        "-I",
        "--import-root",
        action="append",
        metavar="DIR",
        dest="import_roots",
        help="where else the imports of --schemas are looked for; repeatable",
    )


def _output(add: Callable[..., object]) -> None:
    add("--json", action="store_true", help="print a line of JSON for each event")
    add("--quiet", action="store_true", help="print no events")
    add(
        "--ledger",
        metavar="FILE",
        help="append a line of JSON for each request, before it is answered",
    )
    add("--control", action="store_true", help=CONTROL)


def _behaviour(add: Callable[..., object]) -> None:
    add(
        "--event-ack",
        type=int,
        choices=(0, 1),
        default=1,
        help="when to answer OK: 1 after publishing, 0 (a Raccoon's own default) after reading "
        "(default: %(default)s)",
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
    add("--group-header", metavar="NAME", help="another one, of which the same holds in a group")
    add(
        "--max-connections",
        type=int,
        default=30_000,
        metavar="N",
        help="how many WebSockets at once (default: %(default)s)",
    )


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"a port is 0 to 65535, not {text!r}")
    return port


def settings(options: argparse.Namespace) -> SettingsKeywords:
    """Return the collector's settings; ConfigError when the certificate is none."""
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
        "keep": 0,
        "ledger_path": options.ledger,
    }


def _tls(certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    if certificate is None:
        if key is not None:
            raise ConfigError("needs --tls-cert, too", argument="--tls-key")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # an SSLError is one, too
        told = f"{certificate}: {error.strerror or error}"
        raise ConfigError(told, argument="--tls-cert") from error
    return context
