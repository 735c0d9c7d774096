"""ProtoJSON as text: orjson's, with what it lets pass looked at."""

from __future__ import annotations

import json
from typing import Any, cast

import orjson

from ..errors import DecodeError


class Intake:
    """What goes along while an object becomes a message: whether unknown names are ignored, and how
    many keys were seen.
    """

    __slots__ = ("ignore_unknown", "keys")

    def __init__(self, ignore_unknown: bool) -> None:
        self.ignore_unknown = ignore_unknown
        self.keys = 0


def loads(text: str | bytes, name: str) -> Any:
    """Return what a text holds; DecodeError when it is no JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DecodeError(f"{name}: not JSON: {error}") from None


def keys_in(value: Any) -> int:
    """Return how many keys the objects in a value have."""
    count, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            held = cast("dict[Any, Any]", one)
            count += len(held)
            waiting += held.values()
        elif isinstance(one, list):
            waiting += one
    return count


def check_once(text: str | bytes, keys: int, name: str) -> None:
    """Check that no object has one key twice, of which orjson takes the last; DecodeError if so.

    Where as many keys came out as quotes stand before a colon, none did: only then the text need
    not be looked at.
    """
    found = text.count('":') if isinstance(text, str) else bytes(text).count(b'":')
    if keys != found:
        try:
            json.loads(text, object_pairs_hook=_once)
        except DecodeError as error:
            raise DecodeError(f"{name}: {error}") from None
        except RecursionError:
            raise DecodeError(f"{name}: nested too deep") from None


def _once(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise DecodeError(f"the key {key[:80]!r} twice in one object")
        seen.add(key)
