"""The types of google/protobuf that fields of generated messages hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from .codec.times import Duration, Timestamp
from .codec.unwrapped import NULL, JsonValue, Null
from .message import Enum, Message, field

__all__ = [
    "NULL",
    "Any",
    "Duration",
    "Empty",
    "FieldMask",
    "JsonValue",
    "Null",
    "NullValue",
    "Timestamp",
]

M = TypeVar("M", bound=Message)

_PREFIX = "type.googleapis.com/"


@dataclass(eq=False, repr=False, kw_only=True)
class Any(Message, proto="google.protobuf.Any"):
    """A message of any type, as its bytes and a URL that names the type.

    In ProtoJSON it is shown as what it holds, where that is of the same generated package or a
    well-known type.
    """

    type_url: str = field(1, "string")
    """What ends in a slash and the full name: `type.googleapis.com/shop.v1.PageEvent`."""
    value: bytes = field(2, "bytes")

    @classmethod
    def pack(cls, message: Message) -> Any:
        """Return an Any that holds the message."""
        return cls(type_url=_PREFIX + message.__proto__, value=bytes(message))

    def holds(self, message: type[Message]) -> bool:
        """Return whether it holds a message of that class."""
        return self.type_url.rpartition("/")[2] == message.__proto__

    def unpack(self, message: type[M]) -> M:
        """Return what it holds; TypeError when that is of another class, DecodeError when it cannot
        be read.
        """
        if not self.holds(message):
            raise TypeError(f"an Any of {self.type_url!r} holds no {message.__proto__}")
        return message.parse(self.value)


@dataclass(eq=False, repr=False, kw_only=True)
class FieldMask(Message, proto="google.protobuf.FieldMask"):
    """Paths of fields, in proto names: `context.user_id`."""

    paths: list[str] = field(1, "string", repeated=True)


@dataclass(eq=False, repr=False, kw_only=True)
class Empty(Message, proto="google.protobuf.Empty"):
    """Nothing."""


class NullValue(Enum, proto="google.protobuf.NullValue"):
    """JSON's null, as an enum."""

    NULL_VALUE = 0
