"""The codecs from outside: their source, and compiling them before they are needed."""

from __future__ import annotations

import linecache
from collections.abc import Iterable
from typing import Any

from .codec import of
from .compiler import filename_of
from .plan import plan_of

DIRECTIONS = (
    "encode",
    "encode_event",
    "encode_keywords",
    "decode",
    "merge",
    "json",
    "json_proto_names",
    "json_event",
    "json_event_proto_names",
    "json_keywords",
    "json_keywords_proto_names",
    "parse_dict",
)
"""The functions of a codec: what each does is in its docstring on `Codec`."""


def source(cls: type[Any], direction: str = "encode") -> str:
    """Return the Python source of one of a class's functions (`DIRECTIONS`), compiled now if it was
    not yet.

    Empty where a class needs none: google.protobuf.Any's JSON is not that of its fields.
    """
    _compiled(cls, direction)
    lines = linecache.cache.get(filename_of(cls, direction))
    if lines is None and direction.startswith(("encode_event", "json_event")):
        # A class without required and auto fields has no function of its own for events.
        lines = linecache.cache.get(filename_of(cls, direction.replace("_event", "")))
    return "" if lines is None or lines[1] is not None else "".join(lines[2])


def warm(
    *classes: type[Any], directions: Iterable[str] = ("encode_event", "encode_keywords")
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


def _compiled(cls: type[Any], direction: str) -> None:
    if direction not in DIRECTIONS:
        raise ValueError(f"{direction!r}: there are {', '.join(DIRECTIONS)}")
    getattr(of(cls), direction)
