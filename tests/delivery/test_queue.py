"""The queue against a model, whatever the order in which things happen."""

from __future__ import annotations

import logging

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from raccoon_runtime.delivery.batch import Batch
from raccoon_runtime.delivery.callbacks import Callbacks
from raccoon_runtime.delivery.handle import LoopHandle
from raccoon_runtime.delivery.queue import Bounds, Place, Queue
from raccoon_runtime.envelope import Ack
from raccoon_runtime.errors import ClosedError, DroppedError, RejectedError
from raccoon_runtime.wires import PROTO_WIRE

EVENTS, BYTES, BATCH_EVENTS, BATCH_BYTES = 12, 400, 4, 120
FRAMES = st.integers(1, 150).map(lambda size: bytes(size))


class Turn:
    """One who waits for room for a frame."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.told = False

    def __call__(self) -> None:
        self.told = True


class QueueAgainstModel(RuleBasedStateMachine):
    """The model: each event's frame and state, by the place that it was given."""

    linger = 0.0

    def __init__(self) -> None:
        super().__init__()
        bounds = Bounds(
            events=EVENTS,
            bytes=BYTES,
            batch_events=BATCH_EVENTS,
            batch_bytes=BATCH_BYTES,
            linger=self.linger,
        )
        handle = LoopHandle(Callbacks(logging.getLogger("test")))
        self.queue = Queue(bounds, PROTO_WIRE, handle, self._signal)
        self.awake = False
        self.pending: dict[tuple[int, int], tuple[Place, bytes]] = {}
        self.delivered = self.failed = self.accepted = 0
        self.out: list[Batch] = []
        self.closed = False
        self.line: list[Turn] = []

    def _signal(self) -> None:
        self.awake = True

    def _fits(self, size: int) -> bool:
        taken = sum(len(frame) for _, frame in self.pending.values())
        return len(self.pending) < EVENTS and (not self.pending or taken + size <= BYTES)

    def _keep(self, place: Place, frame: bytes) -> None:
        self.pending[(id(place[0]), place[1])] = (place, frame)
        self.accepted += 1

    @rule(frame=FRAMES)
    def put(self, frame: bytes) -> None:
        if self.closed:
            with pytest.raises(ClosedError):
                self.queue.put(frame)
            return
        fits = self._fits(len(frame)) and not self.line
        place = self.queue.put(frame)
        assert (place is not None) is fits
        if place is not None:
            self._keep(place, frame)
        else:  # what has gathered does not wait for it
            assert not self.queue.lingers()

    @precondition(lambda self: not self.closed)
    @rule(frames=st.lists(FRAMES, max_size=10))
    def put_all(self, frames: list[bytes]) -> None:
        self._put_all(frames, None)

    def _put_all(self, frames: list[bytes], turn: Turn | None) -> list[Place]:
        places = self.queue.put_all(frames, 0, turn)
        for frame, place in zip(frames, places, strict=False):
            assert self._fits(len(frame))
            assert turn is not None or not self.line
            self._keep(place, frame)
        if len(places) < len(frames):
            others_wait = turn is None and self.line
            assert others_wait or not self._fits(len(frames[len(places)]))
            assert others_wait or not self.queue.lingers()
        return places

    @rule(frames=st.lists(FRAMES, min_size=1, max_size=5))
    def refuse(self, frames: list[bytes]) -> None:
        batch = Batch(PROTO_WIRE)
        batch.add_all(frames, sum(map(len, frames)))
        self.queue.refuse(batch, DroppedError())
        assert isinstance(batch.outcome, DroppedError)
        self.accepted += len(frames)
        self.failed += len(frames)

    @rule()
    def drop_oldest(self) -> None:
        """One event, the first of those that are not on their way."""
        self.awake = True  # for an event that did not get in
        if self.closed:
            with pytest.raises(ClosedError):
                self.queue.drop_oldest()
            return
        waiting = self._waiting()
        found = self.queue.drop_oldest()
        assert (found is None) is (not waiting)
        if found is None:
            return
        whole, (oldest, *rest) = found
        assert whole.leaves() == [oldest, *rest]
        assert [part.count for part in rest] == sorted(part.count for part in rest)
        place, frame = self.pending.pop(waiting[0])
        assert place[0].find(place[1]) == (oldest, 0)
        assert oldest.frames == [frame]
        self.queue.done(oldest, DroppedError())
        self.failed += 1

    def _waiting(self) -> list[tuple[int, int]]:
        """The keys of those that are not on their way."""
        return [
            key
            for key, (place, _) in self.pending.items()
            if place[0].find(place[1])[0] not in self.out
        ]

    @rule()
    def take(self) -> None:
        batch = self.queue.take()
        if batch is None:
            assert not self._waiting() or self.queue.lingers()
            self.awake = False
            return
        assert 1 <= batch.count <= BATCH_EVENTS
        assert batch.count == 1 or batch.size <= BATCH_BYTES
        self.out.append(batch)

    @precondition(lambda self: any(batch.count > 1 for batch in self.out))
    @rule(data=st.data())
    def split(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from([batch for batch in self.out if batch.count > 1]))
        order = data.draw(st.permutations(range(batch.count)))
        cut = data.draw(st.integers(1, batch.count - 1))
        parts = self.queue.split(batch, order[:cut], order[cut:])
        self.out.remove(batch)
        self.out += parts

    @precondition(lambda self: self.out)
    @rule(data=st.data(), delivered=st.booleans())
    def settle(self, data: st.DataObject, delivered: bool) -> None:
        batch = data.draw(st.sampled_from(self.out))
        self.out.remove(batch)
        outcome = Ack(batch.req_guid) if delivered else RejectedError(req_guid=batch.req_guid)
        self.queue.done(batch, outcome)
        settled = [
            key for key, (place, _) in self.pending.items() if place[0].find(place[1])[0] is batch
        ]
        assert len(settled) == batch.count
        for key in settled:
            del self.pending[key]
        if delivered:
            self.delivered += len(settled)
        else:
            self.failed += len(settled)

    @rule(frame=FRAMES)
    def get_in_line(self, frame: bytes) -> None:
        turn = Turn(frame)
        at_once = self.closed or (self._fits(len(frame)) and not self.line)
        self.queue.when_room(len(frame), turn)
        assert turn.told is at_once
        self.line.append(turn)

    @precondition(lambda self: not self.closed and any(turn.told for turn in self.line))
    @rule(data=st.data())
    def try_in_turn(self, data: st.DataObject) -> None:
        """Who is in leaves the line; for whom there is no room keeps the place in it."""
        turn = data.draw(st.sampled_from([turn for turn in self.line if turn.told]))
        turn.told = False
        if self._put_all([turn.frame], turn):
            self._leave(turn)
        else:
            self.queue.when_room(len(turn.frame), turn)
            assert not turn.told

    @precondition(lambda self: self.line)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        self._leave(data.draw(st.sampled_from(self.line)))

    def _leave(self, turn: Turn) -> None:
        self.line.remove(turn)
        waiting = [other for other in self.line if not other.told]
        self.queue.no_room_needed(turn)
        if waiting:
            assert waiting[0].told  # the next one in line

    @rule()
    def close(self) -> None:
        self.queue.close()
        self.closed = self.awake = True
        assert all(turn.told for turn in self.line)

    @invariant()
    def nobody_waits_for_ever(self) -> None:
        """Somebody has a turn, or there is something pending that will bring one."""
        assert not self.line or self.pending or any(turn.told for turn in self.line)

    @invariant()
    def nothing_lingers_in_vain(self) -> None:
        """A batch waits for company only while some can get in, and its end is signalled."""
        lingers = self.queue.lingers()
        assert self.linger or not lingers
        assert self._fits(1) or not lingers
        assert self.awake or lingers or not self._waiting()

    @invariant()
    def the_books_are_exact(self) -> None:
        counts = self.queue.counts()
        assert counts.accepted == counts.delivered + counts.failed + counts.pending
        assert (counts.accepted, counts.delivered) == (self.accepted, self.delivered)
        assert (counts.failed, counts.pending) == (self.failed, len(self.pending))
        assert counts.failed == sum(counts.failures.values())
        assert counts.pending_bytes == sum(len(f) for _, f in self.pending.values())

    @invariant()
    def every_pending_event_is_in_one_live_batch(self) -> None:
        found: list[bytes] = []
        for place, frame in self.pending.values():
            batch, index = place[0].find(place[1])
            assert batch.outcome is None
            assert batch.frames[index] is frame
            found.append(frame)
        live = [frame for leaf in self.queue._live for frame in leaf.frames]
        assert sorted(map(id, live)) == sorted(map(id, found))


class LingeringQueueAgainstModel(QueueAgainstModel):
    linger = 3600.0


THOROUGH = settings(max_examples=150, stateful_step_count=40, deadline=None)
QueueAgainstModel.TestCase.settings = LingeringQueueAgainstModel.TestCase.settings = THOROUGH
TestQueue = QueueAgainstModel.TestCase
TestLingeringQueue = LingeringQueueAgainstModel.TestCase


def test_a_part_keeps_the_links_of_its_own_events() -> None:
    one, other = object(), object()
    batch = Batch(PROTO_WIRE)
    for context in (None, one, one, other, None, one):
        batch.link(batch.add(b"x", 1), context)
    assert len(batch.links) == 4  # told when it changes, not for each event
    assert batch.contexts() == [None, one, one, other, None, one]
    first, second, third = batch.split([0, 4], [5, 3], [1, 2])
    assert first.contexts() == [None, None]
    assert second.contexts() == [one, other]
    assert third.contexts() == [one, one]
