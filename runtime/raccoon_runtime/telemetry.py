"""OpenTelemetry's metrics and traces, where that package is installed; without it nothing happens.

Metrics are the counts of `stats()`, by the client's address. Each request is a span, linked to the
spans in which its events were accepted, and REST and gRPC carry its context on.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import process
from .errors import SendError

if TYPE_CHECKING:
    from .delivery.batch import Batch
    from .delivery.stats import Stats

SCOPE = "raccoon_runtime"
_LOGGER = logging.getLogger(SCOPE)

# Instrument → kind, unit, description, and how it is read from a snapshot.
_Reading = Callable[["Stats"], float]
COUNTERS: Mapping[str, tuple[str, str, _Reading]] = {
    "raccoon.client.requests": (
        "{request}",
        "Requests sent, retries included",
        lambda s: s.requests,
    ),
    "raccoon.client.retries": ("{request}", "Requests sent again", lambda s: s.retries),
    "raccoon.client.connections": ("{connection}", "Connections opened", lambda s: s.connections),
    "raccoon.client.duplicates": (
        "{event}",
        "Events acknowledged that may have been published before",
        lambda s: s.possible_duplicates,
    ),
}
GAUGES: Mapping[str, tuple[str, str, _Reading]] = {
    "raccoon.client.pending": ("{event}", "Events without an outcome", lambda s: s.pending),
    "raccoon.client.pending.size": ("By", "Bytes of these", lambda s: s.pending_bytes),
    "raccoon.client.spooled": (
        "{event}",
        "Events of these that lie in the spool",
        lambda s: s.spooled,
    ),
    "raccoon.client.oldest": ("s", "Age of the oldest of these", lambda s: s.oldest),
    "raccoon.client.in_flight": ("{request}", "Requests on their way", lambda s: s.in_flight),
}
ADDRESS = "raccoon.address"
EVENTS = "raccoon.client.events"
DURATION = "raccoon.client.duration"
# In seconds; an SDK's own boundaries are made for milliseconds.
BOUNDARIES = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0),
)

_carried: ContextVar[Mapping[str, str]] = ContextVar(
    "raccoon_carried", default=MappingProxyType({})
)


class Watch:
    """One client's place among the metrics, for as long as it is open."""

    def __init__(self, meters: _Meters, read: Callable[[], Stats], address: str) -> None:
        self._meters = meters
        self.read = read
        self.attributes = {ADDRESS: address}
        self.generation = process.generation()

    def acknowledged(self, seconds: float) -> None:
        """Record how long a request's oldest event took, from its acceptance on."""
        self._meters.duration.record(seconds, self.attributes)

    def close(self) -> None:
        """Let its counts stand as they are."""
        self._meters.forget(self)


class _Meters:
    """The process's instruments, read from all clients that are open."""

    def __init__(self, metrics: Any) -> None:
        self._observation = metrics.Observation
        self._lock = threading.Lock()
        self._open: list[Watch] = []
        self._ended: dict[str, Stats] = {}
        meter = metrics.get_meter(SCOPE)
        self.duration = _histogram(
            meter, DURATION, "s", "From an event's acceptance to its ack, by request"
        )
        told = "Events that have their outcome"
        meter.create_observable_counter(EVENTS, [self._events], "{event}", told)
        for name, (unit, told, reading) in COUNTERS.items():
            meter.create_observable_counter(name, [self._counter(reading)], unit, told)
        for name, (unit, told, reading) in GAUGES.items():
            meter.create_observable_gauge(name, [self._gauge(reading)], unit, told)

    def watch(self, read: Callable[[], Stats], address: str) -> Watch:
        made = Watch(self, read, address)
        with self._alone():
            self._open.append(made)
        return made

    def forget(self, watch: Watch) -> None:
        address, last = watch.attributes[ADDRESS], watch.read()
        with self._alone():
            if watch in self._open:
                self._open.remove(watch)
                earlier = self._ended.get(address)
                self._ended[address] = last if earlier is None else _together(earlier, last)

    @contextmanager
    def _alone(self) -> Generator[None]:
        with process.undivided(), self._lock:  # which a fork's child would find held
            yield

    def _snapshots(self, *, ended: bool) -> list[tuple[Mapping[str, str], Stats]]:
        with self._alone():
            here = [w for w in self._open if w.generation == process.generation()]
            past = [({ADDRESS: a}, stats) for a, stats in self._ended.items()] if ended else []
        return [*past, *((watch.attributes, watch.read()) for watch in here)]

    def _counter(self, reading: _Reading) -> Callable[[Any], Iterable[Any]]:
        return lambda options: self._sums([(a, reading(s)) for a, s in self._snapshots(ended=True)])

    def _gauge(self, reading: _Reading) -> Callable[[Any], Iterable[Any]]:
        return lambda options: self._sums(
            [(a, reading(s)) for a, s in self._snapshots(ended=False)]
        )

    def _events(self, options: Any) -> Iterable[Any]:
        found: list[tuple[Mapping[str, str], float]] = []
        for attributes, stats in self._snapshots(ended=True):
            found.append(({**attributes, "outcome": "delivered"}, stats.delivered))
            for error, count in stats.failures.items():
                found.append(({**attributes, "outcome": "failed", "error.type": error}, count))
        return self._sums(found)

    def _sums(self, found: Iterable[tuple[Mapping[str, str], float]]) -> Iterable[Any]:
        """One observation for each set of attributes: several clients may share an address."""
        sums: dict[tuple[tuple[str, str], ...], float] = {}
        for attributes, value in found:
            key = tuple(attributes.items())
            sums[key] = sums.get(key, 0) + value
        return [self._observation(value, dict(key)) for key, value in sums.items()]


