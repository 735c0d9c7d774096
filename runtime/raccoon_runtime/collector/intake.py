"""Where all transports meet: a request is published and stored, and its answer is decided."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..envelope import Code
from . import faults, publisher
from .arrival import Arrival
from .decoder import Decoder
from .faults import Faults, Interruption
from .ledger import Ledger, Received, Stored
from .ledger_file import LedgerFile
from .request import Answer, Event
from .settings import Settings


class NullEvent(Exception):
    """A request holds null for an event: the real server ends the connection."""


@dataclass(slots=True)
class Verdict:
    """What a transport has to do: answer, `delay` seconds later, or something else instead.

    `failed` says that publishing did, and that the server came to know of it.
    """

    answers: list[Answer] = field(default_factory=list[Answer])
    delay: float = 0.0
    hold: int = 0
    instead: Interruption | None = None
    failed: bool = False


class Intake:
    """Takes the requests that could be read."""

    def __init__(self, settings: Settings, ledger: Ledger, faults: Faults) -> None:
        self.faults = faults
        self._ledger = ledger
        self._path = settings.ledger_path
        self._file: LedgerFile | None = None
        self._sync = settings.event_ack == 1
        self._decoder = None if settings.events is None else Decoder(settings.events)
        self._on_event: Callable[[Stored], None] | None = settings.on_event

    def open(self) -> None:
        """Open the ledger on disk, where there is to be one."""
        if self._path is not None:
            self._file = LedgerFile(self._path)

    def close(self) -> None:
        """Close it."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def take(self, arrival: Arrival) -> Verdict:
        """Publish, store, and say what to answer; NullEvent when the server would break down."""
        if None in arrival.request.events:
            raise NullEvent
        instead = self.faults.take(faults.INSTEAD[arrival.transport], arrival)
        if instead is not None and not instead.published:
            self._keep(arrival, None, [], [])
            return Verdict(instead=instead)
        published, problems = self._publish(arrival)
        answer = self._answer(arrival, problems)
        verdict = Verdict(instead=instead, failed=answer.code is not Code.CODE_OK)
        if instead is None or isinstance(instead, faults.GoAway):
            verdict.answers.append(answer)
            self._bend(arrival, verdict)
        told = [answer.code for answer in verdict.answers]
        self._keep(arrival, answer.code, published, told)
        return verdict

    def refused(self, arrival: Arrival) -> None:
        """Take note of a request that could not be read."""
        code = Code.CODE_BAD_REQUEST
        self._keep(arrival, code, [], [code])

    def _publish(self, arrival: Arrival) -> tuple[list[Event], list[str]]:
        fault = self.faults.take(faults.Unpublishable, arrival)
        published: list[Event] = []
        problems: list[str] = []
        for event in filter(None, arrival.request.events):
            problem = publisher.problem(event.event_bytes)
            if fault is not None and fault.matches_event(event):
                problem = fault.reason
            if problem is None:
                published.append(event)
            else:
                problems.append(problem)
        return published, problems

    def _answer(self, arrival: Arrival, problems: list[str]) -> Answer:
        guid = arrival.request.req_guid
        if not problems or not self._sync:
            return Answer(req_guid=guid)
        # gRPC's answer has no reason.
        reason = "" if arrival.transport == "grpc" else publisher.failure(problems)
        return Answer(Code.CODE_INTERNAL_ERROR, reason, guid)

    def _bend(self, arrival: Arrival, verdict: Verdict) -> None:
        """Make of the verdict what faults make of it."""
        take = self.faults.take
        (answer,) = verdict.answers
        answered = take(faults.Answered, arrival)
        if answered is not None:
            guid = answer.req_guid if answered.req_guid is None else answered.req_guid
            verdict.answers = [Answer(answered.code, answered.reason, guid)]
        delay = take(faults.Delay, arrival)
        verdict.delay = 0.0 if delay is None else delay.seconds
        if arrival.transport == "ws":
            self._multiply(arrival, verdict, answer)

    def _multiply(self, arrival: Arrival, verdict: Verdict, answer: Answer) -> None:
        """Bend what only a WebSocket can carry: other answers beside the right one, their order."""
        take = self.faults.take
        if take(faults.Double, arrival) is not None:
            verdict.answers *= 2
        foreign = take(faults.Foreign, arrival)
        if foreign is not None:
            verdict.answers.insert(0, answer.renamed(foreign.req_guid))
        if take(faults.LateError, arrival) is not None:
            reason = publisher.failure(["late"])
            late = Answer(Code.CODE_INTERNAL_ERROR, reason, answer.req_guid)
            verdict.answers.append(late)
        reorder = take(faults.Reorder, arrival)
        verdict.hold = 0 if reorder is None else reorder.hold

    def _keep(
        self, arrival: Arrival, code: Code | None, published: list[Event], told: list[Code]
    ) -> None:
        now = time.time()
        guid, (identity, group) = arrival.request.req_guid, arrival.origin
        types = tuple(event.type for event in arrival.request.events if event)
        transport, wire = arrival.transport, arrival.wire
        received = Received(transport, wire, guid, types, arrival.body, identity, group, code, now)
        if self._file is not None:
            self._file.add(received, published, told)
        stored: list[Stored] = []
        for event in published:
            message, problem = None, None
            if self._decoder is not None:
                message, problem = self._decoder.decode(event)
            stored.append(
                Stored(
                    transport,
                    wire,
                    guid,
                    event.type,
                    event.event_bytes,
                    identity,
                    group,
                    code or Code.CODE_UNSPECIFIED,
                    now,
                    message,
                    problem,
                )
            )
        self._ledger.add(received, stored)
        if self._on_event is not None:
            for one in stored:
                self._on_event(one)
