"""The pages of an SQLite file as of its last commit, read without SQLite, which may refuse a file
that is damaged.

The formats are those of https://www.sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

PAGE = 4096
"""The size of our files' pages."""
_HEAD, _FRAME = 32, 24  # in front of the log, and of each page in it
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
_FREE = 2  # what the pointer map says of a page that is of no use any more


class Pages:
    """Pages by their numbers, from 1 on; OSError when the disk does not give them."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = open(path, "rb")  # noqa: SIM115, for close() closes it
        try:
            self._log = _log(Path(f"{path}-wal"))
        except BaseException:
            self._file.close()
            raise
        whole = -(-self._file.seek(0, 2) // PAGE)
        self.count = max(whole, *self._log) if self._log else whole

    def __getitem__(self, number: int) -> bytes:
        """Return a page, what the file lacks of it as zeros."""
        found = self._log.get(number)
        if found is None:
            self._file.seek((number - 1) * PAGE)
            found = self._file.read(PAGE)
        return found.ljust(PAGE, b"\0")

    def is_free(self, number: int) -> bool:
        """Whether the page holds nothing any more, as far as the file tells."""
        # A page of the pointer map, of which the first is page 2, has five bytes for each of those
        # behind it.
        at = (number - 2) % (PAGE // 5 + 1)
        return number > 2 and at > 0 and self[number - at][5 * (at - 1)] == _FREE

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _log(path: Path) -> dict[int, bytes]:
    """Return the last committed state of each page in a log."""
    committed: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return committed
    for number, is_commit, page in _frames(data):
        pending[number] = page
        if is_commit:
            committed |= pending
            pending.clear()
    return committed


def _frames(log: bytes) -> Iterator[tuple[int, bool, bytes]]:
    """Give the frames of a log up to the first that is not whole, or of an earlier use of it."""
    if len(log) < _HEAD:
        return
    magic, _, size, _, *salts = struct.unpack_from(">6I", log)
    if magic not in _MAGIC or size != PAGE:
        return
    order = _MAGIC[magic]
    sums = _checksum(order, log[: _HEAD - 8], (0, 0))
    for at in range(_HEAD, len(log) - _FRAME - PAGE + 1, _FRAME + PAGE):
        number, commit, *rest = struct.unpack_from(">6I", log, at)
        page = log[at + _FRAME : at + _FRAME + PAGE]
        sums = _checksum(order, page, _checksum(order, log[at : at + 8], sums))
        if rest != [*salts, *sums]:
            return
        yield number, commit > 0, page


def _checksum(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for one, other in zip(words, words, strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
