"""Requests and responses as bytes: `raystack.raccoon.v1beta1`, written and read by hand, in both
wire forms.

An event is framed once, when it is accepted. A request is a head and the frames behind it, so that
sealing a batch costs a join. The JSON form is that of Go's `encoding/json`, not ProtoJSON: proto
names, times as objects, enums as numbers, and the server drops keys that it does not know without a
word.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple, cast

import orjson
from typing_extensions import Self

from .codec.wire import fields, read_varint
from .errors import DecodeError


class _OpenEnum(IntEnum):
    """An enum as proto3 has it: a number of a later version is a value too."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"{cls.__name__.upper()}_{value}"
        member._value_ = value
        return member


class Status(_OpenEnum):
    """What an answer says in general."""

    STATUS_UNSPECIFIED = 0
    STATUS_SUCCESS = 1
    STATUS_ERROR = 2


class Code(_OpenEnum):
    """What an answer says in particular."""

    CODE_UNSPECIFIED = 0
    CODE_OK = 1
    CODE_BAD_REQUEST = 2
    CODE_INTERNAL_ERROR = 3
    CODE_MAX_CONNECTION_LIMIT_REACHED = 4
    CODE_MAX_USER_LIMIT_REACHED = 5


_NO_DATA: Mapping[str, str] = {}


class Ack(NamedTuple):
    """The server's answer to one request.

    `sent_time` is the server's, in Unix seconds. `attempts` counts how often the request went out;
    when that is more than once and an earlier one may have been published too, `possible_duplicate`
    says so.
    """

    req_guid: str
    status: Status = Status.STATUS_UNSPECIFIED
    code: Code = Code.CODE_UNSPECIFIED
    sent_time: int = 0
    reason: str = ""
    data: Mapping[str, str] = _NO_DATA
    attempts: int = 1
    possible_duplicate: bool = False

    @property
    def ok(self) -> bool:
        """Whether the server took the request. From `acks()` may come one that says no."""
        return self.code is Code.CODE_OK


# --- PROTO --------------------------------------------------------------------------------

_VARINTS = [bytes((n,) if n < 128 else (n & 0x7F | 0x80, n >> 7)) for n in range(2048)]


def _varint(n: int) -> bytes:
    if n < 2048:
        return _VARINTS[n]
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


@lru_cache(maxsize=4096)
def framer_proto(type: str) -> Callable[[bytes], bytes]:
    """Return what makes an event's bytes, of that type, one `events` field of a request."""
    text = type.encode()
    tail = b"\x12" + _varint(len(text)) + text if text else b""
    heads = _heads(len(tail))

    def frame(data: bytes) -> bytes:
        size = len(data)
        head = heads.get(size)
        if head is None:
            head = _head_proto(size, len(tail))
            if size < _LONG and next(_places, False):
                heads[size] = head
        return head + data + tail

    return frame


_LONG = 4096  # heads for data of fewer bytes are kept
_places = repeat(True, 1 << 15)  # one is taken by each that is: some 4 MB for all types together


@lru_cache(None)
def _heads(tail: int) -> dict[int, bytes]:
    """Return the table, the length of data → what stands before it, of all types of one length."""
    return {}


def _head_proto(size: int, tail: int) -> bytes:
    if not size:
        return b"\x1a" + _varint(tail)
    inner = b"\n" + _varint(size)
    return b"\x1a" + _varint(len(inner) + size + tail) + inner


def frame_proto(type: str, data: bytes) -> bytes:
    """Return one `events` field of a request."""
    return framer_proto(type)(data)


def request_proto(req_guid: str, time_ns: int, frames: Sequence[bytes]) -> bytes:
    """Return a `SendEventRequest`; `frames` are from `frame_proto`."""
    guid = req_guid.encode()
    seconds, nanos = divmod(time_ns, 1_000_000_000)
    stamp = (b"\x08" + _varint(seconds) if seconds else b"") + (
        b"\x10" + _varint(nanos) if nanos else b""
    )
    head = b"".join((b"\n", _varint(len(guid)), guid, b"\x12", _varint(len(stamp)), stamp))
    return b"".join((head, *frames))


def unframe_proto(frame: bytes) -> tuple[str, bytes]:
    """Return the type and the bytes that were framed."""
    kind, data = b"", b""
    for _, event in _fields(frame):
        for tag, value in _fields(event):
            if tag == 0x0A:
                data = value
            elif tag == 0x12:
                kind = value
    return kind.decode(), data


# What a Go server says yes with, to the byte but for the time and the guid.
_YES = re.compile(
    rb"\x08\x01\x10\x01\x18([\x80-\xff]{0,9}[\x00-\x7f])\*(.)\n\x08req_guid\x12(.)([ -~]*)",
    re.DOTALL,
)
_ENTRY = len(b"\n\x08req_guid\x12.")


# An enum's class takes its time to look a member up.
_SUCCESS, _OK = Status.STATUS_SUCCESS, Code.CODE_OK


