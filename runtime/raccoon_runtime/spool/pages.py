"""The pages of an SQLite file as of its last commit, read without SQLite, which may refuse a file
that is damaged.

The formats are those of https://www.sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from .wal import PAGE, Overlay, read_log

_MAGIC = b"SQLite format 3\0"
_FREE = 2  # what the pointer map says of a page that is of no use any more


class Pages:
    """States of a file's pages: one, or when its log is damaged several, that which has the newest
    pages first. OSError when the disk does not give them.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = open(path, "rb")  # noqa: SIM115, for close() closes it
        try:
            log = read_log(path)
            whole = -(-self._file.seek(0, 2) // PAGE)
        except BaseException:
            self._file.close()
            raise
        # Of a file that is empty SQLite removes the log.
        self.log_is_damaged = log.is_damaged or (not whole and bool(log.committed))
        overlays = [log.committed]
        if self.log_is_damaged:
            # The file itself may be newer than what is left of the log.
            overlays = [log.newest, log.sound, log.committed, {}]
        self.states = [State(self._file, whole, overlay) for overlay in overlays]

    @property
    def version(self) -> int:
        """The version of the file's layout, as far as it tells."""
        pages = (state[1] for state in self.states)
        page = next((page for page in pages if page.startswith(_MAGIC)), bytes(PAGE))
        return int(struct.unpack_from(">I", page, 60)[0])

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class State:
    """Pages by their numbers, from 1 on."""

    def __init__(self, file: BinaryIO, whole: int, overlay: Overlay) -> None:
        self._file = file
        self.overlay = overlay
        self.numbers = sorted({*range(1, whole + 1), *overlay})
        self.last = self.numbers[-1] if self.numbers else 0

    def __getitem__(self, number: int) -> bytes:
        """Return a page, what the file lacks of it as zeros."""
        found = self.overlay.get(number)
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
