"""Events that are told apart by a number in their bytes, whichever server publishes them."""

from __future__ import annotations

import re
from typing import Any

from raccoon_runtime import Event, Message, SerializationError

USUAL = "numbered"
# As it stands in an event's bytes, and where a log has quoted them.
_NUMBER = re.compile(rb'\\?"n\\?":(\d+)')


class Raw:
    """A serializer that leaves bytes alone, so that a row can send what no serializer would."""

    name = "RAW"

    def encode(self, value: object) -> bytes:
        """Return the bytes."""
        if not isinstance(value, bytes):
            raise SerializationError("bytes belong here")
        return value

    def encode_fields(self, event: type[Message], fields: dict[str, Any]) -> bytes:
        """Refuse: there are no generated events here."""
        raise SerializationError("bytes belong here")

    def decode(self, data: bytes, event: type[Message] | None) -> object:
        """Return the bytes."""
        return data


RAW = Raw()


def event(number: int, type: str = USUAL, size: int = 0) -> Event:
    """Return an event with this number, and so many bytes of something else."""
    pad = b',"pad":"' + b"x" * size + b'"' if size else b""
    return Event(type, b'{"n":%d%s}' % (number, pad))


def poison(number: int, type: str = USUAL) -> Event:
    """Return one that a server's log publisher refuses: neither JSON nor protobuf."""
    return Event(type, b"\xff\xff not an event, %d" % number)


def number_in(data: bytes) -> int | None:
    """Return the number of the event that these bytes hold, None when they hold none."""
    found = _NUMBER.search(data)
    return None if found is None else int(found[1])
