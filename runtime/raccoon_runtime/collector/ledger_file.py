"""The ledger on disk: one line for each request, written before it is answered.

A line that was written stays when the collector is killed, so nothing is acknowledged that is not
in the file. (A machine that loses its power may lose lines; nothing is synced.)
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from ..envelope import Code
from .ledger import Received
from .request import Event


class Entry(NamedTuple):
    """One request of a ledger on disk.

    `code` is what publishing came to, None when a fault came before it; `told` are the codes of the
    answers that the client is sent, none when it is sent no answer; `events` are those that were
    published, type and bytes.
    """

    time: float
    transport: Literal["ws", "rest", "grpc"]
    wire: Literal["JSON", "PROTO"]
    identity: str
    group: str
    req_guid: str
    code: Code | None
    told: tuple[Code, ...]
    events: tuple[tuple[str, bytes], ...]


class LedgerFile:
    """Appends to a file, which may hold the lines of collectors before this one."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(path, flags, 0o666)
        # The last line of a collector that was killed may be torn; so may one on a full disk.
        self._torn = False
        if os.fstat(self._file).st_size:
            os.lseek(self._file, -1, os.SEEK_END)
            self._torn = os.read(self._file, 1) != b"\n"

    def add(self, received: Received, published: Sequence[Event], told: Sequence[Code]) -> None:
        """Write a line; it is the system's when this returns. OSError when it cannot be."""
        line = {
            "time": received.time,
            "transport": received.transport,
            "wire": received.wire,
            "identity": received.identity,
            "group": received.group,
            "req_guid": received.req_guid,
            "code": received.code,
            "told": told,
            "events": [
                (event.type, base64.b64encode(event.event_bytes).decode()) for event in published
            ],
        }
        self._write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self, line: bytes) -> None:
        left = b"\n" + line if self._torn else line
        self._torn = True
        while left:
            left = left[os.write(self._file, left) :]
        self._torn = False


def read(path: str | os.PathLike[str]) -> Iterator[Entry]:
    """Give a ledger's entries; lines that were torn by a kill are passed over."""
    with Path(path).open("rb") as lines:
        for line in lines:
            try:
                found: dict[str, Any] = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            yield _entry(found)


def _entry(found: dict[str, Any]) -> Entry:
    code = found.pop("code")
    told = tuple(map(Code, found.pop("told")))
    events = tuple((type, base64.b64decode(data)) for type, data in found.pop("events"))
    return Entry(code=None if code is None else Code(code), told=told, events=events, **found)
