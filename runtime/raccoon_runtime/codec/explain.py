"""Finds out where bytes are not the message they should be: reads them again, slowly, with the path
in hand.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import error as StructError
from typing import Any

from ..errors import DecodeError
from .blame import OWN, let_through
from .checks import octets
from .kinds import MAX_DEPTH, SIZED
from .plan import Field, Plan, plan_of
from .read import reader, unpacker
from .wire import TooDeep, fields, too_deep

Explain = Callable[[Any, Exception], DecodeError]


class _Found(Exception):
    """The path to where the bytes are wrong, and why."""


def explain_wire(plan: Plan) -> Explain:
    """Return what turns a failed decoding into an error that says where and why."""

    def explain(data: Any, error: Exception) -> DecodeError:
        let_through(error)
        try:
            data = octets(data)
            _message(plan, data, 0, len(data), plan.name, 0)
        except _Found as found:
            return DecodeError(str(found))
        except TooDeep as found:
            return DecodeError(f"{plan.name}: {found}")
        except TypeError:
            return DecodeError(f"{plan.name}: {error}")
        return DecodeError(f"{plan.name}: {_reason(error)}")

    return explain


def _reason(error: Exception) -> str:
    if isinstance(error, (IndexError, StructError)):
        return "truncated"
    if isinstance(error, UnicodeDecodeError):
        return "invalid UTF-8"
    return str(error)


def _message(plan: Plan, data: bytes, pos: int, end: int, path: str, depth: int) -> None:
    by_number = {field.number: field for field in plan.fields}
    counts: dict[int, int] = {}
    where = path
    try:
        if depth > MAX_DEPTH:
            too_deep()
        for tag, start, stop, _ in fields(data, pos, end, depth):
            field = by_number.get(tag >> 3)
            if field is not None:
                index = counts[tag >> 3] = counts.get(tag >> 3, -1) + 1
                where = f"{path}.{field.name}"
                if not field.single:
                    where += f"[{index}]"
                _field(field, tag & 7, data, start, stop, where, depth)
                where = path
    except (_Found, TooDeep):
        raise
    except OWN as error:
        raise _Found(f"{where}: {_reason(error)}") from None


def _field(
    field: Field, wire: int, data: bytes, start: int, stop: int, where: str, depth: int
) -> None:
    if field.key is not None:
        if wire == SIZED:
            _entry(field, data, start, stop, where, depth)
    elif wire == field.wire:
        _element(field, data, start, stop, where, depth)
    elif wire == SIZED and field.repeated:
        unpacker(field)(data, start, stop)


def _entry(field: Field, data: bytes, start: int, stop: int, where: str, depth: int) -> None:
    for tag, at, until, _ in fields(data, start, stop, depth):
        if tag == 2 << 3 | field.wire:
            _element(field, data, at, until, where, depth)
        elif tag == 1 << 3 | SIZED and field.key is not None and field.key.wire == SIZED:
            data[at:until].decode()


def _element(field: Field, data: bytes, start: int, stop: int, where: str, depth: int) -> None:
    if field.kind == "message":
        _message(plan_of(field.cls), data, start, stop, where, depth + field.levels)
    elif field.kind == "string":
        data[start:stop].decode()
    elif field.scalar is None and field.kind != "enum":
        reader(field)(data, start, stop, depth + field.levels, None)
