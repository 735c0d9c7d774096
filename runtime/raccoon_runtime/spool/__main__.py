"""The command `raccoon-spool`."""

from __future__ import annotations

import argparse
import json
import logging
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .. import version
from ..errors import ConfigError, RaccoonError, SendTimeoutError
from ..seconds import seconds
from .contents import Contents, Kept, batches, events, survey
from .directory import Directory
from .replay import Failed, Replaying, described

_FOR_EVER = 10.0 * 365 * 86_400
"""Seconds for which a batch may have failed: whoever replays wants it tried."""

DESCRIPTION = """\
Looks into the directory that a client was given as spool=, and sends what processes left there."""
EPILOG = """\
examples:
  raccoon-spool list /var/spool/events
  raccoon-spool export /var/spool/events > events.jsonl
  raccoon-spool replay /var/spool/events --url wss://raccoon.example.com/api/v1/events

A client that starts with the same directory does by itself what replay does. Exit codes: 0 all is
well; 1 something is damaged (list, export), or was not delivered (replay); 2 it could not start."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(_directory(options.directory), options))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read has gone, and is not told so again at the exit
        return 1
    except (RaccoonError, sqlite3.Error, OSError) as error:
        print(f"raccoon-spool: {error}", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(
        prog="raccoon-spool",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"%(prog)s {version.installed()}")
    commands = made.add_subparsers(metavar="COMMAND", required=True)
    for name, run, told in (
        ("list", show, "say what each file holds, and whose it is; nothing is changed"),
        ("export", export, "print the events as lines of JSON; nothing is changed or removed"),
        ("replay", replay, "deliver what processes left that are gone, and remove it"),
    ):
        command = commands.add_parser(name, help=told, description=f"{told[0].upper()}{told[1:]}.")
        command.add_argument("directory", metavar="DIRECTORY", help="what spool= was given")
        command.set_defaults(run=run)
        if name == "list":
            command.add_argument("--json", action="store_true", help="a line of JSON for each file")
        if name == "replay":
            _sending(command)
    return made


def _sending(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--url", help="the Raccoon's address (default: what RACCOON_URL holds)")
    add(
        "--header",
        action="append",
        default=[],
        metavar="NAME:VALUE",
        help="send this header too, or with @FILE those of a file, one a line, which the list "
        "of processes does not show; may be given several times",
    )
    add("--identity-header", metavar="NAME", help="as in connect() (default: X-User-ID)")
    add(
        "--failed",
        metavar="FILE",
        help="append events that the server refuses for good, as export prints them "
        "(default: DIRECTORY/failed.jsonl)",
    )
    add("--wire", choices=("proto", "json"), default="proto", help="(default: %(default)s)")
    add(
        "--timeout",
        type=_seconds,
        default=600.0,
        metavar="SECONDS",
        help="how long to go on trying (default: %(default)g)",
    )


def _seconds(text: str) -> float:
    try:
        return seconds(float(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None


def _directory(path: str) -> Directory:
    if not Path(path).is_dir():
        raise ConfigError(f"{path}: no such directory", argument="DIRECTORY")
    return Directory(path)


# --- list ---------------------------------------------------------------------------------


def show(directory: Directory, options: argparse.Namespace) -> int:
    """Print what each file holds."""
    found = survey(directory)
    if options.json:
        for one in found:
            print(json.dumps(_as_json(one)))
    elif not found:
        print("nothing: every event has its outcome")
    else:
        print(f"{'FILE':32} {'STATE':20} {'EVENTS':>9} {'BYTES':>12}  {'OLDEST':20}  TYPES")
        for one in found:
            print(_line(one))
    return int(any(one.damaged or one.unreadable for one in found))


def _line(one: Contents) -> str:
    types = ", ".join(f"{type}: {count}" for type, count in one.types.most_common(5))
    lost = f"  ({one.unreadable} batches cannot be read)" if one.unreadable else ""
    _, count, size = one.amount
    oldest = "" if one.oldest is None else _time(one.oldest)[:19]
    return f"{one.path.name:32} {_state(one):20} {count:9,} {size:12,}  {oldest:20}  {types}{lost}"


def _state(one: Contents) -> str:
    if one.set_aside:
        return "damaged, set aside"
    state = "left behind" if one.owner is None else f"in use by {one.owner}"
    return f"{state}, damaged" if one.damaged else state


def _as_json(one: Contents) -> dict[str, Any]:
    return {
        "file": str(one.path),
        "owner": one.owner,
        "damaged": one.damaged,
        "batches": one.amount.batches,
        "events": one.amount.events,
        "bytes": one.amount.bytes,
        "oldest": None if one.oldest is None else _time(one.oldest),
        "types": dict(one.types),
        "unreadable_batches": one.unreadable,
    }


def _time(nanos: int) -> str:
    return datetime.fromtimestamp(nanos / 1e9, timezone.utc).isoformat()


# --- export -------------------------------------------------------------------------------


def export(directory: Directory, options: argparse.Namespace) -> int:
    """Print each event as a line of JSON."""
    unreadable, harmed = 0, False
    for path in [*directory.files(), *directory.damaged()]:
        owner = directory.owner(path)
        damaged, found = batches(path, owner)
        if damaged:
            print(f"raccoon-spool: {path.name} is damaged", file=sys.stderr)
        harmed |= damaged
        for one in found:
            if one is None or one.row is None:
                unreadable += 1
                continue
            for event in events(one.row, owner):
                print(json.dumps(_exported(event), ensure_ascii=False))
    if unreadable:
        print(f"raccoon-spool: {unreadable} batches cannot be read", file=sys.stderr)
    return int(harmed or unreadable > 0)


def _exported(event: Kept) -> dict[str, Any]:
    return {
        **described(event.type, event.data),
        "req_guid": event.req_guid,
        "sealed": _time(event.sent_time),
        "possible_duplicate": event.possible_duplicate,
    }


# --- replay -------------------------------------------------------------------------------


def replay(directory: Directory, options: argparse.Namespace) -> int:
    """Deliver what is left behind, as a client that starts with this directory does."""
    logging.basicConfig(format="raccoon-spool: %(message)s", level=logging.WARNING)
    failed = Failed(Path(options.failed or directory.path / "failed.jsonl"))
    named: dict[str, Any] = {}
    if options.identity_header is not None:
        named["identity_header"] = options.identity_header
    client = Replaying.connect(
        options.url,
        spool=directory.path,
        wire=options.wire,
        headers=dict(_headers(options.header)),
        client_name="raccoon-spool",
        retry_budget=_FOR_EVER,
        **named,
    )
    client.keep_in(failed)
    try:
        client.flush(options.timeout)
    except SendTimeoutError as error:
        why = "" if error.__cause__ is None else f"; last, {error.__cause__}"
        print(f"raccoon-spool: the time is over; what is left stays there{why}", file=sys.stderr)
    finally:
        client.farewell()
    stats = client.stats()
    print(
        f"{stats.delivered:,} events delivered, of which {stats.possible_duplicates:,} may have "
        f"been before; {stats.failed:,} failed, {stats.accepted - stats.delivered - stats.failed:,}"
        " left"
    )
    for kind, count in stats.failures.items():
        print(f"raccoon-spool: {kind}: {count:,}; kept in {failed.path}", file=sys.stderr)
    if client.trouble is not None:
        told = f"{failed.path} does not take what the server refuses, so that stays in the spool"
        print(f"raccoon-spool: {told}: {client.trouble}", file=sys.stderr)
    return int(stats.delivered < stats.accepted)


def _headers(given: Sequence[str]) -> Iterator[tuple[str, str]]:
    for header in given:
        if header.startswith("@"):
            yield from _headers_of(Path(header[1:]))
        else:
            yield _header(header, "NAME:VALUE or @FILE belongs here")


def _headers_of(file: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except ValueError:
        told = f"{file} is not text in UTF-8; write NAME:VALUE, one a line"
        raise ConfigError(told, argument="--header") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _header(line, f"{file}: line {number} is not NAME:VALUE")


def _header(text: str, otherwise: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise ConfigError(otherwise, argument="--header")
    return name.strip(), value.strip()


if __name__ == "__main__":
    sys.exit(main())
