"""A request as the collector sees it, and its answer in both wire forms."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ..envelope import Code, Status

Wire: TypeAlias = Literal["JSON", "PROTO"]
JSON: Literal["JSON"] = "JSON"
PROTO: Literal["PROTO"] = "PROTO"


class RequestError(Exception):
    """The bytes are no request. The text is what Go says of them."""


@dataclass(slots=True)
class Event:
    """One event of a request."""

    event_bytes: bytes = b""
    type: str = ""


@dataclass(slots=True)
class Request:
    """A `SendEventRequest`. An event is None where JSON says null."""

    req_guid: str = ""
    sent_time: tuple[int, int] | None = None
    events: list[Event | None] = field(default_factory=list["Event | None"])


@dataclass(frozen=True, slots=True)
class Answer:
    """A `SendEventResponse`. Without a `req_guid` it has no data at all; an empty one is told."""

    code: Code = Code.CODE_OK
    reason: str = ""
    req_guid: str | None = None
    status: Status | None = None
    sent_time: int = field(default_factory=lambda: int(time.time()))

    def renamed(self, req_guid: str) -> Answer:
        """Return the same answer to another request."""
        return dataclasses.replace(self, req_guid=req_guid)

    def encode(self, wire: Wire) -> bytes:
        """Return the answer as Go writes it."""
        return self._json() if wire == JSON else self._proto()

    def _status(self) -> Status:
        if self.status is not None:
            return self.status
        ok = self.code is Code.CODE_OK
        return Status.STATUS_SUCCESS if ok else Status.STATUS_ERROR

    def _proto(self) -> bytes:
        out = b"".join(
            bytes((number << 3,)) + _varint(value)
            for number, value in enumerate((self._status(), self.code, self.sent_time), start=1)
            if value
        )
        if self.reason:
            out += _text(4, self.reason)
        if self.req_guid is not None:
            entry = _text(1, "req_guid") + _text(2, self.req_guid)
            out += b"\x2a" + _varint(len(entry)) + entry
        return out

    def _json(self) -> bytes:
        found: dict[str, object] = {
            "status": int(self._status()),
            "code": int(self.code),
            "sent_time": self.sent_time,
            "reason": self.reason,
        }
        found = {name: value for name, value in found.items() if value}
        if self.req_guid is not None:
            found["data"] = {"req_guid": self.req_guid}
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        return _ESCAPED.sub(lambda char: f"\\u{ord(char[0]):04x}", text).encode()


# What Go's encoder escapes besides what every JSON encoder does.
_ESCAPED = re.compile("[<>&\u2028\u2029]")


def _text(number: int, text: str) -> bytes:
    data = text.encode()
    return bytes((number << 3 | 2,)) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
