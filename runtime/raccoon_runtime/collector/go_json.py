"""JSON as Go's `encoding/json` reads it into the request's struct.

Keys match whatever their case, unknown ones are dropped, null changes nothing, bytes are padded
base64, invalid UTF-8 is replaced. A value of the wrong type is an error at the end only: everything
else has been read by then. (Python nests less deep than Go's 10,000 levels.)
"""

from __future__ import annotations

import binascii
import codecs
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, cast

import orjson

from .request import Event, Request, RequestError


class JsonError(RequestError):
    """The text is not what it should be. The wording is close to Go's."""


class _Number(str):
    """A number as it was written."""


class _Object(list[tuple[str, Any]]):
    """An object's members in their order, repeated keys included."""


def _one_by_one(error: UnicodeError) -> tuple[str, int]:
    # Go replaces each invalid byte; Python's "replace" takes several at once.
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\ufffd", error.start + 1


def _refuse(constant: str) -> NoReturn:
    raise json.JSONDecodeError("Expecting value", constant, 0)


codecs.register_error("raccoon-go", _one_by_one)
_decoder = json.JSONDecoder(
    object_pairs_hook=_Object,
    parse_int=_Number,
    parse_float=_Number,
    parse_constant=_refuse,
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ENDS = {b"{": b"}", b"[": b"]", b'"': b'"'}
_SCALAR = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_INTEGER = re.compile(r"-?\d{1,20}")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
# Where a syntax error is found, in Python's words and in Go's.
_PLACES = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": (
        "looking for beginning of object key string"
    ),
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after object key:value pair",
    "Invalid control character at": "in string literal",
    "Extra data": "after top-level value",
}


def valid(data: bytes) -> bool:
    """Return whether Go's `json.Valid` says yes."""
    text = data.strip(b" \t\r\n")
    # Most protobuf is told from JSON by its ends; parsing it in vain costs ten times as much.
    end = _ENDS.get(text[:1])
    if end is None:
        return _SCALAR.fullmatch(text) is not None
    if text[-1:] != end:
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        # orjson is stricter: about UTF-8, surrogates, depth and the size of numbers.
        try:
            _load(text)
        except JsonError:
            return False
    return True


def parse_request(data: bytes, request: Request) -> None:
    """Read a request into `request`.

    On a JsonError nothing has been read when the syntax is wrong, all the rest when a type is.
    """
    reader = _Reader()
    reader.request(_load(data), request)
    if reader.error is not None:
        raise reader.error


def _load(data: bytes) -> Any:
    text = data.decode(errors="raccoon-go")
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise JsonError(_syntax(error)) from None
    except RecursionError:
        raise JsonError("exceeded max depth") from None


def _syntax(error: json.JSONDecodeError) -> str:
    rest = error.doc[error.pos :].lstrip(" \t\r\n")
    if not rest or error.msg.startswith("Unterminated"):
        return "unexpected end of JSON input"
    place = _PLACES.get(error.msg, "in string escape code")
    return f"invalid character {rest[0]!r} {place}"


