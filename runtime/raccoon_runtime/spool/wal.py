"""The log beside an SQLite file (WAL), read without SQLite, which takes the first frame that is
damaged for the log's end.

The format is that of https://www.sqlite.org/walformat.html.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

PAGE = 4096
"""The size of our files' pages."""
_HEAD, _FRAME = 32, 24  # in front of the log, and of each page in it
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
_INDEX = 48  # the head of the index (-shm)
_NATIVE = "<" if sys.byteorder == "little" else ">"

Overlay = dict[int, bytes]
"""Pages by their numbers, in place of those of the file."""


class Log(NamedTuple):
    """What a log says of pages: up to where SQLite reads it; and, when it is damaged, with all that
    follows up to the last commit, without or with the frames whose checksum is wrong.
    """

    is_damaged: bool
    committed: Overlay
    sound: Overlay
    newest: Overlay


class _Frame(NamedTuple):
    number: int
    commits: bool
    salts: bytes
    page: bytes
    is_sound: bool


def read_log(path: Path) -> Log:
    """Return what a file's log says; nothing when there is none, or of pages of another size."""
    data = _read(Path(f"{path}-wal"))
    if len(data) < _HEAD + _FRAME + PAGE:  # empty; or nothing is left of what was committed
        return Log(bool(_known(_read(Path(f"{path}-shm")))), {}, {}, {})
    magic, _, size, *_, first, second = struct.unpack_from(">8I", data)
    order = _MAGIC.get(magic, _NATIVE)
    sums = first, second
    whole = magic in _MAGIC and _checksum(order, data[: _HEAD - 8], (0, 0)) == sums
    if whole and size != PAGE:
        return Log(False, {}, {}, {})
    frames = list(_frames(order, data, sums))
    salts = data[16:24]
    if not whole:
        salts = next((one.salts for one in frames if one.is_sound), salts)
    follows = takewhile(lambda one: one.is_sound and one.salts == salts, frames)
    read = list(follows) if whole else []
    own = list(_of_one_use(salts, frames))
    known = _known(_read(Path(f"{path}-shm")), salts)
    is_damaged = not whole or _misses(read, own, known)
    newest = _committed(own)
    sound = [one for one in newest if one.is_sound]
    return Log(is_damaged, _overlay(_committed(read)), _overlay(sound), _overlay(newest))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _misses(read: list[_Frame], own: list[_Frame], known: int | None) -> bool:
    """Whether more was committed than SQLite reads.

    It is so when the index knows of more. A commit that follows tells of it, too; but not one in
    the very frame that is torn, which a crash has cut short; nor, if the index has all, one that
    follows on a whole commit, for it may have failed and been written over since.
    """
    committed = len(_committed(read))
    if known is not None and (known > committed or committed == len(read)):
        return known > committed
    torn = next((one for one in own if not one.is_sound), None)
    return any(one.commits and one is not torn for one in own[committed:])


def _known(index: bytes, salts: bytes | None = None) -> int | None:
    """Return how many frames were committed, as a log's index tells; None when it is no good, or of
    a log with other salts.
    """
    # Its head is there twice; the second one is written first.
    for at in (_INDEX, 0):
        head = index[at : at + _INDEX]
        if len(head) == _INDEX and salts in (None, head[32:40]):
            (frames,) = struct.unpack_from("=I", head, 16)
            if struct.unpack_from("=2I", head, 40) == _checksum(_NATIVE, head[:40], (0, 0)):
                return int(frames)
    return None


def _committed(frames: list[_Frame]) -> list[_Frame]:
    """Return those up to the last commit."""
    commits = (at for at in range(len(frames), 0, -1) if frames[at - 1].commits)
    return frames[: next(commits, 0)]


def _overlay(frames: Iterable[_Frame]) -> Overlay:
    return {one.number: one.page for one in frames}


def _of_one_use(salts: bytes, frames: Iterable[_Frame]) -> Iterator[_Frame]:
    """Give those with these salts, or whose checksum says that they follow on one."""
    belongs = False
    for one in frames:
        belongs = one.salts == salts or (belongs and one.is_sound)
        if belongs:
            yield one


def _frames(order: str, log: bytes, sums: tuple[int, int]) -> Iterator[_Frame]:
    """Give all frames; sound are those whose checksum goes on from that of the one before."""
    for at in range(_HEAD, len(log) - _FRAME - PAGE + 1, _FRAME + PAGE):
        number, commit, _, _, first, second = struct.unpack_from(">6I", log, at)
        page = log[at + _FRAME : at + _FRAME + PAGE]
        due = _checksum(order, page, _checksum(order, log[at : at + 8], sums))
        sums = first, second
        yield _Frame(number, commit > 0, log[at + 8 : at + 16], page, due == sums)


def _checksum(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for one, other in zip(words, words, strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
