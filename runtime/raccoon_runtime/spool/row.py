"""One batch as it lies in the spool."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import SpoolError


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A sealed batch: its guid, its frames, and what has become of it so far.

    Times are Unix nanoseconds; `failed_since` is that of the first failure, 0 before it. `id` is
    the store's to give.
    """

    id: int = 0
    req_guid: str
    sent_time: int
    wire: str
    frames: Sequence[bytes]
    failed_since: int = 0
    possible_duplicate: bool = False

    @property
    def size(self) -> int:
        """How many bytes its frames have."""
        return sum(map(len, self.frames))


def pack(frames: Sequence[bytes]) -> bytes:
    """Return frames as one blob, with their lengths before them and a checksum before that."""
    count = len(frames)
    body = struct.pack(f"<I{count}I", count, *map(len, frames)) + b"".join(frames)
    return struct.pack("<I", zlib.crc32(body)) + body


def unpack(blob: bytes) -> list[bytes]:
    """Return the frames of a blob; SpoolError when it is not what was packed."""
    try:
        checksum, count = struct.unpack_from("<II", blob)
        if zlib.crc32(blob[4:]) != checksum:
            raise SpoolError("a row whose checksum is wrong")
        sizes = struct.unpack_from(f"<{count}I", blob, 8)
    except struct.error:
        raise SpoolError("a row that is cut off") from None
    frames: list[bytes] = []
    at = 8 + 4 * count
    for size in sizes:
        frames.append(blob[at : at + size])
        at += size
    return frames
