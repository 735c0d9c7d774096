"""What lies in a spool's directory, for who looks from outside: nothing is changed or taken."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..wires import WIRES
from .carve import carve
from .directory import Directory
from .pages import Pages
from .reader import Reader, is_passing
from .row import Amount, Found, Row


class Contents(NamedTuple):
    """One file. `owner` is the process that uses it, `oldest` when its first batch was sealed, in
    Unix nanoseconds, `unreadable` how many batches of it nobody can read; there may be more of them
    if it is `damaged`.
    """

    path: Path
    owner: str | None
    damaged: bool
    set_aside: bool
    amount: Amount
    types: Counter[str]
    oldest: int | None
    unreadable: int


class Kept(NamedTuple):
    """One event. It may have been published already if `possible_duplicate`."""

    type: str
    data: bytes
    req_guid: str
    sent_time: int
    possible_duplicate: bool


def survey(directory: Directory) -> list[Contents]:
    """Return what each file holds, those that were set aside last."""
    sound = [_contents(path, directory.owner(path), False) for path in directory.files()]
    return [*sound, *(_contents(path, None, True) for path in directory.damaged())]


def _contents(path: Path, owner: str | None, set_aside: bool) -> Contents:
    amount, types, unreadable = Amount(), Counter[str](), 0
    oldest: int | None = None
    damaged, found = batches(path, owner)
    for one in found:
        if one is None or one.row is None:
            unreadable += 1
            continue
        amount = amount.plus(one.row.amount)
        types.update(event.type for event in events(one.row, owner))
        oldest = min(oldest or one.row.sent_time, one.row.sent_time)
    damaged |= set_aside
    return Contents(path, owner, damaged, set_aside, amount, types, oldest, unreadable)


def batches(path: Path, owner: str | None) -> tuple[bool, list[Found | None]]:
    """Return whether a file is damaged, and the batches in it as far as they can be read: None, or
    without a row, is each that cannot.
    """
    try:
        # The log of one that is in use may change while it is read.
        if owner is None:
            with contextlib.closing(Pages(path)) as pages:
                if pages.log_is_damaged:
                    return True, list(carve(pages))
        return False, _rows(path)
    except sqlite3.DatabaseError as error:
        return _carved(path, not is_passing(error))
    except FileNotFoundError:  # a client removed it just now, for it was empty
        return False, []


def _carved(path: Path, damaged: bool) -> tuple[bool, list[Found | None]]:
    try:
        with contextlib.closing(Pages(path)) as pages:
            return damaged, list(carve(pages))
    except FileNotFoundError:
        return False, []


def _rows(path: Path) -> list[Found | None]:
    with contextlib.closing(Reader.open(path)) as reader:
        if not reader.version():
            return []  # its making was cut short
        aside = [None for _ in reader.aside()]
        return [*reader.rows(), *aside]


def events(row: Row, owner: str | None) -> Iterator[Kept]:
    """Give the events of a batch. What a process left behind may have been on its way."""
    unframe = WIRES[row.wire].unframe
    duplicate = row.possible_duplicate or row.failed_since > 0 or owner is None
    for frame in row.frames:
        type, data = unframe(frame)
        yield Kept(type, data, row.req_guid, row.sent_time, duplicate)
