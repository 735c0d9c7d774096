"""A message class's codec: each direction compiled when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ..errors import DecodeError, SerializationError
from .anys import Types, types_of
from .decode import write_decode, write_merge
from .encode import write_encode, write_encode_fields
from .from_json import write_from_json
from .json_text import Intake, check_once, edge_told_apart, loads
from .plan import Plan, plan_of
from .to_json import write_json_fields, write_to_json

M = TypeVar("M")
F = TypeVar("F", bound=Callable[..., Any])


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
        attributes: dict[str, F] = codec.__dict__
        return attributes.setdefault(self._name, self._make(codec))


class Codec(Generic[M]):
    """Encodes and decodes the messages of one class.

    What fails to encode is a SerializationError, what fails to decode a DecodeError; both name the
    field's path. For a list of the functions see `DIRECTIONS`.
    """

    def __init__(self, cls: type[M]) -> None:
        self.cls = cls

    @property
    def plan(self) -> Plan:
        """The field table."""
        return plan_of(self.cls)

    # --- bytes ------------------------------------------------------------------------

    @_Compiled
    def encode(self) -> Callable[[M], bytes]:
        """message → bytes."""
        return write_encode(self.plan, lambda cls: of(cls).encode, event=False)

    @_Compiled
    def encode_event(self) -> Callable[[M], bytes]:
        """message → bytes, required fields checked and auto fields filled, in the bytes only."""
        if not self.plan.eventful:
            return self.encode
        return write_encode(self.plan, lambda cls: of(cls).encode_event, event=True)

    @_Compiled
    def encode_fields(self) -> Callable[[dict[str, Any]], bytes]:
        """An event's fields by name → its bytes, no message built."""
        return write_encode_fields(self.plan, lambda cls: of(cls).encode_event)

    @_Compiled
    def decode(self) -> Callable[[bytes], M]:
        """bytes → message."""
        return write_decode(self.plan, of)

    @_Compiled
    def merge(self) -> Callable[..., None]:
        """(message, bytes, position, end, depth): what they hold is merged into the message."""
        return write_merge(self.plan, of)

    # --- ProtoJSON --------------------------------------------------------------------

    @_Compiled
    def json(self) -> Callable[..., Any]:
        """message → text; with a depth, the dict of a message within another."""
        return self._write_json("json")

    @_Compiled
    def json_proto_names(self) -> Callable[..., Any]:
        """The same with proto names."""
        return self._write_json("json_proto_names")

    @_Compiled
    def json_event(self) -> Callable[..., Any]:
        """message → text, required fields checked and auto fields filled, in the text only."""
        return self._write_json("json_event") if self.plan.eventful else self.json

    @_Compiled
    def json_event_proto_names(self) -> Callable[..., Any]:
        """The same with proto names."""
        if not self.plan.eventful:
            return self.json_proto_names
        return self._write_json("json_event_proto_names")

    @_Compiled
    def json_fields(self) -> Callable[[dict[str, Any]], bytes]:
        """An event's fields by name → its text, no message built."""
        return self._write_json_fields("json_fields")

    @_Compiled
    def json_fields_proto_names(self) -> Callable[[dict[str, Any]], bytes]:
        """The same with proto names."""
        return self._write_json_fields("json_fields_proto_names")

    @_Compiled
    def parse_dict(self) -> Callable[[Any, Intake], M]:
        """(dict of parsed ProtoJSON, what goes along) → message."""
        return write_from_json(self.plan, of, self._types)

    def to_json(self, proto_names: bool) -> Callable[..., Any]:
        """Return the function message → text."""
        return self.json_proto_names if proto_names else self.json

    def from_json(self, text: str | bytes, ignore_unknown: bool = False) -> M:
        """Return the message that a text describes."""
        intake, plan = Intake(), self.plan
        if ignore_unknown:
            intake.ignore_unknown = True
        found = loads(text, plan)
        try:
            made = self.parse_dict(found, intake)
        except DecodeError:
            if (found := edge_told_apart(text)) is None:
                raise
            intake.keys = 0
            made = self.parse_dict(found, intake)
        check_once(text, intake.keys, plan)
        return made

    def from_dict(self, value: Any, ignore_unknown: bool = False) -> M:
        """Return the message that parsed ProtoJSON describes."""
        intake = Intake()
        intake.ignore_unknown = ignore_unknown
        made = self.parse_dict(value, intake)
        try:
            self.encode(made)
        except SerializationError as error:
            # A dict may hold what no text can: a lone surrogate, a naive datetime.
            raise DecodeError(str(error)) from None
        return made

    @property
    def _types(self) -> Types:
        return types_of(self.cls, of)

    def _write_json(self, direction: str) -> Callable[..., Any]:
        return write_to_json(
            self.plan, lambda cls: getattr(of(cls), direction), self._types, direction
        )

    def _write_json_fields(self, direction: str) -> Callable[..., Any]:
        nested = direction.replace("fields", "event")
        return write_json_fields(
            self.plan, lambda cls: getattr(of(cls), nested), self._types, direction
        )


def of(cls: type[M]) -> Codec[M]:
    """Return a message class's codec: the one place where a class gets it."""
    return cls.__codec__  # type: ignore[attr-defined,no-any-return]  # every message class has one
