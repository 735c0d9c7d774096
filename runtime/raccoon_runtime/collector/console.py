"""How the command shows an event: one line, for people or as JSON.

Whatever a sender put into an event, a guid, a type or a header, no character of it reaches the
terminal that could do more there than be seen.
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from typing import Any

import orjson

from ..errors import RaccoonError
from . import go_json, go_proto
from .ledger import Stored

LONGEST = 2000
"""How much of an event a line for people shows, in characters."""
DEEPEST = 20
"""How deep messages of an unknown type are looked into."""


def line(event: Stored) -> str:
    """Return the line for people."""
    clock = time.strftime("%H:%M:%S", time.localtime(event.time))
    what, problem = _decoded(event)
    if what is None:
        what = _undecoded(event.event_bytes)
    if len(what) > LONGEST:
        what = f"{what[:LONGEST]}… ({len(event.event_bytes):,} bytes)"
    told = "" if problem is None else f"  ({problem})"
    guid, code = event.req_guid or "(no guid)", event.code.name
    return safe(
        f"{clock} {event.transport:4} wire={event.wire:5} {code} {guid} "
        f"{event.type or '(no type)'} {what}{told}"
    )


def json_line(event: Stored) -> str:
    """Return the line as JSON; an event that is not decoded is there as base64."""
    found: dict[str, Any] = {
        "time": event.time,
        "transport": event.transport,
        "wire": event.wire,
        "identity": event.identity,
        "group": event.group,
        "req_guid": event.req_guid,
        "code": event.code.name,
        "type": event.type,
    }
    text, problem = _decoded(event)
    if text is not None:
        found["event"] = json.loads(text)
    else:
        found["event_bytes"] = base64.b64encode(event.event_bytes).decode()
    if problem is not None:
        found["problem"] = problem
    return safe(json.dumps(found, ensure_ascii=False))


def safe(text: str) -> str:
    """Return the text with each character that is not printable as JSON's escape of it.

    So JSON stays JSON; escape sequences, line breaks and marks that turn the writing's direction
    come out as letters.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _decoded(event: Stored) -> tuple[str | None, str | None]:
    """Return the event's ProtoJSON, or None and why there is none."""
    if event.message is None:
        return None, event.problem
    try:
        return event.message.to_json(), event.problem
    except RaccoonError as error:  # a value that the wire can hold, and JSON cannot
        return None, str(error)


def _undecoded(data: bytes) -> str:
    if not go_json.valid(data):
        return raw(data)
    try:
        return orjson.dumps(orjson.loads(data)).decode()
    except orjson.JSONDecodeError:
        return data.decode(errors="replace")


def raw(data: bytes, depth: int = 0) -> str:
    """Return protobuf of an unknown type as far as bytes tell: numbers, texts, messages, or hex."""
    shown = (f"{number}: {_value(value, depth)}" for number, _, value in go_proto.fields(data))
    return "{" + ", ".join(shown) + "}"


def _value(value: int | bytes, depth: int) -> str:
    if isinstance(value, int):
        return str(value)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if text.isprintable():
        return json.dumps(text, ensure_ascii=False)
    if depth < DEEPEST:
        with contextlib.suppress(go_proto.ProtoError):
            return raw(value, depth + 1)
    return value.hex()
