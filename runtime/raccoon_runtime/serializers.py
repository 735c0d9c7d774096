"""How one event becomes bytes, which is what consumers read from the topic."""

from __future__ import annotations

import importlib
import math
import os
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timezone
from enum import Enum
from typing import Any, Protocol, cast, runtime_checkable
from uuid import UUID

import orjson

from . import codec, process
from .errors import SerializationError
from .message import Message


@runtime_checkable
class Serializer(Protocol):
    """Turns one event into bytes; SerializationError when it cannot."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    def encode(self, value: object) -> bytes:
        """Return the bytes of an event's data: a generated message, or what else this serializer
        takes.
        """
        ...

    def encode_fields(self, event: type[Message], fields: dict[str, Any]) -> bytes:
        """Return the bytes of a generated event given as keywords, without building it."""
        ...


# Some of these have a `__bytes__` of another meaning.
_NO_MESSAGES: tuple[type[Any], ...] = (type, bytes, bytearray, memoryview, str, os.PathLike)
Encoders = tuple[Callable[[Any], bytes], Callable[[dict[str, Any]], bytes]]
"""What encodes a message of one class, and what its fields."""


class ProtoSerializer:
    """Protobuf: generated messages, and any object with `SerializeToString` or `__bytes__` of a
    message.
    """

    name = "PROTO"

    def encode(self, value: object) -> bytes:
        """Return the message's bytes."""
        if isinstance(value, Message):
            return codec.of(type(value)).encode_event(value)
        write: Any = getattr(value, "SerializeToString", None) or getattr(value, "__bytes__", None)
        if write is None or isinstance(value, _NO_MESSAGES):
            raise SerializationError(
                f"{_kind(value)} is no protobuf message; the serializer PROTO takes nothing else"
            )
        try:
            written = write()
        except Exception as error:
            raise SerializationError(
                f"{_kind(value)} cannot be written: {type(error).__name__}"
            ) from error
        if not isinstance(written, bytes):
            raise SerializationError(
                f"{_kind(value)} writes itself as {_kind(written)}, not as bytes"
            )
        return written

    def encode_fields(self, event: type[Message], fields: dict[str, Any]) -> bytes:
        """Return the message's bytes."""
        return codec.of(event).encode_fields(fields)

    def of(self, event: type[Message]) -> Encoders:
        """Return both for one class, without the way to them."""
        found = codec.of(event)
        return found.encode_event, found.encode_fields

    def decode(self, data: bytes, event: type[Message] | None) -> object:
        """Return the message that the bytes are, or the bytes of an event that is not generated."""
        return data if event is None else event.parse(data)

    def __repr__(self) -> str:
        return self.name


_JSON_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


class JsonSerializer:
    """JSON: generated messages and google's as canonical ProtoJSON, and whatever JSON can hold."""

    def __init__(self, *, proto_names: bool = False) -> None:
        self.name = "JSON_PROTO_NAMES" if proto_names else "JSON"
        self._proto_names = proto_names

    def encode(self, value: object) -> bytes:
        """Return the JSON text."""
        if isinstance(value, Message):
            return self.of(type(value))[0](value)
        try:
            text = orjson.dumps(value, default=self._other, option=_JSON_OPTIONS)
        except orjson.JSONEncodeError as error:
            told = _blame(value)
            if told is None and isinstance(error.__cause__, SerializationError):
                raise error.__cause__ from None
            raise SerializationError(told or f"{_kind(value)}: {error}") from error
        # orjson writes NaN as null, so a text without one needs no second look.
        if b"null" in text:
            for path, found in _walk(value):
                if isinstance(found, float) and not math.isfinite(found):
                    raise SerializationError(f"{path}: {_NOT_FINITE}")
        return text

    def encode_fields(self, event: type[Message], fields: dict[str, Any]) -> bytes:
        """Return the JSON text."""
        return self.of(event)[1](fields)

    def of(self, event: type[Message]) -> Encoders:
        """Return both for one class, without the way to them."""
        found = codec.of(event)
        if self._proto_names:
            return found.json_event_proto_names, found.json_fields_proto_names
        return found.json_event, found.json_fields

    def decode(self, data: bytes, event: type[Message] | None) -> object:
        """Return the message that the JSON is, or what else it holds."""
        return orjson.loads(data) if event is None else event.from_json(data)

    def _other(self, value: object) -> object:
        if isinstance(value, Message):
            return orjson.Fragment(codec.of(type(value)).to_json(self._proto_names)(value))
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise TypeError("a datetime without a time zone")
            return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
        if isinstance(value, (date, time)):
            return value.isoformat()
        if _is_googles(value):
            return orjson.Fragment(self._of_google(value))
        raise TypeError(f"{_kind(value)} is nothing that JSON can hold")

    def _of_google(self, value: object) -> str:
        with process.undivided():
            google: Any = importlib.import_module("google.protobuf.json_format")
        try:
            text: str = google.MessageToJson(
                value, preserving_proto_field_name=self._proto_names, indent=None
            )
        except Exception as error:
            raise SerializationError(
                f"{_kind(value)} cannot be written: {type(error).__name__}"
            ) from error
        return text

    def __repr__(self) -> str:
        return self.name


