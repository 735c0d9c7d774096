"""ProtoJSON as text: orjson's, with what it lets pass looked at."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import orjson

from ..errors import DecodeError


def loads(text: str | bytes, name: str) -> Any:
    """Return what a text holds; DecodeError when it is no JSON, or has one key twice in an object."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DecodeError(f"{name}: not JSON: {error}") from None
    raw = text.encode() if isinstance(text, str) else bytes(text)
    # Where as many keys were read as there are quotes before a colon, none was read twice.
    if _keys(found) != raw.count(b'":'):
        try:
            json.loads(raw, object_pairs_hook=_once)
        except DecodeError as error:
            raise DecodeError(f"{name}: {error}") from None
        except RecursionError:
            raise DecodeError(f"{name}: nested too deep") from None
    return found


def _keys(value: Any) -> int:
    count = 0
    waiting = [value]
    for one in waiting:
        if one.__class__ is dict:
            count += len(one)
            one = one.values()
        elif one.__class__ is not list:
            continue
        waiting += [inner for inner in one if inner.__class__ is dict or inner.__class__ is list]
    return count


def _once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        _twice(twice)


def _twice(name: str) -> NoReturn:
    raise DecodeError(f"the key {name[:80]!r} twice in one object")
