"""What both clients share: the generated methods' footing, options, encoding, and life after a
fork.
"""

from __future__ import annotations

import importlib
import os
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Generic, NoReturn, TypeVar, cast

from typing_extensions import Self, Unpack

from . import process
from .delivery import Delivery, Stats
from .delivery.batch import Batch
from .delivery.future import AckFuture, SyncAckFuture
from .delivery.queue import Place
from .deprecation import warn_caller
from .envelope import Ack
from .errors import (
    BatchError,
    ConfigError,
    EventTooLargeError,
    Failure,
    QueueFull,
    SerializationError,
)
from .event import Event
from .message import Message
from .options import ClientKeywords, ClientOptions, ConnectKeywords, build, split
from .seconds import seconds
from .serializers import Serializer
from .signals import TERM, SignalCloser
from .transports import Transport, transport_for

R = TypeVar("R")

URL_VARIABLE = "RACCOON_URL"
CLOSE_TIMEOUT = 10.0


class EventMethods(Generic[R]):
    """What generated methods stand on.

    They have one signature in both clients; R is what a call gives back.
    """

    _package: ClassVar[str | None] = None
    _events: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def event_class(cls, event_type: str, /) -> type[Message]:
        """Return the class of an event type, for who reads events; KeyError when there is none."""
        if event_type not in cls._events:
            raise KeyError(f"{cls.__name__} has no event of the type {event_type!r}")
        module, _, name = cls._events[event_type].partition(":")
        with process.undivided():
            found: Any = importlib.import_module(module, cls._package)
        for part in name.split("."):
            found = getattr(found, part)
        return cast("type[Message]", found)

    def _send(self, event_type: str, event: Any, fields: dict[str, Any]) -> R:
        raise NotImplementedError


