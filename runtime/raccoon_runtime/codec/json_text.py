"""ProtoJSON as text: orjson's, with what it lets pass looked at."""

from __future__ import annotations

import json
from typing import Any, cast

import orjson

from ..errors import DecodeError
from .json_in import EDGE
from .plan import Plan


class Intake:
    """What goes along while an object becomes a message."""

    ignore_unknown = False
    """Whether names that are unknown are passed over."""
    keys = 0
    """How many have been seen."""


def loads(text: str | bytes, plan: Plan) -> Any:
    """Return what a text holds; DecodeError when it is no JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DecodeError(f"{plan.name}: not JSON: {error}") from None


def edge_told_apart(text: str | bytes) -> Any:
    """Return what a text holds with -2^63 as an int, if it is written there with a point or an
    exponent; else None. orjson makes the same float of that and of the integers just below it.
    """
    met: list[str] = []

    def number(written: str) -> float:
        if (found := float(written)) != EDGE:
            return found
        met.append(written)
        return EDGE

    try:
        found = json.loads(text if isinstance(text, str) else bytes(text), parse_float=number)
    except (ValueError, RecursionError):
        return None
    return found if met else None


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


def check_once(text: str | bytes, keys: int, plan: Plan) -> None:
    """Check that no object has one key twice, of which orjson takes the last; DecodeError if so.

    `keys` is how many came out. Where the text has that many colons after a quote, and none after a
    space, it cannot hold more: only else is it read again.
    """
    if not isinstance(text, str):
        text = bytes(text).decode()
    if (
        text.count('":') != keys
        or (" " in text and " :" in text)
        or ("\n" in text and "\n:" in text)
        or ("\r" in text and "\r:" in text)
        or ("\t" in text and "\t:" in text)
    ):
        try:
            json.loads(text, object_pairs_hook=_once)
        except DecodeError as error:
            raise DecodeError(f"{plan.name}: {error}") from None
        except RecursionError:
            raise DecodeError(f"{plan.name}: nested too deep") from None


def _once(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise DecodeError(f"the key {key[:80]!r} twice in one object")
        seen.add(key)
