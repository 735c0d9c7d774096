"""How the command shows an event: one line, for people or as JSON."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import orjson

from . import go_json, go_proto
from .ledger import Stored


def line(event: Stored) -> str:
    """Return the line for people."""
    clock = time.strftime("%H:%M:%S", time.localtime(event.time))
    what = _shown(event)
    told = "" if event.problem is None else f"  ({event.problem})"
    guid, code = event.req_guid, event.code.name
    return (
        f"{clock} {event.transport:4} {event.wire:5} {code} {guid} "
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
    if event.message is not None:
        found["event"] = json.loads(event.message.to_json())
    else:
        found["event_bytes"] = base64.b64encode(event.event_bytes).decode()
    if event.problem is not None:
        found["problem"] = event.problem
    return json.dumps(found, ensure_ascii=False)


def _shown(event: Stored) -> str:
    if event.message is not None:
        return event.message.to_json()
    if go_json.valid(event.event_bytes):
        return _compact(event.event_bytes)
    return raw(event.event_bytes)


def _compact(data: bytes) -> str:
    try:
        return orjson.dumps(orjson.loads(data)).decode()
    except orjson.JSONDecodeError:
        return data.decode(errors="replace").replace("\n", " ")


def raw(data: bytes) -> str:
    """Return protobuf of an unknown type as far as bytes tell: numbers, texts, messages, or hex."""
    shown = (f"{number}: {_value(value)}" for number, _, value in go_proto.fields(data))
    return "{" + ", ".join(shown) + "}"


def _value(value: int | bytes) -> str:
    if isinstance(value, int):
        return str(value)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if text.isprintable():
        return json.dumps(text, ensure_ascii=False)
    try:
        return raw(value)
    except go_proto.ProtoError:
        return value.hex()
