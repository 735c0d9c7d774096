"""What was recorded of the server and of the Go client; `tests/golden/README.md` describes it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from . import bodies
from .bodies import delimited, varint

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SERVER: dict[int, list[dict[str, Any]]] = {
    event_ack: json.loads((GOLDEN / name).read_text("utf-8"))["cases"]
    for event_ack, name in ((1, "server-ack-sync.json"), (0, "server-ack-async.json"))
}
"""The server's answers to the same requests, by its EVENT_ACK."""
GO_CLIENT: list[dict[str, Any]] = json.loads((GOLDEN / "go-client.json").read_text("utf-8"))
"""The Go client's requests, and the answers to them."""


def body(text: str, guid: str) -> bytes:
    """The body of a request; one that was too long to be recorded is made from its length."""
    if not text.startswith("<"):
        return base64.b64decode(text)
    length = int(text.strip("<>").split()[0])
    if "base64" in text:
        length = length // 4 * 3
    return large_json(length, guid) if guid == "g22" else large_proto(length, guid)


def large_json(length: int, guid: str) -> bytes:
    around = len(bodies.as_json(guid, b""))
    return bodies.as_json(guid, b'"' + b"x" * ((length - around) // 4 * 3 - 2) + b'"')


def large_proto(length: int, guid: str) -> bytes:
    # How many bytes the lengths themselves take depends on the lengths.
    for size in range(length - 60, length):
        lengths = len(varint(size)) + len(varint(len(delimited(1, bytes(size))) + 6))
        if len(bodies.proto(guid, b"")) - 2 + size + lengths == length:
            return bodies.proto(guid, b'"' + b"x" * (size - 2) + b'"')
    raise AssertionError("no such length")
