"""An untyped event: its type and its data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from .errors import SerializationError

_TYPE = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Event:
    """What other Raccoon clients send: a type, which picks the topic, and data of the serializer's
    kind.

    `Event("page", {"any": "json"})` goes with JSON, `Event("page", message)` with both, whether the
    message is generated here or google's. A generated event needs no wrapping. SerializationError
    when the type cannot be part of a topic's name.
    """

    type: str
    data: object

    def __post_init__(self) -> None:
        kind = cast(object, self.type)
        if not isinstance(kind, str):
            raise SerializationError(f"an event's type is text, not {kind.__class__.__name__}")
        if not _TYPE.fullmatch(kind):
            raise SerializationError(
                f"event type {kind[:80]!r}: letters, digits, '.', '_' and '-' make a topic's name"
            )