class _Reader:
    """Reads values into structs, and keeps the first error."""

    def __init__(self) -> None:
        self.error: JsonError | None = None

    def request(self, value: Any, request: Request) -> None:
        def guid(value: Any) -> None:
            request.req_guid = self._text(value, request.req_guid, "SendEventRequest.req_guid")

        self._object(
            value,
            "Go value of type raccoonv1.SendEventRequest",
            {
                "req_guid": guid,
                "sent_time": lambda value: self._time(value, request),
                "events": lambda value: self._events(value, request),
            },
        )

    def _object(self, value: Any, place: str, members: Mapping[str, Callable[[Any], None]]) -> bool:
        """Hand each member to its reader; say whether the value is an object."""
        if value is None:
            return False
        if not isinstance(value, _Object):
            self._wrong(value, place)
            return False
        for key, member in value:
            # Of the letters outside ASCII two fold to one of these names'; `lower` knows the other.
            read = members.get(key.lower().replace("\u017f", "s"))
            if read is not None:
                read(member)
        return True

    def _text(self, value: Any, before: str, field: str) -> str:
        if value is None:
            return before
        if type(value) is str:
            return _LONE_SURROGATE.sub("\ufffd", value)
        self._wrong(value, f"Go struct field {field} of type string")
        return before

    def _time(self, value: Any, request: Request) -> None:
        if value is None:
            request.sent_time = None
            return
        seconds, nanos = request.sent_time or (0, 0)

        def read_seconds(value: Any) -> None:
            nonlocal seconds
            seconds = self._integer(value, seconds, 64, "Timestamp.sent_time.seconds")

        def read_nanos(value: Any) -> None:
            nonlocal nanos
            nanos = self._integer(value, nanos, 32, "Timestamp.sent_time.nanos")

        place = "Go struct field SendEventRequest.sent_time of type timestamppb.Timestamp"
        members = {"seconds": read_seconds, "nanos": read_nanos}
        if self._object(value, place, members):
            request.sent_time = seconds, nanos

    def _integer(self, value: Any, before: int, bits: int, field: str) -> int:
        if value is None:
            return before
        if isinstance(value, _Number) and _INTEGER.fullmatch(value):
            number = int(value)
            if -1 << (bits - 1) <= number < 1 << (bits - 1):
                return number
        self._wrong(value, f"Go struct field {field} of type int{bits}", exact=True)
        return before

    def _events(self, value: Any, request: Request) -> None:
        if value is None:
            request.events = []
        elif not _is_array(value):
            place = "SendEventRequest.events of type []*raccoonv1.Event"
            self._wrong(value, f"Go struct field {place}")
        else:
            # A repeated key reads into the elements that are there.
            there: list[Event | None] = request.events
            request.events = [
                self._event(element, there[index] if index < len(there) else None)
                for index, element in enumerate(value)
            ]

    def _event(self, value: Any, event: Event | None) -> Event | None:
        if value is None:
            return None
        made = event or Event()

        def read_type(value: Any) -> None:
            made.type = self._text(value, made.type, "Event.events.type")

        self._object(
            value,
            "Go struct field SendEventRequest.events of type raccoonv1.Event",
            {"event_bytes": lambda value: self._bytes(value, made), "type": read_type},
        )
        return made

    def _bytes(self, value: Any, event: Event) -> None:
        if value is None:
            event.event_bytes = b""
        elif _is_array(value):
            event.event_bytes = bytes(map(self._byte, value))
        elif type(value) is not str:
            place = "Event.events.event_bytes of type []uint8"
            self._wrong(value, f"Go struct field {place}")
        else:
            text = value.replace("\r", "").replace("\n", "")
            if _BASE64.fullmatch(text):
                event.event_bytes = binascii.a2b_base64(text)
            else:
                self._keep(JsonError("illegal base64 data"))

    def _byte(self, value: Any) -> int:
        if value is None:
            return 0
        if isinstance(value, _Number) and _INTEGER.fullmatch(value):
            number = int(value)
            if 0 <= number < 256:
                return number
        place = "Event.events.event_bytes of type uint8"
        self._wrong(value, f"Go struct field {place}", exact=True)
        return 0

    def _wrong(self, value: Any, place: str, exact: bool = False) -> None:
        """Keep an error; `exact` tells a number that does not fit, too."""
        kind = _kind(value)
        if exact and isinstance(value, _Number):
            kind += f" {value}"
        self._keep(JsonError(f"json: cannot unmarshal {kind} into {place}"))

    def _keep(self, error: JsonError) -> None:
        self.error = self.error or error


def _is_array(value: Any) -> bool:
    return isinstance(value, list) and not isinstance(cast(Any, value), _Object)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, _Number):
        return "number"
    if isinstance(value, _Object):
        return "object"
    return "array" if isinstance(value, list) else "string"
