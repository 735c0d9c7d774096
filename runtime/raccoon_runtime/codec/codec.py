"""A message class's codec: each direction compiled when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import orjson

from . import blame, writers
from .anys import Types, types_of
from .decode import write_decode, write_merge
from .from_json import write_from_json
from .json_text import loads
from .plan import Plan, is_eventful, plan_of

M = TypeVar("M")
F = TypeVar("F", bound=Callable[..., Any])
Json = Callable[..., dict[str, Any]]


class _Compiled(Generic[F]):
    """An attribute of a codec that is made when first read and then lies in the codec itself.

    Without a lock, so that threads and forks cannot get stuck in it: who comes second compiles the
    same once more.
    """

    def __init__(self, make: Callable[[Any], F]) -> None:
        self._make = make

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name
        self.__doc__ = self._make.__doc__

    def __get__(self, codec: Any, owner: type[Any] | None = None) -> F:
        made: F = vars(codec).setdefault(self._name, self._make(codec))
        return made


class Codec(Generic[M]):
    """Encodes and decodes the messages of one class.

    What fails to encode is a SerializationError, what fails to decode a DecodeError; both name the
    field's path.
    """

    def __init__(self, cls: type[M]) -> None:
        self.cls = cls

    @property
    def plan(self) -> Plan:
        return plan_of(self.cls)

    # --- bytes ------------------------------------------------------------------------

    @_Compiled
    def encode(self) -> Callable[[M], bytes]:
        """message → bytes."""
        return writers.write_encode(self.plan, lambda cls: of(cls).encode, event=False)

    @_Compiled
    def encode_event(self) -> Callable[[M], bytes]:
        """message → bytes, with required fields checked and auto fields filled, in the bytes only."""
        if not is_eventful(self.cls):
            return self.encode
        return writers.write_encode(self.plan, lambda cls: of(cls).encode_event, event=True)

    @_Compiled
    def encode_keywords(self) -> Callable[..., bytes]:
        """The fields as keywords → bytes of the event."""
        return writers.write_encode_keywords(self.plan, lambda cls: of(cls).encode_event)

    def encode_fields(self, fields: dict[str, Any]) -> bytes:
        """Return an event's bytes from its fields, no message built; an unknown name is a
        TypeError.
        """
        return self.encode_keywords(**fields)

    @_Compiled
    def decode(self) -> Callable[[bytes], M]:
        """bytes → message."""
        return write_decode(self.plan, of)

    @_Compiled
    def merge(self) -> Callable[..., M]:
        """(message, bytes, position, end, depth) → the same message, with what the bytes hold
        merged into it.
        """
        return write_merge(self.plan, of)

    # --- ProtoJSON --------------------------------------------------------------------

    @_Compiled
    def json(self) -> Json:
        """message → dict."""
        return self._write_json(event=False, proto_names=False)

    @_Compiled
    def json_proto_names(self) -> Json:
        """message → dict with proto names."""
        return self._write_json(event=False, proto_names=True)

    @_Compiled
    def json_event(self) -> Json:
        """message → dict, with required fields checked and auto fields filled."""
        return self._write_json(event=True, proto_names=False)

    @_Compiled
    def json_event_proto_names(self) -> Json:
        """The same with proto names."""
        return self._write_json(event=True, proto_names=True)

    @_Compiled
    def json_keywords(self) -> Json:
        """The fields as keywords → dict of the event."""
        return self._write_json_keywords(proto_names=False)

    @_Compiled
    def json_keywords_proto_names(self) -> Json:
        """The same with proto names."""
        return self._write_json_keywords(proto_names=True)

    @_Compiled
    def parse_dict(self) -> Callable[..., M]:
        """(dict, ignore_unknown=False, depth=0) → message."""
        return write_from_json(self.plan, of, self._types)

    def json_dict(self, proto_names: bool) -> Json:
        """Return the function message → dict."""
        return self.json_proto_names if proto_names else self.json

    def to_json(self, message: M, *, proto_names: bool = False) -> bytes:
        """Return a message as text."""
        return self._text(self.json_dict(proto_names)(message), message)

    def to_json_event(self, message: M, *, proto_names: bool = False) -> bytes:
        """Return an event as text, with required fields checked and auto fields filled."""
        write = self.json_event_proto_names if proto_names else self.json_event
        return self._text(write(message), message)

    def to_json_fields(self, fields: dict[str, Any], *, proto_names: bool = False) -> bytes:
        """Return an event's text from its fields, no message built; an unknown name is a TypeError."""
        write = self.json_keywords_proto_names if proto_names else self.json_keywords
        return self._text(write(**fields), fields)

    def from_json(self, text: str | bytes, ignore_unknown: bool = False) -> M:
        """Return the message that a text describes."""
        return self.parse_dict(loads(text, self.plan.name), ignore_unknown)

    @property
    def _types(self) -> Types:
        return types_of(self.cls, of)

    def _write_json(self, event: bool, proto_names: bool) -> Json:
        if event and not is_eventful(self.cls):
            return self.json_dict(proto_names)
        direction = "json_event" if event else "json"
        direction += "_proto_names" if proto_names else ""
        return writers.write_to_json(
            self.plan, lambda cls: getattr(of(cls), direction), self._types, event, proto_names
        )

    def _write_json_keywords(self, proto_names: bool) -> Json:
        direction = "json_event_proto_names" if proto_names else "json_event"
        return writers.write_json_keywords(
            self.plan, lambda cls: getattr(of(cls), direction), self._types, proto_names
        )

    def _text(self, found: Any, given: Any) -> bytes:
        try:
            return orjson.dumps(found)
        except orjson.JSONEncodeError as error:
            # Only a lone surrogate gets as far as this.
            if isinstance(given, dict):
                raise blame.of_keywords(self.plan)(given, error) from None
            raise blame.of_message(self.plan, False)(given, error) from None


def of(cls: type[M]) -> Codec[M]:
    """Return a message class's codec."""
    found: Codec[M] = cls.__codec__  # type: ignore[attr-defined]
    return found
