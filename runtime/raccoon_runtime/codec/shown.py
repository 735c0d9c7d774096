"""The codecs from outside: their source, and compiling them before they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .codec import of
from .plan import plan_of
from .source import source_of

DIRECTIONS = (
    "encode",
    "encode_event",
    "encode_fields",
    "decode",
    "merge",
    "json",
    "json_proto_names",
    "json_event",
    "json_event_proto_names",
    "json_fields",
    "json_fields_proto_names",
    "parse_dict",
)
"""The functions of a codec: what each does is in its docstring on `Codec`."""


def source(cls: type[Any], direction: str = "encode") -> str:
    """Return the Python source of one of a class's functions (`DIRECTIONS`), compiled now if it was
    not yet.

    Empty where a class needs none: google.protobuf.Any's JSON is not that of its fields.
    """
    return source_of(_compiled(cls, direction))


def warm(
    *classes: type[Any], directions: Iterable[str] = ("encode_event", "encode_fields")
) -> None:
    """Compile these functions of the classes, and of the messages they hold, now.

    For a server that forks: what is compiled before the fork is shared by all workers.
    """
    chosen = tuple(directions)
    waiting = list(classes)
    done: set[type[Any]] = set()
    while waiting:
        cls = waiting.pop()
        if cls in done:
            continue
        done.add(cls)
        for direction in chosen:
            _compiled(cls, direction)
        waiting += [field.cls for field in plan_of(cls).fields if field.kind == "message"]


def _compiled(cls: type[Any], direction: str) -> Callable[..., Any]:
    if direction not in DIRECTIONS:
        raise ValueError(f"{direction!r}: there are {', '.join(DIRECTIONS)}")
    found: Callable[..., Any] = getattr(of(cls), direction)
    return found
