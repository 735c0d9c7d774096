"""Brings batches to their outcome: out through the transport, again after a failure, split, or
given up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from ..envelope import Ack
from ..errors import AnswerError, PublishError, SendError, SetupError, TooLargeError
from ..retry import Retry
from ..transports.base import Transport
from .batch import Batch
from .handle import LoopHandle
from .queue import Queue
from .stats import Counters


class Dispatcher:
    """Decides what a slot of the window carries next, and what a failure means.

    While the link is down one batch, the probe, goes out at a time, and the others wait behind it.
    """

    def __init__(
        self,
        transport: Transport,
        queue: Queue,
        handle: LoopHandle,
        retry: Retry,
        logger: logging.Logger,
        counters: Counters,
        told: Callable[[Ack | SendError], None],
    ) -> None:
        self._transport = transport
        self._queue = queue
        self._handle = handle
        self._retry = retry
        self._log = logger
        self._counters = counters
        self._told = told
        self._again: deque[Batch] = deque()
        self._waiting: dict[Batch, asyncio.TimerHandle] = {}
        self._probe: Batch | None = None
        self._probe_due = False
        self._down = False
        self._proven = False
        self.wake_all: Callable[[], None] = lambda: None
        self.killed: Callable[[], None] = lambda: None

    def take(self) -> Batch | None:
        """Return the next batch that may go, if there is one."""
        if self._probe is not None:
            due, self._probe_due = self._probe_due, False
            return self._probe if due else None
        if self._again:
            return self._again.popleft()
        return self._queue.take()

    def more(self) -> bool:
        """Whether there may be another."""
        return self._probe is None and bool(self._again or self._queue)

    async def carry(self, batch: Batch) -> None:
        """Send it once."""
        batch.attempts += 1
        self._counters.requests += 1
        self._counters.retries += batch.attempts > 1
        batch.unanswered = True
        try:
            ack = await self._transport.send(batch.req_guid, batch.body())
        except SendError as error:
            self._failed(batch, error)
        except Exception as error:  # a transport of the user's own may raise anything
            told = AnswerError(type(error).__name__, req_guid=batch.req_guid, persisted="possibly")
            told.__cause__ = error
            self._failed(batch, told)
        else:
            self._delivered(batch, ack)

    def hurry(self) -> None:
        """Let what waits for its retry go now; the client is closing."""
        for batch, timer in list(self._waiting.items()):
            timer.cancel()
            self._due(batch)

    def abandon(self, error: SendError) -> list[Batch]:
        """Settle everything that is left with this error, and return it."""
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        self._again.clear()
        self._probe = None
        left = self._queue.live()
        for batch in left:
            unsure = batch.possible_duplicate or batch.unanswered
            self._settle(batch, error.about(batch.req_guid, "possibly" if unsure else "no"))
        return left

    def _delivered(self, batch: Batch, ack: Ack) -> None:
        batch.unanswered = False
        self._proven = True
        self._link_is_up()
        if batch.attempts > 1 or batch.possible_duplicate:
            ack = replace(ack, attempts=batch.attempts, possible_duplicate=batch.possible_duplicate)
        self._counters.possible_duplicates += len(batch.frames) * batch.possible_duplicate
        self._finish(batch, ack)

    def _failed(self, batch: Batch, error: SendError) -> None:
        batch.unanswered = False
        if not error.outage:
            self._link_is_up()
        now = self._handle.loop.time()
        batch.failures += 1
        batch.first_failure = now if batch.first_failure is None else batch.first_failure
        batch.last_error = error
        batch.possible_duplicate |= error.persisted == "possibly"
        worth_it = error.retryable or (self._proven and isinstance(error, SetupError))
        spent = self._retry.spent(batch.failures, now - batch.first_failure, error.patience)
        divisible = len(batch.frames) > 1
        if isinstance(error, TooLargeError) and divisible:
            batch.failures -= 1
            self._split(batch)
        elif worth_it and not spent:
            self._later(batch, error)
        elif isinstance(error, PublishError) and divisible:
            # What one event did must not be the end of the others: each part gets one more attempt.
            self._split(batch)
        else:
            persisted = "possibly" if batch.possible_duplicate else "no"
            self._settle(batch, error.about(batch.req_guid, persisted))

    def _later(self, batch: Batch, error: SendError) -> None:
        if error.outage:
            if not self._down:
                self._down = True
                self._log.warning(
                    "delivery to %s is held up, trying again: %s",
                    self._transport.address,
                    error.brief(),
                )
            if self._probe is None:
                self._probe = batch
            elif self._probe is not batch:
                self._again.append(batch)
                return
        delay = self._retry.delay(batch.failures, error.retry_after)
        self._waiting[batch] = self._handle.loop.call_later(delay, self._due, batch)

    def _due(self, batch: Batch) -> None:
        self._waiting.pop(batch, None)
        if batch is self._probe:
            self._probe_due = True
        else:
            self._again.append(batch)
        self.wake_all()

    def _link_is_up(self) -> None:
        """One was answered, so the others may go. A probe that waits goes on waiting, as one of
        them.
        """
        if self._down:
            self._down = False
            self._log.info("delivery to %s goes on", self._transport.address)
        if self._probe is None:
            return
        if self._probe_due:
            self._again.appendleft(self._probe)
        self._probe, self._probe_due = None, False
        self.wake_all()

    def _split(self, batch: Batch) -> None:
        parts = batch.split()
        self._queue.replace(batch, parts)
        self._leave_gate(batch)
        self._again.extendleft(reversed(parts))
        self.wake_all()

    def _leave_gate(self, batch: Batch) -> None:
        if batch is self._probe:
            self._probe, self._probe_due = None, False
            self.wake_all()

    def _settle(self, batch: Batch, error: SendError) -> None:
        self._leave_gate(batch)
        count = len(batch.frames)
        self._counters.failures[type(error).__name__] += count
        self._log.warning("%d event%s not delivered: %s", count, "s" * (count > 1), error.brief())
        self._finish(batch, error)

    def _finish(self, batch: Batch, outcome: Ack | SendError) -> None:
        self._queue.done(batch, isinstance(outcome, Ack))
        batch.settle(outcome)
        self._told(outcome)
