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
from .request import Answer, Event
from .settings import Settings


class NullEvent(Exception):
    """A request holds null for an event: the real server ends the connection."""


@dataclass(slots=True)
class Verdict:
    """What a transport has to do: answer, `delay` seconds later, or something else instead."""

    answers: list[Answer] = field(default_factory=list[Answer])
    delay: float = 0.0
    hold: int = 0
    instead: Interruption | None = None


class Intake:
    """Takes the requests that could be read."""

    def __init__(self, settings: Settings, ledger: Ledger, faults: Faults) -> None:
        self.faults = faults
        self._ledger = ledger
        self._sync = settings.event_ack == 1
        self._decoder = None if settings.events is None else Decoder(settings.events)
        self._on_event: Callable[[Stored], None] | None = settings.on_event

    def take(self, arrival: Arrival) -> Verdict:
        """Publish, store, and say what to answer; NullEvent when the server would break down."""
        if None in arrival.request.events:
            raise NullEvent
        instead = self.faults.take(Interruption, arrival)
        if instead is not None and not instead.published:
            self._keep(arrival, None, [])
            return Verdict(instead=instead)
        published, problems = self._publish(arrival)
        answer = self._answer(arrival, problems)
        self._keep(arrival, answer.code, published)
        if instead is not None and not isinstance(instead, faults.GoAway):
            return Verdict(instead=instead)
        return self._bent(arrival, Verdict([answer], instead=instead))

    def refused(self, arrival: Arrival) -> None:
        """Take note of a request that could not be read."""
        self._keep(arrival, Code.CODE_BAD_REQUEST, [])

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

    def _bent(self, arrival: Arrival, verdict: Verdict) -> Verdict:
        """Return the verdict with what faults make of it."""
        take = self.faults.take
        (answer,) = verdict.answers
        answered = take(faults.Answered, arrival)
        if answered is not None:
            guid = answer.req_guid if answered.req_guid is None else answered.req_guid
            verdict.answers = [Answer(answered.code, answered.reason, guid)]
        if take(faults.Double, arrival) is not None:
            verdict.answers *= 2
        foreign = take(faults.Foreign, arrival)
        if foreign is not None:
            verdict.answers.insert(0, answer.renamed(foreign.req_guid))
        if take(faults.LateError, arrival) is not None:
            reason = publisher.failure(["late"])
            late = Answer(Code.CODE_INTERNAL_ERROR, reason, answer.req_guid)
            verdict.answers.append(late)
        delay = take(faults.Delay, arrival)
        verdict.delay = 0.0 if delay is None else delay.seconds
        reorder = take(faults.Reorder, arrival)
        verdict.hold = 0 if reorder is None else reorder.hold
        return verdict

    def _keep(self, arrival: Arrival, code: Code | None, events: list[Event]) -> None:
        now = time.time()
        guid, origin = arrival.request.req_guid, arrival.origin
        received = Received(
            transport=arrival.transport,
            wire=arrival.wire,
            req_guid=guid,
            types=tuple(event.type for event in arrival.request.events if event),
            body=arrival.body,
            identity=origin.id,
            group=origin.group,
            code=code,
            time=now,
        )
        stored: list[Stored] = []
        for event in events:
            message, problem = None, None
            if self._decoder is not None:
                message, problem = self._decoder.decode(event)
            stored.append(
                Stored(
                    transport=arrival.transport,
                    wire=arrival.wire,
                    req_guid=guid,
                    type=event.type,
                    event_bytes=event.event_bytes,
                    identity=origin.id,
                    group=origin.group,
                    code=code or Code.CODE_UNSPECIFIED,
                    time=now,
                    message=message,
                    problem=problem,
                )
            )
        self._ledger.add(received, stored)
        if self._on_event is not None:
            for one in stored:
                self._on_event(one)