class BaseClient(EventMethods[R]):
    """The part of both clients that neither waits nor knows of threads."""

    def __init__(self, transport: Transport, /, **options: Unpack[ClientKeywords]) -> None:
        if isinstance(transport, str):
            told = "a transport belongs here; connect() takes a URL"
            raise ConfigError(told, argument="transport")
        self._options = build(ClientOptions, options)
        self._serializer = self._options.serializer
        self._transport = transport
        self._most_bytes = self._options.max_event_bytes
        self._framer = transport.wire.framer
        self._methods: dict[str, EventKind] = {}
        self._kinds: dict[type, EventKind] = {}
        self._closed = False
        self._closers: list[SignalCloser] = []
        self._generation = process.generation()
        self._delivery = self._new_delivery()

    @classmethod
    def connect(
        cls,
        url: str | Sequence[str] | None = None,
        /,
        *,
        spread: bool = False,
        **options: Unpack[ConnectKeywords],
    ) -> Self:
        """Return a client for an address, whose scheme chooses the transport.

        The schemes are ws, wss, http, https, grpc, grpcs and null. Of several addresses, in a list
        or with commas between them, the first that works is used, with `spread` all of them in
        turn. Without an address, RACCOON_URL is read. The connection is opened when the first event
        goes out. ConfigError when an address or an option is wrong; `raccoon_runtime.options` has
        them all.
        """
        for_transport, for_client = split(options)
        # Options first: what is wrong with them is not the address's fault.
        build(ClientOptions, for_client)
        addresses = _from_environment() if url is None else url
        transport = transport_for(addresses, spread=spread, **cast(Any, for_transport))
        return cls(transport, **cast(Any, for_client))

    def stats(self) -> Stats:
        """Return the counts as they are."""
        return self._living().stats()

    # --- life -------------------------------------------------------------------------

    def _new_delivery(self) -> Delivery:
        # Without a reference to the client, which may be let go while its events are under way.
        read = partial(_read, type(self), self._serializer)
        return self._make_delivery(self._transport, self._options, read)

    def _make_delivery(self, *arguments: Any) -> Delivery:
        return Delivery(*arguments)

    def _living(self) -> Delivery:
        """Return the delivery; in the child of a fork, a new and empty one."""
        if self._generation != process.generation():
            with process.lock():
                if self._generation != process.generation():
                    self._start_anew()
        return self._delivery

    def _start_anew(self) -> None:
        """Leave alone what a fork's child inherited."""
        process.leave_alone(self._delivery)
        self._transport.after_fork()
        self._delivery = self._new_delivery()
        if self._closed:
            self._delivery.close_unused()
        self._generation = process.generation()

    def __del__(self) -> None:
        delivery: Delivery | None = getattr(self, "_delivery", None)
        if delivery is None or self._closed or self._generation != process.generation():
            return
        if delivery.unclosed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=1)
            self._let_go()

    def _let_go(self) -> None:
        """Have it closed while nobody waits."""
        self._delivery.close_later(CLOSE_TIMEOUT)

    def _close_on(self, signals: tuple[int, ...]) -> None:
        me = weakref.ref(self)

        def begin(then: Callable[[], object]) -> bool:
            client = me()
            if client is None or client._generation != process.generation():
                return False
            return client._delivery.close_later(CLOSE_TIMEOUT, then)

        closer = SignalCloser(begin)
        closer.install(signals or TERM)
        self._closers.append(closer)

    def _closed_now(self) -> None:
        self._closed = True
        for closer in self._closers:
            closer.uninstall()

    def __reduce__(self) -> NoReturn:
        told = f"{type(self).__name__} cannot be pickled or copied; make one in each process"
        raise TypeError(told)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._transport.address} {self._serializer.name}>"

    # --- events to frames ---------------------------------------------------------------

    def _frame_method(
        self, event_type: str, event: object, fields: dict[str, Any]
    ) -> tuple[bytes, float | None]:
        """Return the frame of what a generated method was given, and its `timeout`."""
        kind = self._methods.get(event_type)
        if kind is None:
            kind = self._kind_of(self.event_class(event_type))
            self._methods[event_type] = kind
        timeout: float | None = None
        if "timeout" in fields and (event is not None or not kind.has_timeout):
            timeout = fields.pop("timeout")
        if event is None:
            if kind.outdated:
                warn_caller(kind.outdated, self._package)
            return kind.frame(self._fitting(event_type, kind.encode_fields(fields))), timeout
        if fields:
            told = f"the event or its fields, not both: {', '.join(fields)}"
            raise TypeError(told)
        if not isinstance(event, kind.cls):
            right, given = _told_apart(kind.cls, type(event))
            if isinstance(event, type):
                right, given = f"an instance of {right}", "a class"
            raise SerializationError(f"event {event_type}: {right} belongs here, not {given}")
        return self._frame(event), timeout

    def _frame(self, event: object) -> bytes:
        """Return an event's frame."""
        kind = self._kinds.get(type(event))
        if kind is not None:
            return kind.frame(self._fitting(kind.event_type, kind.encode(event)))
        if isinstance(event, Event):
            try:
                data = self._serializer.encode(event.data)
            except SerializationError as error:
                raise SerializationError(f"event {event.type}: {error}") from error
            return self._framer(event.type)(self._fitting(event.type, data))
        if isinstance(event, type):
            told = f"{event.__name__} is a class; an event of it belongs here"
            raise SerializationError(told)
        name = _named(cast(type, type(event)))
        if not isinstance(event, Message):
            raise SerializationError(f"{name} is no event; Event(type, data) makes it one")
        if event.__event__ is None:
            told = f"{name} is a message but no event; Event(type, message) makes it one"
            raise SerializationError(told)
        self._kind_of(type(event))
        return self._frame(event)

    def _kind_of(self, cls: type[Message]) -> EventKind:
        kind = self._kinds.get(cls)
        if kind is None:
            kind = self._kinds[cls] = event_kind(cls, self._serializer, self._framer)
        return kind

    def _frame_all(self, events: Iterable[object]) -> tuple[list[object], list[bytes]]:
        """Return the events and their frames.

        Or raise for the first that cannot be encoded: then nothing is sent.
        """
        if isinstance(events, (Message, Event, str, bytes, Mapping)):
            name = _named(cast(Any, events).__class__)
            raise TypeError(f"send() takes a list of events, not one {name}")
        given = list(events)
        frames: list[bytes] = []
        kinds, most = self._kinds, self._most_bytes
        try:
            for event in given:
                kind = kinds.get(type(event))
                if kind is not None and len(data := kind.encode(event)) <= most:
                    frames.append(kind.frame(data))
                else:
                    frames.append(self._frame(event))
        except SerializationError as error:
            index = len(frames)
            raise error.at(index, _type_of(given[index])) from error
        return given, frames

    def _fitting(self, event_type: str, data: bytes) -> bytes:
        if len(data) > self._most_bytes:
            told = f"event {event_type}: {len(data):,} bytes, of at most {self._most_bytes:,}"
            raise EventTooLargeError(f"{told} (max_event_bytes=)")
        return data

    def _wait_of(self, timeout: float | None) -> float:
        """Return how long to wait; a timeout of None is the client's."""
        return self._options.timeout if timeout is None else seconds(timeout)


