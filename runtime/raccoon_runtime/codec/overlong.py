"""Tags that are spelled longer than they need be: legal, and written by nobody but testers.

The compiled decoders know a tag by its shortest bytes. When they meet another spelling of a tag
that they know, the whole message is written anew with short ones and decoded again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .explain import explain_wire
from .kinds import SIZED
from .plan import Field, Plan, plan_of
from .varints import varint
from .wire import Overlong, fields

Codecs = Callable[[Any], Any]
"""A message class → its codec."""


def decode_again(plan: Plan, codecs: Codecs) -> Callable[[bytes, Exception], Any]:
    """Return what is done after a decoder has failed: give the message after all, or raise the
    error that says what is wrong and where.
    """
    explain = explain_wire(plan)

    def again(data: Any, error: Exception) -> Any:
        if not isinstance(error, Overlong):
            raise explain(data, error) from None
        try:
            short = _message(plan, data, 0, len(data), 0)
        except (ValueError, IndexError) as found:
            raise explain(data, found) from None
        return codecs(plan.cls).decode(short)

    return again


def _message(plan: Plan, data: bytes, pos: int, end: int, depth: int) -> bytearray:
    """Return a message with each tag that is known in its shortest form, at every depth."""
    known = {field.number: field for field in plan.fields}
    out = bytearray()
    for tag, start, stop, _ in fields(data, pos, end, depth):
        field = known.get(tag >> 3)
        if field is None or tag & 7 != SIZED:
            out += data[pos:stop] if field is None else varint(tag) + data[start:stop]
        else:
            body = _body(field, data, start, stop, depth)
            out += varint(tag) + varint(len(body)) + body
        pos = stop
    return out


def _body(field: Field, data: bytes, pos: int, end: int, depth: int) -> bytes | bytearray:
    if field.key is not None:
        return _entry(field, data, pos, end, depth)
    if field.kind == "message":
        return _message(plan_of(field.cls), data, pos, end, depth + 1)
    return data[pos:end]


def _entry(field: Field, data: bytes, pos: int, end: int, depth: int) -> bytearray:
    out = bytearray()
    for tag, start, stop, _ in fields(data, pos, end, depth + 1):
        if tag & 7 != SIZED:
            out += varint(tag) + data[start:stop]
        else:
            whole = tag >> 3 == 2 and field.kind == "message"
            body = (
                _message(plan_of(field.cls), data, start, stop, depth + 2)
                if whole
                else data[start:stop]
            )
            out += varint(tag) + varint(len(body)) + body
    return out
