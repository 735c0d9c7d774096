"""Good and bad requests, whichever transport carries them, and what has to come of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from .bodies import GOOD, POISON, as_json, delimited, proto, varint


@dataclass(frozen=True)
class Case:
    """`read`: answered OK. `unreadable`: bad request. `poison`: an event cannot be published.
    `fatal`: the connection ends. The guid is the one that the answer has.
    """

    wire: Literal["JSON", "PROTO"]
    body: bytes
    outcome: Literal["read", "unreadable", "poison", "fatal"]
    guid: str = ""


def _text(outcome: Any, body: str | bytes, guid: str = "") -> Case:
    return Case("JSON", body.encode() if isinstance(body, str) else body, outcome, guid)


def _json(outcome: Any, guid: str = "", /, **members: object) -> Case:
    return _text(outcome, json.dumps(members), guid)


def _proto(outcome: Any, body: bytes, guid: str = "") -> Case:
    return Case("PROTO", body, outcome, guid)


GOOD_CASES: dict[str, Case] = {
    "json": _text("read", as_json("g"), "g"),
    "json: two events": _text("read", as_json("g", GOOD, GOOD), "g"),
    "json: no events": _json("read", "g", req_guid="g", events=[]),
    "json: events null": _json("read", "g", req_guid="g", events=None),
    "json: null": _text("read", "null"),
    "json: an empty object": _text("read", "{}"),
    "json: keys in any case": _text("read", '{"REQ_GUID":"g","Events":[{"TYPE":"page"}]}', "g"),
    "json: keys that fold to these": _text("read", '{"event\u017f":[],"req_guid":"g"}', "g"),
    "json: the last of a key counts": _text("read", '{"req_guid":"f","req_guid":"g"}', "g"),
    "json: ProtoJSON names are unknown": _json(
        "read", reqGuid="g", sentTime="2023-11-14T22:13:20Z"
    ),
    "json: bytes as numbers": _text(
        "read", '{"req_guid":"g","events":[{"event_bytes":[123,125]}]}', "g"
    ),
    "json: no time": _json("read", "g", req_guid="g", sent_time=None),
    "json: an empty time": _json("read", "g", req_guid="g", sent_time={}),
    "json: white space around": _text("read", b" \t\r\n" + as_json("g") + b" \n", "g"),
    "json: invalid UTF-8 is replaced": _text("read", b'{"req_guid":"\xff\xe2\x82"}', "\ufffd" * 3),
    "json: a lone surrogate is replaced": _text("read", '{"req_guid":"\\ud800"}', "\ufffd"),
    "json: what Go escapes": _json("read", "<&>\u2028", req_guid="<&>\u2028"),
    "json: an empty type": _text("read", as_json("g", type=""), "g"),
    "proto": _proto("read", proto("g"), "g"),
    "proto: two events": _proto("read", proto("g", GOOD, GOOD), "g"),
    "proto: nothing": _proto("read", b""),
    "proto: no events": _proto("read", delimited(1, b"g"), "g"),
    "proto: an empty event": _proto("read", delimited(1, b"g") + b"\x1a\x00", "g"),
    "proto: an empty type": _proto("read", proto("g", type=""), "g"),
    "proto: unicode": _proto("read", proto("žluťoučký 🦝"), "žluťoučký 🦝"),
    "proto: unknown fields": _proto("read", proto("g") + delimited(9, b"x") + b"\x50\x01", "g"),
    "proto: another wire type is unknown": _proto("read", b"\x08\x01" + delimited(1, b"g"), "g"),
    "proto: a group is skipped": _proto("read", b"\x4b\x08\x01\x4c" + delimited(1, b"g"), "g"),
    "proto: the last of a field counts": _proto(
        "read", delimited(1, b"f") + delimited(1, b"g"), "g"
    ),
    "proto: a varint of ten bytes": _proto(
        "read", delimited(1, b"g") + delimited(2, b"\x08" + b"\xff" * 9 + b"\x01"), "g"
    ),
}

BAD_CASES: dict[str, Case] = {
    "json: nothing": _text("unreadable", ""),
    "json: cut off": _text("unreadable", '{"req_guid":"g"'),
    "json: something after it": _text("unreadable", '{"req_guid":"g"} x'),
    "json: a comma too many": _text("unreadable", '{"req_guid":"g",}'),
    "json: a byte order mark": _text("unreadable", b"\xef\xbb\xbf{}"),
    "json: NaN": _text("unreadable", '{"sent_time":NaN}'),
    "json: a raw newline in text": _text("unreadable", b'{"req_guid":"\n"}'),
    "json: an array": _text("unreadable", "[]"),
    "json: a text": _text("unreadable", '"g"'),
    "json: protobuf": _text("unreadable", proto("g")),
    # What follows a value of the wrong type is read all the same.
    "json: a guid that is a number": _json("unreadable", "", req_guid=5),
    "json: a time as text": _json(
        "unreadable", "g", sent_time="2023-11-14T22:13:20Z", req_guid="g"
    ),
    "json: seconds as text": _json("unreadable", "g", req_guid="g", sent_time={"seconds": "1"}),
    "json: half a second": _json("unreadable", "g", req_guid="g", sent_time={"seconds": 1.5}),
    "json: too many nanoseconds": _json(
        "unreadable", "g", req_guid="g", sent_time={"nanos": 1 << 31}
    ),
    "json: events that are no array": _json("unreadable", "g", req_guid="g", events={}),
    "json: an event that is none": _json("unreadable", "g", req_guid="g", events=[5]),
    "json: base64 without padding": _json(
        "unreadable", "g", req_guid="g", events=[{"event_bytes": "e30", "type": "page"}]
    ),
    "json: base64 for URLs": _json(
        "unreadable", "g", req_guid="g", events=[{"event_bytes": "_-8="}]
    ),
    "json: a byte above 255": _json(
        "unreadable", "g", req_guid="g", events=[{"event_bytes": [256]}]
    ),
    "proto: cut off": _proto("unreadable", proto("g")[:-1], "g"),
    "proto: a tag alone": _proto("unreadable", b"\x0a"),
    "proto: JSON": _proto("unreadable", as_json("g")),
    "proto: field number 0": _proto("unreadable", delimited(1, b"g") + b"\x02\x00", "g"),
    "proto: a guid that is no UTF-8": _proto("unreadable", delimited(1, b"\xff")),
    "proto: a type that is no UTF-8": _proto(
        "unreadable", delimited(1, b"g") + delimited(3, delimited(2, b"\xff")), "g"
    ),
    "proto: a group that never ends": _proto("unreadable", b"\x4b"),
    "proto: an end without a group": _proto("unreadable", b"\x4c"),
    "proto: a varint too long": _proto(
        "unreadable", delimited(1, b"g") + delimited(2, b"\x08" + b"\xff" * 10 + b"\x01"), "g"
    ),
    "proto: a length beyond all": _proto("unreadable", b"\x0a" + varint((1 << 63) - 1)),
}

POISON_CASES: dict[str, Case] = {
    "json: poison": _text("poison", as_json("g", POISON), "g"),
    "json: poison among others": _text("poison", as_json("g", GOOD, POISON, GOOD), "g"),
    "proto: poison": _proto("poison", proto("g", POISON), "g"),
    "proto: poison among others": _proto("poison", proto("g", GOOD, POISON, GOOD), "g"),
    "proto: two poisons": _proto("poison", proto("g", POISON, b"\x0a\x05ab"), "g"),
}

FATAL_CASES: dict[str, Case] = {
    "json: a null event": _json("fatal", req_guid="g", events=[None]),
    "json: a null event among others": _json("fatal", req_guid="g", events=[{"type": "a"}, None]),
}

CASES = {**GOOD_CASES, **BAD_CASES, **POISON_CASES, **FATAL_CASES}

LARGE = b'"' + b"x" * (1 << 20) + b'"'
"""An event of a megabyte."""


def params(*wires: str) -> list[Any]:
    """The cases on these wires, for `pytest.mark.parametrize`."""
    return [pytest.param(case, id=name) for name, case in CASES.items() if case.wire in wires]


def unpublishable(case: Case) -> str:
    """The reason that a poisonous request is answered with."""
    count = 2 if case is POISON_CASES["proto: two poisons"] else 1
    told = ", ".join(["proto: cannot parse invalid wire-format data"] * count)
    return f"cannot publish events: error when sending messages: {told}"
