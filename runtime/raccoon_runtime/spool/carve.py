"""Finds rows in the pages of a file that is damaged: each page that is whole gives what it has."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from .pages import Pages, State
from .row import Found, found
from .wal import PAGE

_LEAF = 13  # the first byte of a page with rows of a table
_COLUMNS = 9  # of the table of batches; no other has as many
_MOST = 1 << 26  # bytes of a row; what claims to be larger is damaged
_SIZES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)  # of values, by their types
_Broken = (IndexError, struct.error, ValueError, TypeError, OverflowError)


def carve(pages: Pages) -> Iterator[Found | None]:
    """Give the rows of batches in all pages, in no order; None for each that is beyond reading.

    Damaged are those of the first state that no state has whole. The others may have some that were
    removed since.
    """
    first, *others = pages.states
    again = set(first.overlay)
    whole: dict[str, int] = {}
    bad: list[Found | None] = []
    for number in first.numbers:
        rows, damaged = _rows(first, number)
        if damaged:
            again.add(number)
        if number in again:
            whole.update({one.req_guid: one.id for one in rows})
        bad += damaged
        yield from rows
    for state in others:
        for number in again:
            for one in _rows(state, number)[0]:
                if one.req_guid not in whole:
                    whole[one.req_guid] = one.id
                    yield one
    ids = set(whole.values())
    yield from (one for one in bad if one is None or one.id not in ids)


def _rows(pages: State, number: int) -> tuple[list[Found], list[Found | None]]:
    """Return the rows in a page, and those that are damaged."""
    rows: list[Found] = []
    damaged: list[Found | None] = []
    page = pages[number]
    if page[0] != _LEAF or pages.is_free(number):
        return rows, damaged
    (count,) = struct.unpack_from(">H", page, 3)
    for at in range(8, min(8 + 2 * count, PAGE - 1), 2):
        (cell,) = struct.unpack_from(">H", page, at)
        try:
            id, payload = _cell(pages, page, cell)
            values = _values(payload)
        except _Broken:
            damaged.append(None)
            continue
        if len(values) == _COLUMNS:
            _, *middle, events, size, frames = values
            one = found(events, size, id, *middle, frames)
            if one.row is None:
                damaged.append(one)
            else:
                rows.append(one)
    return rows, damaged


def _cell(pages: State, page: bytes, at: int) -> tuple[int, bytes]:
    """Return a row's id and its record, the rest of which may be in pages of its own."""
    size, at = _varint(page, at)
    id, at = _varint(page, at)
    if size > _MOST:
        raise ValueError
    here = _local(size)
    parts = [page[at : at + here]]
    left = size - here
    following = struct.unpack_from(">I", page, at + here)[0] if left else 0
    while left > 0:
        if not 0 < following <= pages.last:
            raise ValueError
        more = pages[following]
        (following,) = struct.unpack_from(">I", more)
        parts.append(more[4 : 4 + left])
        left -= PAGE - 4
    return id, b"".join(parts)


def _local(size: int) -> int:
    """How many bytes of a record of that size are in the page itself."""
    most, least = PAGE - 35, (PAGE - 12) * 32 // 255 - 23
    if size <= most:
        return size
    some = least + (size - least) % (PAGE - 4)
    return some if some <= most else least


def _values(record: bytes) -> list[Any]:
    end, at = _varint(record, 0)
    types: list[int] = []
    while at < end:
        type, at = _varint(record, at)
        types.append(type)
    values: list[Any] = []
    for type in types:
        size = _SIZES[type] if type < 12 else (type - 12) // 2
        values.append(_value(type, record[at : at + size], size))
        at += size
    return values


def _value(type: int, data: bytes, size: int) -> Any:
    if len(data) != size:
        raise ValueError
    if type >= 12:
        return data
    if type == 7:
        return struct.unpack(">d", data)[0]
    if type == 0:
        return None
    return type - 8 if type >= 8 else int.from_bytes(data, "big", signed=True)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins there, and where it ends."""
    value = 0
    for byte in range(at, at + 8):
        value = value << 7 | data[byte] & 0x7F
        if data[byte] < 0x80:
            return value, byte + 1
    return value << 8 | data[at + 8], at + 9