def response_proto(body: bytes) -> Ack:
    """Return the `SendEventResponse`; DecodeError when it is none.

    Unknown fields are passed over; as protobuf has it, a known number of another wire type is one.
    But where there are such and no known field at all, it is an error: what an echo sends back is
    no answer.
    """
    yes = _YES.fullmatch(body)
    if yes is not None:
        sent_time, entry, size, text = yes.groups()
        if ord(size) == len(text) and ord(entry) == _ENTRY + len(text):
            guid = text.decode()
            data = {"req_guid": guid}
            return Ack(guid, _SUCCESS, _OK, _sent_time(sent_time), "", data)
    return _response_proto(body)


@lru_cache(maxsize=16)
def _sent_time(varint: bytes) -> int:
    return _signed(read_varint(varint, 0)[0], 64)


_STATUS, _CODE, _SENT_TIME, _REASON, _DATA = _TAGS = (0x08, 0x10, 0x18, 0x22, 0x2A)


def _response_proto(body: bytes) -> Ack:
    status = code = sent_time = 0
    reason = ""
    data: dict[str, str] = {}
    tags: set[int] = set()
    for tag, value in _fields(body):
        tags.add(tag)
        if tag == _STATUS:
            status = _signed(value, 32)
        elif tag == _CODE:
            code = _signed(value, 32)
        elif tag == _SENT_TIME:
            sent_time = _signed(value, 64)
        elif tag == _REASON:
            reason = _text(value)
        elif tag == _DATA:
            entry = {tag: _text(text) for tag, text in _fields(value) if tag in (0x0A, 0x12)}
            data[entry.get(0x0A, "")] = entry.get(0x12, "")
    if tags.isdisjoint(_TAGS) and any(tag >> 3 <= len(_TAGS) for tag in tags):
        raise DecodeError("not a response: its fields are those of another message")
    return _ack(status, code, sent_time, reason, data)


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield each field's tag and its value: an int for a varint, else bytes."""
    try:
        for tag, at, end, number in fields(data, 0, len(data)):
            yield tag, data[at:end] if tag & 7 else number
    except (IndexError, ValueError) as error:
        raise DecodeError("not a message: a field is cut off or malformed") from error


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


# --- JSON ---------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def framer_json(type: str) -> Callable[[bytes], bytes]:
    """Return what makes an event's bytes, of that type, one element of `events`."""
    tail = b'"type":' + orjson.dumps(type) if type else b""
    empty, tail = b"{" + tail + b"}", (b'",' if tail else b'"') + tail + b"}"

    def frame(data: bytes) -> bytes:
        if not data:
            return empty
        return b'{"event_bytes":"' + binascii.b2a_base64(data, newline=False) + tail

    return frame


def frame_json(type: str, data: bytes) -> bytes:
    """Return one element of `events`."""
    return framer_json(type)(data)


def request_json(req_guid: str, time_ns: int, frames: Sequence[bytes]) -> bytes:
    """Return the request as Go's `encoding/json` writes it, empty fields left out.

    `frames` are from `frame_json`.
    """
    seconds, nanos = divmod(time_ns, 1_000_000_000)
    stamp = ",".join([f'"seconds":{seconds}'] * bool(seconds) + [f'"nanos":{nanos}'] * bool(nanos))
    head = b'{"req_guid":%b,"sent_time":{%b}' % (orjson.dumps(req_guid), stamp.encode())
    return b"".join((head, b',"events":[', b",".join(frames), b"]}")) if frames else head + b"}"


def unframe_json(frame: bytes) -> tuple[str, bytes]:
    """Return the type and the bytes that were framed."""
    found: dict[str, str] = orjson.loads(frame)
    return found.get("type", ""), binascii.a2b_base64(found.get("event_bytes", ""))


def response_json(body: bytes) -> Ack:
    """Return the response; DecodeError when it is none. Unknown keys are passed over."""
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise DecodeError("not a response: not JSON") from error
    if not isinstance(found, dict):
        raise DecodeError("not a response: not an object")
    values = cast("dict[str, Any]", found)
    status, code, sent_time = (_value(values, name, int) for name in _NUMBERS)
    reason, data = _value(values, "reason", str), _value(values, "data", dict)
    texts = {name: _value(data, name, str) for name in data}
    return _ack(status, code, sent_time, reason, texts)


_NUMBERS = ("status", "code", "sent_time")


def _value(values: dict[str, Any], name: str, kind: Callable[[], Any]) -> Any:
    value = values.get(name)
    if value is None:
        return kind()
    if type(value) is not kind:
        raise DecodeError("not a response: a value of another type")
    return value


_STATUSES = {int(status): status for status in Status}
_CODES = {int(code): code for code in Code}


def _ack(status: int, code: int, sent_time: int, reason: str, data: dict[str, str]) -> Ack:
    return Ack(
        data.get("req_guid", ""),
        _STATUSES.get(status) or Status(status),
        _CODES.get(code) or Code(code),
        sent_time,
        reason,
        data,
    )