def _read(
    client: type[EventMethods[Any]], serializer: Serializer, event_type: str, data: bytes
) -> object:
    """Return the event whose bytes these are: generated where its type is, else untyped."""
    # A function of this module, so that an Undelivered holds a class and no client.
    known = event_type in client._events  # pyright: ignore[reportPrivateUsage]
    decode = getattr(serializer, "decode", None)
    value = data
    if decode is not None:
        value = decode(data, client.event_class(event_type) if known else None)
    return value if isinstance(value, Message) else Event(event_type, value)


def _from_environment() -> str:
    said = os.environ.get(URL_VARIABLE, "")
    if not said.strip():
        told = f"the address is missing, and {URL_VARIABLE} is not set"
        raise ConfigError(told, argument="url")
    return said


@dataclass(frozen=True, slots=True)
class EventKind:
    """What a client has to know of one event class, looked up once."""

    cls: type[Message]
    event_type: str
    encode: Callable[[Any], bytes]
    encode_fields: Callable[[dict[str, Any]], bytes]
    frame: Callable[[bytes], bytes]
    has_timeout: bool
    """Whether it has a field of that name, which then is what the keyword means."""
    outdated: str | None
    """The warning of an event that is deprecated."""


def event_kind(
    cls: type[Message], serializer: Serializer, framer: Callable[[str], Callable[[bytes], bytes]]
) -> EventKind:
    """Return what there is to know of an event class."""
    of = getattr(serializer, "of", None)
    encode, encode_fields = serializer.encode, partial(serializer.encode_fields, cls)
    if of is not None:
        encode, encode_fields = of(cls)
    event_type = cls.__event__ or ""
    made: Any = cls
    return EventKind(
        cls,
        event_type,
        encode,
        encode_fields,
        framer(event_type),
        "timeout" in made.__dataclass_fields__,
        cls.__deprecated__,
    )


def full(
    wait: float, futures: Sequence[AckFuture | SyncAckFuture] = (), count: int = 0
) -> QueueFull:
    """Return the error of who waited for room in vain.

    Of a list some events may have been accepted before.
    """
    told = f"no room within {wait:g} s"
    if futures:
        told += f"; {len(futures)} of {count} events were accepted before, and are on their way"
    error = QueueFull(told)
    error.futures = futures
    return error


def collect(events: Sequence[object], places: Sequence[Place]) -> list[Ack]:
    """Return the acks of settled events, one a request; BatchError when some are none."""
    acks: dict[Batch, Ack] = {}
    failures: list[Failure] = []
    last: Batch | None = None
    for index, place in enumerate(places):
        batch = place[0]
        if batch is last:
            continue
        if batch.places is not None:
            batch, _ = batch.find(place[1])
        outcome = batch.outcome
        if isinstance(outcome, Ack):
            acks[batch] = outcome
            last = batch
        elif outcome is not None:
            failures.append(Failure(index, events[index], outcome.about(batch.req_guid)))
    if failures:
        raise BatchError(list(acks.values()), failures) from failures[0].error
    return list(acks.values())


def _named(cls: Any) -> str:
    return str(cls.__name__)


def _told_apart(one: type, other: type) -> tuple[str, str]:
    """Return the names of two classes, with their modules where the names are one."""
    if _named(one) != _named(other):
        return _named(one), _named(other)
    return f"{one.__module__}.{one.__qualname__}", f"{other.__module__}.{other.__qualname__}"


def _type_of(event: object) -> str:
    if isinstance(event, Event):
        return event.type
    return (event.__event__ or "") if isinstance(event, Message) else ""
