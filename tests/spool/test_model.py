"""The queue and its disk against a model, whatever the order in which things happen, wherever the
disk fails and wherever the process dies.

A crash is a copy of the directory, as it is at that moment, with which another life begins.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from raccoon_runtime.delivery.batch import Batch
from raccoon_runtime.delivery.callbacks import Callbacks
from raccoon_runtime.delivery.flush import Flush, Flushes
from raccoon_runtime.delivery.handle import LoopHandle
from raccoon_runtime.delivery.queue import Bounds, Place
from raccoon_runtime.envelope import Ack, Code, Status
from raccoon_runtime.errors import DroppedError, RejectedError, SendError
from raccoon_runtime.spool import Directory, SpooledQueue, directory, keeper
from raccoon_runtime.spool.keeper import Keeper
from raccoon_runtime.spool.row import Found
from raccoon_runtime.spool.store import Store
from raccoon_runtime.wires import PROTO_WIRE

from tests.spool.rows import frame

BOUNDS = Bounds(events=12, bytes=1500, batch_events=4, batch_bytes=300)
MOST = 4000
SIZES = st.lists(st.integers(0, 200), min_size=1, max_size=8)
BEFORE = ("begin", "insert", "delete", "commit")
LOG = logging.Logger("quiet", logging.CRITICAL)
INDEX = st.integers(0, 10_000)


class Crash(BaseException):
    """The process dies here."""


class Life:
    """A process, from its start to its end, with what it remembers."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop, left: set[int]) -> None:
        self.path = path
        self.loop = loop
        self.left = left
        """The events that earlier processes left."""
        handle = LoopHandle(Callbacks(LOG))
        self.run(handle.bind)
        self.queue = SpooledQueue(BOUNDS, PROTO_WIRE, handle, lambda: None, MOST)
        self.told = Flushes(handle)
        self.queue.loaded_some, self.queue.sought = self.told.loaded, self.told.sought
        self.keeper = Keeper(Directory(path), self.queue, LOG)
        self.keeper.adopted = self.has_adopted
        self.adopted = False
        self.failed_files = 0
        self.flushes: list[tuple[Flush, set[int], int]] = []
        """Who waits, for which events, and how many files had failed when that began."""
        self.rest = ExitStack()
        self.places: dict[int, Place] = {}
        """Where the events are that are not on the disk yet, by their numbers."""
        self.accepted: set[int] = set()
        self.out: list[Batch] = []

    def run(self, do: Callable[[], object]) -> None:
        """Have the loop do this, after all that it was told before."""

        async def now() -> None:
            do()

        self.loop.run_until_complete(now())

    def has_adopted(self) -> None:
        self.adopted = True

    def flush(self, numbers: set[int]) -> None:
        flush = self.rest.enter_context(self.told.another())
        flush.wait_for(self.queue.mark())
        self.flushes.append((flush, numbers, self.failed_files))

    def split(self, whole: Batch, *groups: range) -> tuple[Batch, ...]:
        parts = self.queue.split(whole, *groups)
        self.told.divided(whole, parts)
        return parts

    def done(self, batch: Batch, outcome: Ack | SendError) -> None:
        self.queue.done(batch, outcome)
        self.told.settled(batch)

    @property
    def store(self) -> Store | None:
        return None if self.keeper._file is None else self.keeper._file.store


