"""Brings batches to their outcome: out through the transport, again after a failure, split, or
given up.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from ..envelope import Ack
from ..errors import AnswerError, PublishError, SendError, TooLargeError
from ..retry import Retry
from ..telemetry import Tracing
from ..transports.base import Transport
from .batch import Batch
from .broker import Broker, Verdict
from .gate import Gate
from .handle import LoopHandle
from .notices import Notices
from .queue import Queue
from .stats import Counters
from .suspects import STRIKES, Suspects, may_be_own

_SOON = 1  # the back-off of what is only being divided: that of a first failure
_TRIES = 3  # failures in a row after which a request may be to blame, and no outage


class Dispatcher:
    """Decides what a slot of the window carries next, and what a failure means.

    While the link is down, or the broker in doubt, one batch goes out at a time: the gate's probe.
    `settled` hears of each batch that has its outcome, `divided` of each that was split.
    """

    def __init__(
        self,
        transport: Transport,
        queue: Queue,
        handle: LoopHandle,
        retry: Retry,
        notices: Notices,
        counters: Counters,
        settled: Callable[[Batch, Ack | SendError], None],
        divided: Callable[[Batch, tuple[Batch, ...]], None],
    ) -> None:
        self._transport = transport
        self._queue = queue
        self._handle = handle
        self._retry = retry
        self._notices = notices
        self._counters = counters
        self._settled = settled
        self._divided = divided
        self._gate = Gate()
        self._broker = Broker()
        self._suspects = Suspects()
        self._again: deque[Batch] = deque()
        self._timers: dict[Batch | Gate | Queue, tuple[asyncio.TimerHandle, Callable[[], None]]] = (
            {}
        )
        self._proven = self._hurried = False
        self._trouble: tuple[type[SendError], float] | None = None
        """What has gone wrong last, and since when nothing else has."""
        self.tracing: Tracing | None = None
        self.wake_all: Callable[[], None] = lambda: None
        self.killed: Callable[[], None] = lambda: None

    # --- what the window asks -----------------------------------------------------------

    def take(self) -> Batch | None:
        """Return the next batch that may go, if there is one."""
        if self._gate.closed:
            return self._gate.take(self._next)
        return self._next()

    def more(self) -> bool:
        """Whether there may be another."""
        return not self._gate.closed and bool(self._again or self._queue)

    async def carry(self, batch: Batch) -> None:
        """Send it once."""
        batch.attempts += 1
        self._counters.requests += 1
        self._counters.retries += batch.attempts > 1
        batch.unanswered = True
        outcome: Ack | SendError
        try:
            outcome = await self._send(batch)
        except SendError as error:
            outcome = error
        except Exception as error:  # a transport of the user's own may raise anything
            told = AnswerError(type(error).__name__, req_guid=batch.req_guid, persisted="possibly")
            told.__cause__ = error
            outcome = told
        try:
            self._deal_with(batch, outcome)
        except Exception:  # a mistake of ours, or an application's meter, is no reason to lose any
            self._stumbled(batch, outcome)

    def interrupted(self, batch: Batch) -> None:
        """Have it sent again: whoever carried it was cancelled, and it may have arrived."""
        batch.unanswered, batch.possible_duplicate = False, True
        self._leave_gate(batch)
        self._again.appendleft(batch)

    def _deal_with(self, batch: Batch, outcome: Ack | SendError) -> None:
        if isinstance(outcome, SendError):
            self._failed(batch, outcome)
        else:
            self._delivered(batch, outcome)

    def _stumbled(self, batch: Batch, outcome: Ack | SendError) -> None:
        self._notices.stumbled()
        self._leave_gate(batch)
        waits = batch in self._again or batch in self._timers
        if batch.outcome is None and batch.places is None and not waits:
            if isinstance(outcome, Ack) or self._spent(batch, outcome, time.monotonic()):
                self._settled(batch, outcome)
            else:
                self._later(batch, outcome)

    async def _send(self, batch: Batch) -> Ack:
        if self.tracing is None:
            return await self._transport.send(batch.req_guid, batch.body())
        with self.tracing.request(batch):
            return await self._transport.send(batch.req_guid, batch.body())

    # --- what the delivery asks ---------------------------------------------------------

    def hurry(self) -> None:
        """Let what waits for a time go now, and have nothing wait for long any more: the client is
        closing.
        """
        self._hurried = True
        for timer, call in list(self._timers.values()):
            timer.cancel()
            call()

    def abandon(self, error: SendError) -> list[tuple[Batch, SendError]]:
        """Forget everything that is left, and return it, each with the error to settle it with."""
        for timer, _ in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._again.clear()
        left: list[tuple[Batch, SendError]] = []
        for batch in self._queue.live():
            unsure = batch.possible_duplicate or batch.unanswered
            told = error.about(batch.req_guid, "possibly" if unsure else "no")
            told.__cause__ = batch.last_error
            left.append((batch, told))
        return left

    # --- what comes next ----------------------------------------------------------------

    def _next(self) -> Batch | None:
        if self._again:
            return self._again.popleft()
        batch = self._queue.take()
        if batch is None and (wait := self._queue.lingers()):
            self._after(wait, self._queue, self.wake_all)
        return batch

    def _after(self, seconds: float, what: Batch | Gate | Queue, call: Callable[[], None]) -> None:
        """Call this once, later; a timer for the same thing gives way."""
        if self._hurried:
            seconds = min(seconds, self._retry.delay(_SOON))
        earlier = self._timers.pop(what, None)
        if earlier is not None:
            earlier[0].cancel()

        def due() -> None:
            self._timers.pop(what, None)
            call()

        self._timers[what] = self._handle.loop.call_later(seconds, due), due

    def _later(self, batch: Batch, error: SendError) -> None:
        self._go_on_in(self._retry.delay(batch.failures, error.retry_after), batch)

    def _go_on_in(self, seconds: float, batch: Batch) -> None:
        self._after(seconds, batch, partial(self._go_on, batch))

    def _go_on(self, *batches: Batch) -> None:
        self._again.extend(batches)
        self.wake_all()

    # --- what an answer means -----------------------------------------------------------

    def _delivered(self, batch: Batch, ack: Ack) -> None:
        batch.unanswered = False
        self._proven = True
        self._broker.published()
        self._suspects.delivered(batch)
        self._trouble = None
        if batch.attempts > 1 or batch.possible_duplicate:
            duplicate = batch.possible_duplicate
            ack = ack._replace(attempts=batch.attempts, possible_duplicate=duplicate)
        self._counters.possible_duplicates += batch.count * batch.possible_duplicate
        self._settled(batch, ack)
        self._answered()

    def _failed(self, batch: Batch, error: SendError) -> None:
        batch.unanswered = False
        if isinstance(error, TooLargeError) and batch.count > 1:  # no failure of its events
            self._answered()
            self._go_on(*self._halves(batch))
            return
        now = time.monotonic()
        batch.failures += 1
        if batch.first_failure is None:
            batch.first_failure = now
            self._queue.failing(batch)
        batch.last_error = error
        batch.possible_duplicate |= error.persisted == "possibly"
        if self._trouble is None or self._trouble[0] is not type(error):
            self._trouble = type(error), now
        if isinstance(error, PublishError):
            self._refused(batch, error, now)
        elif not self._is_outage(batch, error):
            self._answered()
            self._give_up(batch, error)
        elif self._suspects.is_own_doing(batch, error):
            self._set_apart(batch, error, now)
        else:
            self._hold(batch, error, now)

    def _is_outage(self, batch: Batch, error: SendError) -> bool:
        # A set-up that has worked before is right; so what refuses it will pass. And what another
        # process left in the spool is not to be lost by the set-up of this one.
        return error.outage and (error.retryable or self._proven or batch.restored)

    def _spent(self, batch: Batch, error: SendError, now: float) -> bool:
        waited = now - (now if batch.first_failure is None else batch.first_failure)
        since = now if self._trouble is None else max(self._trouble[1], batch.opened)
        return self._retry.spent(batch.failures, waited) or now - since >= error.patience

    def _answered(self) -> None:
        """The server answers, so the others may go, unless its broker is in doubt."""
        if self._gate.closed and not self._broker.in_doubt:
            self._notices.goes_on()
            self._handle.trouble = None
            waiting = self._gate.open()
            if waiting is not None:
                self._again.appendleft(waiting)
            self.wake_all()

    # --- when the server cannot be reached ----------------------------------------------

    def _hold(self, batch: Batch, error: SendError, now: float) -> None:
        """Let one batch find out when the server is back."""
        self._notices.held_up(error)
        self._handle.trouble = error
        self._gate.close()
        if self._spent(batch, error, now):
            self._end_of_patience(batch, error)
        elif not self._gate.guards(batch):
            self._again.append(batch)
        elif self._gate.failures + 1 < _TRIES or not may_be_own(error):
            self._probe_after_failure(batch, error)
        elif batch.count > 1:
            self._divide_probe(batch, error)
        else:
            often = (self._gate.failures + 1) % _TRIES == 0
            self._probe_after_failure(self._other_than(batch) if often else batch, error)

    def _divide_probe(self, batch: Batch, error: SendError) -> None:
        """Let a part of it find out: one event may be why nothing gets through."""
        batch.failures -= 1
        probe, rest = self._halves(batch)
        self._again.appendleft(rest)
        self._gate.hold(probe)
        self._gate_due_in(self._retry.delay(_SOON, error.retry_after))

    def _other_than(self, failed: Batch) -> Batch:
        """Return the batch to find out with instead: of other types, if there is one."""
        self._again.append(failed)
        types = set(failed.types())
        alike = {batch: not types.isdisjoint(batch.types()) for batch in self._again}
        found = min(self._again, key=lambda batch: (alike[batch], batch.failures))
        if alike[found] and (waiting := self._queue.take()) is not None:
            return waiting
        self._again.remove(found)
        return found

    def _set_apart(self, batch: Batch, error: SendError, now: float) -> None:
        """Try it again beside the others, in parts if it has some."""
        self._leave_gate(batch)
        innocent, suspect = self._suspects.apart(batch)
        if self._spent(batch, error, now):
            self._end_of_patience(batch, error)
        elif innocent and suspect:
            good, bad = self._split(batch, innocent, suspect)
            self._go_on(good)
            self._later(bad, error)
        elif batch.count == 1 or batch.suspicions < STRIKES:
            self._later(batch, error)
        else:
            for half in self._halves(batch):
                self._go_on_in(self._retry.delay(_SOON), half)

    def _end_of_patience(self, batch: Batch, error: SendError) -> None:
        # What one event did must not be the end of the others, if others are delivered.
        if batch.count > 1 and batch.suspicions:
            self._go_on(*self._halves(batch))
        else:
            self._give_up(batch, error)

    def _probe_after_failure(self, batch: Batch, error: SendError) -> None:
        self._gate.failures += 1
        self._gate.hold(batch)
        self._gate_due_in(self._retry.delay(self._gate.failures, error.retry_after))

    def _gate_due_in(self, seconds: float) -> None:
        def due() -> None:
            self._gate.due()
            self.wake_all()

        self._after(seconds, self._gate, due)

    # --- when it cannot publish -----------------------------------------------------------

    def _refused(self, batch: Batch, error: SendError, now: float) -> None:
        verdict = self._broker.refused(batch)
        self._answered()
        if self._spent(batch, error, now):
            # What one event did must not be the end of the others, unless nothing gets through.
            if batch.count > 1 and not self._broker.out:
                self._go_on(*self._halves(batch))
            else:
                self._give_up(batch, error)
        elif verdict is Verdict.FAIL:
            self._give_up(batch, error)
        elif verdict is Verdict.RETRY:
            self._later(batch, error)
        elif verdict is Verdict.SPLIT:
            self._go_on(*self._halves(batch))
        else:
            self._doubt(batch, error, now)

    def _doubt(self, batch: Batch, error: SendError, now: float) -> None:
        """Let a smaller batch, or one of another type, find out whether the broker is out."""
        self._gate.close()
        if not self._gate.guards(batch):
            self._again.append(batch)
        elif batch.count > 1:
            probe, rest = self._halves(batch)
            self._again.appendleft(rest)
            self._probe_soon(probe)
        elif (other := self._unlike()) is not None:
            self._again.appendleft(batch)
            self._probe_soon(other)
        else:
            self._broker.out = True
            self._notices.held_up(error)
            self._probe_after_failure(self._another(batch), error)

    def _probe_soon(self, batch: Batch | None) -> None:
        self._gate.hold(batch)
        self._gate_due_in(self._retry.delay(_SOON))

    def _leave_gate(self, batch: Batch) -> None:
        """Let another be the probe instead of a batch that is no more."""
        if self._gate.closed and self._gate.guards(batch):
            self._probe_soon(None)

    def _unlike(self) -> Batch | None:
        """Return a lone event of a type that was not refused alone yet, cut out of its batch."""
        found = self._broker.unlike(self._again)
        if found is None and (waiting := self._queue.take()) is not None:
            self._again.append(waiting)
            found = self._broker.unlike([waiting])
        if found is None:
            return None
        return self._alone(*found)

    def _another(self, refused: Batch) -> Batch:
        """Return the lone event to ask with next: one that was refused less, if there is one.

        Else a single poisonous event would pass for an outage, and hold up all of its type.
        """
        self._again.append(refused)
        found = min(self._again, key=lambda batch: batch.refusals)
        if found.refusals and (waiting := self._queue.take()) is not None:
            self._again.append(waiting)
            found = waiting
        return self._alone(found, 0)

    def _alone(self, batch: Batch, index: int) -> Batch:
        """Return one event of a batch that waits, cut out of it."""
        self._again.remove(batch)
        if batch.count == 1:
            return batch
        others = [i for i in range(batch.count) if i != index]
        alone, rest = self._split(batch, [index], others)
        self._again.append(rest)
        return alone

    # --- outcomes -------------------------------------------------------------------------

    def _halves(self, batch: Batch) -> tuple[Batch, ...]:
        return self._split(batch, *batch.halves())

    def _split(self, batch: Batch, *groups: Sequence[int]) -> tuple[Batch, ...]:
        parts = self._queue.split(batch, *groups)
        self._leave_gate(batch)
        self._divided(batch, parts)
        return parts

    def _give_up(self, batch: Batch, error: SendError) -> None:
        told = error.about(batch.req_guid, "possibly" if batch.possible_duplicate else "no")
        self._leave_gate(batch)
        self._notices.failed(batch.count, error)
        self._settled(batch, told)
