"""How errors name a place within a value: by keys and indices, never by what lies there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from .checks import LISTS
from .kinds import LIST_VALUE, MAX_DEPTH, STRUCT, VALUE
from .wire import too_deep

_LONGEST = 40


def at(key: Any) -> str:
    """Return the step to what lies under a key of a map or a Struct."""
    if isinstance(key, str):
        told = str.__str__(key)
        return f"[{told[:_LONGEST]!r}{'…' if len(told) > _LONGEST else ''}]"
    return f"[{key if isinstance(key, bool) else int(key)}]"


def at_key(index: int) -> str:
    """Return the step to a key that is itself wrong: a value, which is not told."""
    return f"[key {index}]"


def json_places(kind: str, value: Any, where: str, depth: int) -> Iterator[tuple[str, str, Any]]:
    """Yield the path, the kind and the value of each key within a Value, a Struct or a ListValue,
    and of all that holds nothing itself; a ValueError when it is nested too deeply.
    """
    if depth > MAX_DEPTH:
        too_deep()
    if isinstance(value, dict) and kind != LIST_VALUE:
        deeper = depth + 2 + (kind == VALUE)
        for index, (key, item) in enumerate(cast("dict[Any, Any]", value).items()):
            yield where + at_key(index), "string", key
            yield from json_places(VALUE, item, where + at(key), deeper)
    elif isinstance(value, LISTS) and kind != STRUCT:
        deeper = depth + 1 + (kind == VALUE)
        for index, item in enumerate(cast("list[Any]", value)):
            yield from json_places(VALUE, item, f"{where}[{index}]", deeper)
    else:
        yield where, "string" if isinstance(value, str) and kind == VALUE else kind, value