class SpoolAgainstModel(RuleBasedStateMachine):
    """The model: which events, by their numbers, have to be delivered still, and how often they
    were.
    """

    def __init__(self) -> None:
        super().__init__()
        # The same names and order each time, so that a failure can be repeated.
        names = itertools.count()
        self.patch = pytest.MonkeyPatch()
        token = SimpleNamespace(token_hex=lambda size: f"{next(names):05}")
        self.patch.setattr(directory, "secrets", token)
        self.root = Path(tempfile.mkdtemp(prefix="raccoon-spool-"))
        self.numbers: dict[bytes, int] = {}
        self.owed: set[int] = set()
        """On the disk, and without an outcome."""
        self.spoilt: set[int] = set()
        """Damaged on the disk, by us."""
        self.delivered: Counter[int] = Counter()
        self.lives = self.failed_files = 0
        self.loop = asyncio.new_event_loop()
        self.life = self.live(self.root / "0")

    def live(self, path: Path) -> Life:
        self.lives += 1
        return Life(path, self.loop, set(self.owed))

    @initialize(backwards=st.booleans())
    def order_files(self, backwards: bool) -> None:
        way = -1 if backwards else 1
        self.patch.setattr(directory, "_touched", lambda path: way * int(path.name[:5]))

    # --- what happens -----------------------------------------------------------------------

    @rule(sizes=SIZES)
    def put(self, sizes: list[int]) -> None:
        for size in sizes:
            self.put_one(self.life, size)

    def put_one(self, life: Life, size: int) -> None:
        counts = life.queue.counts()
        number = len(self.numbers)
        framed = frame(number, size)
        place = life.queue.put(framed)
        waiting = counts.pending - counts.spooled
        if place is None:
            assert waiting >= BOUNDS.events or counts.pending_bytes + len(framed) > BOUNDS.bytes
            return
        assert waiting < BOUNDS.events
        assert counts.pending_bytes + len(framed) <= MOST or counts.pending == 0
        self.numbers[framed] = number
        life.places[number] = place
        life.accepted.add(number)

    @rule()
    def cycle(self) -> None:
        self.life.keeper.cycle()
        self.note_what_is_kept(self.life)

    @rule()
    def cycle_until_all_is_done(self) -> None:
        while self.life.keeper.cycle():
            pass
        self.note_what_is_kept(self.life)
        assert self.life.store is not None
        kept, there = self.life.queue._disk.kept, self.life.store.totals()
        # A row that we took away is missed when its turn comes.
        assert self.spoilt or (kept.events, kept.bytes) == (there.events, there.bytes)
        self.no_flush_waits_in_vain()

    def note_what_is_kept(self, life: Life) -> None:
        for number, (batch, index) in list(life.places.items()):
            leaf, _ = batch.find(index)
            if leaf.kept:
                if leaf.outcome is None:
                    self.owed.add(number)
                del life.places[number]

    @rule()
    def take(self) -> None:
        batch = self.life.queue.take()
        if batch is not None:
            assert batch.out and batch.frames
            self.life.out.append(batch)

    @precondition(lambda self: self.life.out)
    @rule(which=INDEX, ok=st.booleans())
    def settle(self, which: int, ok: bool) -> None:
        self.done(self.life.out.pop(which % len(self.life.out)), ok)

    def done(self, batch: Batch, ok: bool) -> None:
        numbers = self.numbers_of(batch)
        self.owed -= numbers
        for number in numbers:
            ours = number in self.life.accepted
            assert batch.possible_duplicate or (ours and not self.delivered[number])
        self.delivered.update(numbers if ok else ())
        ack = Ack(batch.req_guid, Status.STATUS_SUCCESS, Code.CODE_OK)
        self.life.done(batch, ack if ok else RejectedError())

    def numbers_of(self, batch: Batch) -> set[int]:
        return {self.numbers[one] for one in batch.frames}

    @precondition(lambda self: any(batch.count > 1 for batch in self.life.out))
    @rule(which=INDEX, at=INDEX)
    def split(self, which: int, at: int) -> None:
        several = [one for one in self.life.out if one.count > 1]
        whole = several[which % len(several)]
        cut = at % (whole.count - 1) + 1
        parts = self.life.split(whole, range(cut), range(cut, whole.count))
        self.life.out.remove(whole)
        self.life.out += parts

    @precondition(lambda self: self.life.out)
    @rule(which=INDEX)
    def fail_for_the_first_time(self, which: int) -> None:
        self.life.queue.failing(self.life.out[which % len(self.life.out)])

    @rule()
    def drop_oldest(self) -> None:
        found = self.life.queue.drop_oldest()
        if found is not None:
            whole, (oldest, *rest) = found
            assert oldest.count == 1
            if rest:
                self.life.told.divided(whole, (oldest, *rest))
            self.owed -= self.numbers_of(oldest)
            self.life.done(oldest, DroppedError())

    # --- who waits for all of it ----------------------------------------------------------

    @precondition(lambda self: self.life.adopted)
    @rule(all_goes_out=st.booleans())
    def flush(self, all_goes_out: bool) -> None:
        self.life.run(lambda: self.life.flush(self.pending()))
        if all_goes_out:
            self.deliver_all()

    @rule()
    def the_loop_goes_on(self) -> None:
        self.life.run(lambda: None)

    def pending(self) -> set[int]:
        """What this process has to bring to its outcome."""
        life = self.life
        written = self.owed & (life.accepted | life.left)
        places = {number: batch.find(index) for number, (batch, index) in life.places.items()}
        return written | {n for n, (batch, _) in places.items() if batch.outcome is None}

    @invariant()
    def no_flush_ends_early(self) -> None:
        pending = self.pending()
        for flush, numbers, _ in self.life.flushes:
            assert not flush.done.done() or not numbers & pending

    def no_flush_waits_in_vain(self) -> None:
        self.life.run(lambda: None)
        left = self.pending() | self.spoilt
        for flush, numbers, failed_files in self.life.flushes:
            # Rows that were sought in a file that failed have new numbers, among those of others.
            others = self.life.queue.counts().pending and failed_files < self.life.failed_files
            assert flush.done.done() or numbers & left or others

    @rule(sizes=SIZES)
    def another_process_leaves_something(self, sizes: list[int]) -> None:
        other = self.live(self.life.path)
        for size in sizes:
            self.put_one(other, size)
        other.keeper.cycle()
        self.note_what_is_kept(other)
        other.keeper.close()

    # --- what goes wrong ----------------------------------------------------------------------

    def in_the_middle(self, step: str, do: Callable[[], object]) -> None:
        """Run a cycle, in which this happens at that step."""
        keeper.step = lambda name: do() if name == step else None
        try:
            self.life.keeper.cycle()
        finally:
            keeper.step = lambda name: None

    def something_happens(self, which: int) -> None:
        if self.life.out and which % 2:
            self.settle(which // 2, True)
        elif any(batch.count > 1 for batch in self.life.out):
            self.split(which // 2, which // 3)
        else:
            self.take()

    @rule(step=st.sampled_from(BEFORE), which=INDEX)
    def something_happens_in_the_middle_of_writing(self, step: str, which: int) -> None:
        self.in_the_middle(step, lambda: self.something_happens(which))
        self.note_what_is_kept(self.life)

    @precondition(lambda self: any(batch.count > 1 for batch in self.life.out))
    @rule(step=st.sampled_from(BEFORE), which=INDEX, at=INDEX, then=st.lists(INDEX, max_size=3))
    def parts_go_on_while_they_are_written(
        self, step: str, which: int, at: int, then: list[int]
    ) -> None:
        self.split(which, at)
        self.in_the_middle(step, lambda: [self.something_happens(one) for one in then])
        self.note_what_is_kept(self.life)

    @precondition(lambda self: self.life.out)
    @rule(step=st.sampled_from(BEFORE), then=st.lists(INDEX, max_size=3))
    def batches_go_on_while_they_are_written_to_another_file(
        self, step: str, then: list[int]
    ) -> None:
        self.the_file_is_no_good(remove=False)
        self.in_the_middle(step, lambda: [self.something_happens(one) for one in then])
        self.note_what_is_kept(self.life)

    @rule(step=st.sampled_from(BEFORE))
    def the_disk_fails(self, step: str) -> None:
        def fail() -> None:
            raise sqlite3.OperationalError("disk I/O error")

        try:
            self.in_the_middle(step, fail)
        except sqlite3.OperationalError:
            self.life.keeper.relieve()
        self.note_what_is_kept(self.life)

    @precondition(lambda self: self.rows_on_the_disk_alone())
    @rule(which=INDEX, remove=st.booleans())
    def a_row_is_damaged(self, which: int, remove: bool) -> None:
        rows, store = self.rows_on_the_disk_alone(), self.life.store
        found = rows[which % len(rows)]
        if store and found.row is not None:
            numbers = {self.numbers[one] for one in found.row.frames}
            self.owed -= numbers
            self.spoilt |= numbers
            change = "DELETE FROM batches" if remove else "UPDATE batches SET sent_time = 1"
            store._db.execute(f"{change} WHERE id = ?", (found.id,))

    def rows_on_the_disk_alone(self) -> list[Found]:
        store, (cursor, others) = self.life.store, self.life.queue.known
        return [] if store is None else [one for one in store.rows(cursor) if one.id not in others]

    @rule(remove=st.booleans())
    def the_file_is_no_good(self, remove: bool) -> None:
        """It turns out to be damaged, or somebody removes it: all that can be read goes on."""
        if self.life.keeper._file is not None:
            if remove:
                self.life.keeper._file.claim.path.unlink()
            self.life.keeper.renew()
            self.failed_files += 1
            self.life.failed_files += 1
            while remove and self.life.keeper.cycle():
                pass
            self.note_what_is_kept(self.life)

    # --- how a life ends ----------------------------------------------------------------------

    @rule()
    def close(self) -> None:
        self.end()
        self.life = self.live(self.life.path)

    def end(self) -> None:
        life = self.life
        life.queue.close()
        while life.keeper.cycle(ending=True):
            pass
        self.note_what_is_kept(life)
        assert all(batch.kept for batch in life.queue.live())
        life.keeper.close()
        life.rest.close()

    @rule()
    def crash(self) -> None:
        self.die(self.life.path)

    @rule(step=st.sampled_from((*BEFORE, "written")))
    def crash_in_the_middle_of_writing(self, step: str) -> None:
        copy = self.root / f"{self.lives}-crashed"

        def die() -> None:
            shutil.copytree(self.life.path, copy)
            raise Crash

        try:
            self.in_the_middle(step, die)
            self.note_what_is_kept(self.life)
        except Crash:
            self.die(copy)

    def die(self, left: Path) -> None:
        path = self.root / str(self.lives)
        shutil.copytree(left, path)
        self.life.keeper.close()  # for the sake of our own process
        self.life = self.live(path)

    # --- what holds always ----------------------------------------------------------------------

    @invariant()
    def the_books_are_exact(self) -> None:
        counts = self.life.queue.counts()
        assert counts.accepted == counts.delivered + counts.failed + counts.pending
        assert 0 <= counts.spooled <= counts.pending
        assert 0 <= counts.pending <= counts.pending_bytes
        alone = self.life.queue._disk.alone
        assert (alone.batches > 0) == (alone.events > 0) == (alone.bytes > 0)
        assert 0 <= alone.batches <= alone.events <= counts.spooled

    @invariant()
    def memory_is_bounded(self) -> None:
        held = sum(batch.size for batch in self.life.queue.live())
        assert held <= 2 * BOUNDS.bytes + BOUNDS.batch_bytes

    def teardown(self) -> None:
        try:
            self.deliver_all()
            self.close()  # what others left meanwhile is for the next life
            self.deliver_all()
            self.end()
            assert not self.owed
            left = os.listdir(self.life.path)
            assert self.spoilt or self.failed_files or left == [], left
        finally:
            self.life.keeper.close()
            self.patch.undo()
            self.loop.close()
            shutil.rmtree(self.root)

    def deliver_all(self) -> None:
        queue = self.life.queue
        for _ in range(1000):
            more = self.life.keeper.cycle()
            self.note_what_is_kept(self.life)
            while (batch := queue.take()) is not None:
                self.done(batch, True)
            while self.life.out:
                self.done(self.life.out.pop(), True)
            if not more and not queue.counts().pending:
                break
        assert queue.counts().pending == 0
        self.cycle_until_all_is_done()
        assert all(flush.done.done() for flush, _, _ in self.life.flushes)


TestSpoolAgainstModel = SpoolAgainstModel.TestCase
TestSpoolAgainstModel.settings = settings(
    max_examples=settings.default.max_examples * 2 // 5,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
