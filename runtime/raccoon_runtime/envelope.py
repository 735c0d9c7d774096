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
    for _, inner in _fields(frame):
        for number, value in _fields(_bytes(inner)):
            if number == 1:
                data = _bytes(value)
            elif number == 2:
                kind = _bytes(value)
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

    Unknown fields are passed over. A known field of another wire type, which protobuf passes over
    too, is an error here: what an echo sends back is no answer.
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
    return _int64(_read_varint(varint, 0)[0])


def _response_proto(body: bytes) -> Ack:
    status = code = sent_time = 0
    reason = ""
    data: dict[str, str] = {}
    for number, value in _fields(body):
        if number == 1:
            status = _int32(value)
        elif number == 2:
            code = _int32(value)
        elif number == 3:
            sent_time = _int64(value)
        elif number == 4:
            reason = _text(value)
        elif number == 5:
            entry = {n: _text(v) for n, v in _fields(_bytes(value)) if n in (1, 2)}
            data[entry.get(1, "")] = entry.get(2, "")
    return _ack(status, code, sent_time, reason, data)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at, end = 0, len(data)
    while at < end:
        key, at = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            size = 0
            value: int | bytes
            value, at = _read_varint(data, at)
        else:
            if kind == 2:
                size, at = _read_varint(data, at)
            else:
                size = {1: 8, 5: 4}.get(kind, end + 1)
            value = data[at : at + size]
        if number == 0 or size > end - at:
            raise DecodeError("not a message: a field is cut off or malformed")
        yield number, value
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise DecodeError("not a message: a varint is cut off or too long")


def _int64(value: int | bytes) -> int:
    return _signed(value, 64)


def _int32(value: int | bytes) -> int:
    return _signed(value, 32)


def _signed(value: int | bytes, bits: int) -> int:
    if isinstance(value, bytes):
        raise DecodeError("not a response: bytes where a number belongs")
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise DecodeError("not a response: a number where bytes belong")
    return value


def _text(value: int | bytes) -> str:
    return _bytes(value).decode(errors="replace")


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
