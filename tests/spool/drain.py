"""Takes everything out of a directory, with no server: as a client would that is acknowledged at
once.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import Counter
from pathlib import Path

from raccoon_runtime.delivery.batch import Batch
from raccoon_runtime.delivery.callbacks import Callbacks
from raccoon_runtime.delivery.handle import LoopHandle
from raccoon_runtime.delivery.queue import Bounds, Counts
from raccoon_runtime.envelope import Ack, Code, Status, unframe_proto
from raccoon_runtime.errors import SpoolError
from raccoon_runtime.spool import Directory, SpooledQueue
from raccoon_runtime.spool.keeper import Keeper
from raccoon_runtime.spool.reader import is_passing
from raccoon_runtime.wires import PROTO_WIRE

BOUNDS = Bounds(events=10_000, bytes=64 << 20, batch_events=100, batch_bytes=512 << 10)


def drain(directory: Path, bounds: Bounds = BOUNDS) -> tuple[Counter[int], Counts]:
    """Return how often each event came out, by its number, and the books."""
    log = logging.Logger("quiet", logging.CRITICAL)
    handle = LoopHandle(Callbacks(log))
    queue = SpooledQueue(bounds, PROTO_WIRE, handle, lambda: None, 1 << 30)
    keeper = Keeper(Directory(directory), queue, log)
    found: Counter[int] = Counter()
    for _ in range(10_000):
        try:
            more = keeper.cycle()
        except (sqlite3.Error, SpoolError) as error:
            assert not is_passing(error), error
            keeper.renew()
            continue
        while (batch := queue.take()) is not None:
            assert batch.possible_duplicate
            found.update(numbers_of(batch))
            ack = Ack(batch.req_guid, Status.STATUS_SUCCESS, Code.CODE_OK)
            queue.done(batch, ack)
        counts = queue.counts()
        assert counts.accepted == counts.delivered + counts.failed + counts.pending
        if not more and not counts.pending and not queue.has_work():
            break
    else:
        raise AssertionError(f"it does not end: {queue.counts()}")
    keeper.close()
    return found, counts


def numbers_of(batch: Batch) -> list[int]:
    """The numbers of a batch's events."""
    return [json.loads(unframe_proto(frame)[1])["n"] for frame in batch.frames]