def _histogram(meter: Any, *named: str) -> Any:
    try:
        return meter.create_histogram(*named, explicit_bucket_boundaries_advisory=BOUNDARIES)
    except TypeError:  # before OpenTelemetry 1.30 it takes no advice
        return meter.create_histogram(*named)


def _together(one: Stats, other: Stats) -> Stats:
    """The counts of two clients that have ended, as one's."""
    return replace(
        one,
        delivered=one.delivered + other.delivered,
        requests=one.requests + other.requests,
        retries=one.retries + other.retries,
        connections=one.connections + other.connections,
        possible_duplicates=one.possible_duplicates + other.possible_duplicates,
        failures=Counter(one.failures) + Counter(other.failures),
    )


@lru_cache
def _meters() -> _Meters | None:
    with process.undivided():  # imports, here and in what they call
        try:
            from opentelemetry import metrics
        except ImportError:
            return None
        return _Meters(metrics)


def watch(read: Callable[[], Stats], address: str) -> Watch | None:
    """Have a client's counts observed; None without OpenTelemetry."""
    meters = _meters()
    return None if meters is None else meters.watch(read, address)


class Tracing:
    """Spans for the requests of one client."""

    def __init__(self, trace: Any, inject: Callable[[dict[str, str]], None], address: str) -> None:
        self._trace = trace
        self._inject = inject
        self._tracer = trace.get_tracer(SCOPE)
        self._address = address
        self._has_failed = False
        self._server = _server(address)

    def current(self) -> object | None:
        """Return the context of the span in which an event is accepted; None without one."""
        context = self._trace.get_current_span().get_span_context()
        return context if context.is_valid else None

    @contextmanager
    def request(self, batch: Batch) -> Generator[None]:
        """A span around one attempt to send a batch."""
        with ExitStack() as stack:
            span = self._begun(batch, stack)
            try:
                yield
            except SendError as error:
                # Nothing that a server wrote, and no header, gets into a trace.
                if span is not None:
                    span.set_attribute("error.type", type(error).__name__)
                    span.set_status(self._trace.StatusCode.ERROR, error.brief())
                raise

    def _begun(self, batch: Batch, stack: ExitStack) -> Any | None:
        """Begin a span; None when that fails, which is no reason not to send."""
        headers: dict[str, str] = {}
        try:
            span = stack.enter_context(
                self._tracer.start_as_current_span(
                    "send raccoon",
                    kind=self._trace.SpanKind.PRODUCER,
                    links=[self._trace.Link(context) for context in _spans(batch)],
                    attributes={
                        "messaging.system": "raccoon",
                        "messaging.operation.name": "send",
                        "messaging.operation.type": "send",
                        "messaging.batch.message_count": batch.count,
                        "messaging.message.conversation_id": batch.req_guid,
                        **self._server,
                    },
                    record_exception=False,
                    set_status_on_exception=False,
                )
            )
            self._inject(headers)
        except Exception:
            if not self._has_failed:
                self._has_failed = True
                _LOGGER.exception("requests to %s are not traced", self._address)
            return None
        stack.callback(_carried.reset, _carried.set(headers))
        return span


def _spans(batch: Batch) -> Iterable[Any]:
    """Return the contexts of the spans in which its events were accepted, each once."""
    links = batch.links
    return {context.span_id: context for _, context in links if context is not None}.values()


def _server(address: str) -> Mapping[str, str | int]:
    """Return what names the server; of several the transport alone knows which it is."""
    if ", " in address:
        return {"server.address": address}
    parts = urlsplit(address)
    port = {} if parts.port is None else {"server.port": parts.port}
    return {"server.address": parts.hostname or address, **port}


def tracing(address: str) -> Tracing | None:
    """Return what makes spans; None without OpenTelemetry, or while no provider is set."""
    with process.undivided():  # as above
        try:
            from opentelemetry import propagate, trace
        except ImportError:
            return None
        provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        return None
    return Tracing(trace, propagate.inject, address)


def carried() -> Mapping[str, str]:
    """Return the headers that carry the context of the request that is being sent: its
    propagators', `traceparent` and the like. Empty without tracing.
    """
    return _carried.get()
