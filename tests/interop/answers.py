"""Answers as bytes, written by hand, with their time taken out."""

from __future__ import annotations

import json
import re

from .bodies import delimited

OK, BAD_REQUEST, INTERNAL_ERROR, CONNECTION_LIMIT, USER_LIMIT = range(1, 6)
SUCCESS, ERROR = 1, 2


def timeless(body: bytes) -> bytes:
    """The answer without its time, and with what Go's protobuf varies at random made the same."""
    if body.startswith(b"{"):
        return _same_spaces(re.sub(rb'"sent_time":\d+', b'"sent_time":0', body))
    body = re.sub(rb"^(\x08.\x10.\x18)[\x80-\xff]{4}.", rb"\1", body, flags=re.DOTALL)
    # A space for two bytes has changed the length before it.
    return re.sub(rb'"(.|[\x80-\xff].)(cannot )', rb'"\2', _same_spaces(body), flags=re.DOTALL)


def _same_spaces(body: bytes) -> bytes:
    return body.replace("\u00a0".encode(), b" ")


def answer(wire: str, code: int, guid: str | None = None, reason: str = "") -> bytes:
    """The answer on a wire; without a guid it has no data at all."""
    status = SUCCESS if code == OK else ERROR
    return timeless(
        _json(status, code, guid, reason) if wire == "JSON" else _proto(status, code, guid, reason)
    )


def _json(status: int, code: int, guid: str | None, reason: str) -> bytes:
    told: dict[str, object] = {"status": status, "code": code, "sent_time": 0}
    if reason:
        told["reason"] = reason
    if guid is not None:
        told["data"] = {"req_guid": guid}
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode()


def _proto(status: int, code: int, guid: str | None, reason: str) -> bytes:
    out = bytes((0x08, status, 0x10, code, 0x18))
    if reason:
        out += delimited(4, reason.encode())
    if guid is not None:
        out += delimited(5, delimited(1, b"req_guid") + delimited(2, guid.encode()))
    return out
