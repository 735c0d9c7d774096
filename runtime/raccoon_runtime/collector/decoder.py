"""From an event's type and bytes to its message, by a generated client's events."""

from __future__ import annotations

from typing import Any

from ..client import EventMethods
from ..errors import DecodeError
from ..message import Message
from . import go_json
from .request import Event


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
            # What the log publisher asks, too: JSON, or else protobuf.
            if go_json.valid(event.event_bytes):
                return cls.from_json(event.event_bytes), None
            return cls.parse(event.event_bytes), None
        except DecodeError as error:
            return None, str(error)

    def _class(self, type: str) -> type[Message] | None:
        if type not in self._classes:
            try:
                self._classes[type] = self._events.event_class(type)
            except KeyError:
                self._classes[type] = None
        return self._classes[type]
