"""From an event's type and bytes to its message."""

from __future__ import annotations

from typing import Any, TypeVar

from ..client import EventMethods
from ..errors import DecodeError
from ..message import Message
from . import go_json
from .request import Event

M = TypeVar("M", bound=Message)


def decoded(kind: type[M], data: bytes) -> M:
    """Return the message that an event's bytes are, of either serializer; DecodeError if none."""
    # A message's JSON is an object; a few protobuf messages are JSON numbers by chance.
    if data.lstrip(b" \t\r\n").startswith(b"{") and go_json.valid(data):
        return kind.from_json(data)
    return kind.parse(data)


class Decoder:
    """Decodes the events of a generated package."""

    def __init__(self, events: type[EventMethods[Any]]) -> None:
        self._events = events
        self._classes: dict[str, type[Message] | None] = {}

    def decode(self, event: Event) -> tuple[Message | None, str | None]:
        """Return the message, or why there is none."""
        cls = self._class(event.type)
        if cls is None:
            return None, f"no event has the type {event.type!r}"
        try:
            return decoded(cls, event.event_bytes), None
        except DecodeError as error:
            return None, str(error)

    def _class(self, type: str) -> type[Message] | None:
        if type not in self._classes:
            try:
                self._classes[type] = self._events.event_class(type)
            except KeyError:
                self._classes[type] = None
        return self._classes[type]