PROTO = ProtoSerializer()
"""Protobuf, the default."""

JSON = JsonSerializer()
"""Canonical ProtoJSON, and any JSON in an untyped event."""

JSON_PROTO_NAMES = JsonSerializer(proto_names=True)
"""ProtoJSON with the fields named as in the schema."""

_BY_NAME: dict[str, Serializer] = {
    "proto": PROTO,
    "json": JSON,
    "json_proto_names": JSON_PROTO_NAMES,
}


def serializer_named(name: str) -> Serializer | None:
    """Return the serializer of that name."""
    return _BY_NAME.get(name.lower())


def _is_googles(value: object) -> bool:
    """Whether it is a message of google's protobuf; who has one has imported that."""
    module: Any = sys.modules.get("google.protobuf.message")
    return module is not None and isinstance(value, module.Message)


def _kind(value: object) -> str:
    return type(value).__name__


def _blame(value: object) -> str | None:
    """Say where the first thing is that JSON cannot hold, and of what type: `$.items[1]: …`."""
    for path, found in _walk(value):
        told = _unfit(found)
        if told is not None:
            return f"{path}: {told}"
    return None


_NOT_FINITE = "a float that is not finite"
_HELD = (str, int, float, type(None), dict, list, tuple, date, time, UUID, Enum, Message)


def _unfit(found: object) -> str | None:
    if isinstance(found, float) and not math.isfinite(found):
        return _NOT_FINITE
    if isinstance(found, int) and not -(1 << 63) <= found < 1 << 64:
        return "an int of more than 64 bits"
    if isinstance(found, str) and any("\ud800" <= char <= "\udfff" for char in found):
        return "text that is not valid Unicode"
    if isinstance(found, datetime) and found.tzinfo is None:
        return "a datetime without a time zone"
    if isinstance(found, _Key):
        return f"a key of type {_kind(found.key)}"
    if isinstance(found, _Cycle):
        return f"a cycle back to {found.start}"
    if isinstance(found, _HELD) or _is_googles(found):
        return None
    return f"{_kind(found)} is nothing that JSON can hold"


class _Key:
    """A key that is no text, on its way to being blamed."""

    def __init__(self, key: object) -> None:
        self.key = key


class _Cycle:
    """What is met again within itself, where it began."""

    def __init__(self, start: str) -> None:
        self.start = start


_DEEPEST = 300  # orjson refuses what is deeper than 254


def _walk(value: object) -> Iterator[tuple[str, object]]:
    """Yield each thing in a value with its path; of what is there several times only the first is
    walked through.
    """
    return _below("$", value, {}, set())


def _below(
    path: str, value: object, around: dict[int, str], done: set[int]
) -> Iterator[tuple[str, object]]:
    """The same, given the paths of the containers around it and which are done, by their ids."""
    yield path, value
    me = id(value)
    if not isinstance(value, (dict, list, tuple)) or me in done or len(around) > _DEEPEST:
        return
    if me in around:
        yield path, _Cycle(around[me])
        return
    around[me] = path
    if isinstance(value, dict):
        for key, inner in cast("dict[Any, Any]", value).items():
            yield path, key if type(key) is str else _Key(key)
            yield from _below(f"{path}.{str(key)[:80]}", inner, around, done)
    else:
        for index, inner in enumerate(cast("list[Any]", value)):
            yield from _below(f"{path}[{index}]", inner, around, done)
    del around[me]
    done.add(me)
