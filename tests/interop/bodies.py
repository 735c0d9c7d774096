"""Requests as bytes, written by hand: no codec of ours made them."""

from __future__ import annotations

import base64
import json

STAMP = {"seconds": 1_700_000_000, "nanos": 123_456_789}
GOOD = b'{"a":1}'
POISON = b"\xff\xff\xff"
"""Event bytes that are neither JSON nor protobuf: the log publisher refuses them."""


def varint(n: int) -> bytes:
    out = b""
    while n > 127:
        out += bytes((n & 127 | 128,))
        n >>= 7
    return out + bytes((n,))


def delimited(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def event(data: bytes = GOOD, type: str = "page") -> bytes:
    return delimited(3, delimited(1, data) + delimited(2, type.encode()))


def proto(guid: str, *events: bytes, type: str = "page") -> bytes:
    """A request on the PROTO wire; without events, one good one."""
    stamp = delimited(2, b"\x08" + varint(STAMP["seconds"]) + b"\x10" + varint(STAMP["nanos"]))
    told = b"".join(event(data, type) for data in events or (GOOD,))
    return delimited(1, guid.encode()) + stamp + told


def as_json(guid: str, *events: bytes, type: str = "page") -> bytes:
    """The same on the JSON wire."""
    told = [
        {"event_bytes": base64.b64encode(data).decode(), "type": type} for data in events or (GOOD,)
    ]
    return json.dumps({"req_guid": guid, "sent_time": STAMP, "events": told}).encode()
