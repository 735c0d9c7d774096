"""One batch as it lies in the spool, and its checks: what is damaged there must be noticed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import SpoolError
from ..wires import WIRES


class Amount(NamedTuple):
    """So many batches, events, and bytes of events."""

    batches: int = 0
    events: int = 0
    bytes: int = 0

    def plus(self, other: Amount) -> Amount:
        """Return the sum."""
        return Amount(
            self.batches + other.batches, self.events + other.events, self.bytes + other.bytes
        )

    def minus(self, other: Amount) -> Amount:
        """Return the difference."""
        return Amount(
            self.batches - other.batches, self.events - other.events, self.bytes - other.bytes
        )


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
    def amount(self) -> Amount:
        """How much it is."""
        return Amount(1, len(self.frames), sum(map(len, self.frames)))

    def packed(self) -> bytes:
        """Return its frames as one blob: the count, the lengths, and a checksum before them.

        The checksum covers all that never changes.
        """
        count = len(self.frames)
        body = struct.pack(f"<I{count}I", count, *map(len, self.frames)) + b"".join(self.frames)
        head = _head(self.req_guid.encode(), self.sent_time, self.wire.encode())
        return struct.pack("<I", zlib.crc32(body, head)) + body


class Found(NamedTuple):
    """A row that was found: None when it is damaged, for this reason.

    `counted` is how much it was said to be when it was written.
    """

    id: int
    req_guid: str
    counted: Amount
    row: Row | None
    reason: str = ""


def counted_as(events: object, size: object) -> Amount:
    """Return how much a batch is said to be; what cannot be true is not believed."""
    likely = [n if isinstance(n, int) and 0 <= n < 1 << 31 else 0 for n in (events, size)]
    return Amount(1, *likely)


def found(events: object, size: object, id: int, guid: object, *columns: Any) -> Found:
    """Return what was found in the columns of a row."""
    counted = counted_as(events, size)
    shown = guid.decode(errors="replace") if isinstance(guid, bytes) else ""
    try:
        return Found(id, shown, counted, restored(id, guid, *columns))
    except SpoolError as error:
        return Found(id, shown, counted, None, error.reason)


def restored(
    id: int, guid: Any, sent_time: Any, wire: Any, failed_since: object, duplicate: Any, blob: Any
) -> Row:
    """Return the row of these columns; SpoolError when they are not what was written."""
    frames = unpacked(blob)
    try:
        checksum = zlib.crc32(memoryview(blob)[4:], _head(guid, sent_time, wire))
    except (TypeError, struct.error):
        checksum = -1
    if checksum != struct.unpack_from("<I", blob)[0]:
        raise SpoolError("its checksum is wrong")
    if wire.decode() not in WIRES:
        raise SpoolError("it is of a wire that this runtime does not know")
    return Row(
        id=id,
        req_guid=guid.decode(),
        sent_time=sent_time,
        wire=wire.decode(),
        frames=frames,
        # The checksum does not cover it; but no batch fails before it is sent.
        failed_since=_number(failed_since) if _number(failed_since) >= sent_time else 0,
        possible_duplicate=bool(duplicate),
    )


def unpacked(blob: object) -> list[bytes]:
    """Return the frames of a blob, whatever its checksum; SpoolError when they are cut off."""
    if not isinstance(blob, bytes):
        raise SpoolError("its frames are missing")
    try:
        (count,) = struct.unpack_from("<I", blob, 4)
        sizes = struct.unpack_from(f"<{count}I", blob, 8)
    except struct.error:
        raise SpoolError("it is cut off") from None
    if len(blob) != 8 + 4 * count + sum(sizes):
        raise SpoolError("it is cut off")
    frames: list[bytes] = []
    at = 8 + 4 * count
    for size in sizes:
        frames.append(blob[at : at + size])
        at += size
    return frames


def _head(guid: bytes, sent_time: int, wire: bytes) -> int:
    return zlib.crc32(struct.pack("<q", sent_time) + wire, zlib.crc32(guid))


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
