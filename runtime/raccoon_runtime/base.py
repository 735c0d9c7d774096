"""What both clients share: the generated methods' footing, options, encoding, and life after a
fork.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar, cast

from typing_extensions import Self, Unpack

from . import process
from .delivery import Delivery, Stats
from .delivery.future import BaseAckFuture
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
from .transports import Transport, make_transport

R = TypeVar("R")

URL_VARIABLE = "RACCOON_URL"


class EventMethods(Generic[R]):
    """What generated methods stand on.

    They have one signature in both clients; R is what a call gives back.
    """

    _package: ClassVar[str | None] = None
    _events: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def event_class(cls, event_type: str, /) -> type[Message]:
        """Return the class of an event type, for whoever reads events; KeyError when there is none."""
        module, _, name = cls._events[event_type].partition(":")
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
        self._classes: dict[str, type[Message]] = {}
        self._closed = False
        self._generation = process.generation()
        self._delivery = self._new_delivery()

    @classmethod
    def connect(cls, url: str | None = None, /, **options: Unpack[ConnectKeywords]) -> Self:
        """Return a client for an address, whose scheme chooses the transport.

        The schemes are ws, wss, http, https, grpc, grpcs and null. Without an address, RACCOON_URL
        is read. The connection is opened when the first event goes out. ConfigError when the
        address or an option is wrong; `raccoon_runtime.options` has them all.
        """
        if url is None:
            url = os.environ.get(URL_VARIABLE)
            if not url:
                told = f"the address is missing, and {URL_VARIABLE} is not set"
                raise ConfigError(told, argument="url")
        for_transport, for_client = split(options)
        # Options first: what is wrong with them is not the address's fault.
        build(ClientOptions, for_client)
        return cls(make_transport(url, **cast(Any, for_transport)), **cast(Any, for_client))

    def stats(self) -> Stats:
        """Return the counts as they are."""
        return self._living().stats()

    # --- life -------------------------------------------------------------------------

    def _new_delivery(self) -> Delivery:
        return Delivery(self._transport, self._options, self._read)

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
        self._generation = process.generation()

    def __del__(self) -> None:
        delivery: Delivery | None = getattr(self, "_delivery", None)
        if delivery is None or self._closed or self._generation != process.generation():
            return
        if delivery.handle.bound:
            told = f"unclosed {type(self).__name__}"
            warnings.warn(told, ResourceWarning, source=self, stacklevel=1)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._transport.address} {self._serializer.name}>"

    # --- events to bytes ----------------------------------------------------------------

    def _encode_method(
        self, event_type: str, event: object, fields: dict[str, Any]
    ) -> tuple[bytes, float | None]:
        """Return what a generated method was given as bytes, and its `timeout`."""
        cls = self._classes.get(event_type)
        if cls is None:
            cls = self._classes[event_type] = self.event_class(event_type)
        timeout: float | None = None
        if "timeout" in fields and (event is not None or not _has_field(cls, "timeout")):
            timeout = fields.pop("timeout")
        if event is None:
            outdated = cls.__dict__.get("__deprecated__")
            if outdated:
                warn_caller(outdated, self._package)
            data = self._serializer.encode_fields(cls, fields)
        elif fields:
            told = f"the event or its fields, not both: {', '.join(fields)}"
            raise TypeError(told)
        elif not isinstance(event, cls):
            told = f"event {event_type}: {_named(cls)} belongs here, not {_kind(event)}"
            raise SerializationError(told)
        else:
            data = self._serializer.encode(event)
        return self._fitting(event_type, data), timeout

    def _encode(self, event: object) -> tuple[str, bytes]:
        """Return an event's type and bytes."""
        if isinstance(event, Event):
            try:
                data = self._serializer.encode(event.data)
            except SerializationError as error:
                raise SerializationError(f"event {event.type}: {error}") from error
            return event.type, self._fitting(event.type, data)
        if not isinstance(event, Message):
            told = f"{_kind(event)} is no event; Event(type, data) makes it one"
            raise SerializationError(told)
        event_type = event.__event__
        if event_type is None:
            told = f"{_kind(event)} is a message but no event; Event(type, message) makes it one"
            raise SerializationError(told)
        return event_type, self._fitting(event_type, self._serializer.encode(event))

    def _encode_all(self, events: Iterable[object]) -> tuple[list[object], list[tuple[str, bytes]]]:
        """Return the events, and their types and bytes.

        Or raise for the first that has none: then nothing is sent.
        """
        if isinstance(events, (Message, Event, str, bytes, Mapping)):
            raise TypeError(f"send() takes a list of events, not one {_kind(events)}")
        given = list(events)
        encoded: list[tuple[str, bytes]] = []
        for index, event in enumerate(given):
            try:
                encoded.append(self._encode(event))
            except SerializationError as error:
                told = type(error)(f"events[{index}]: {error}")
                told.index = index
                told.event_type = _type_of(event)
                raise told from error
        return given, encoded

    def _fitting(self, event_type: str, data: bytes) -> bytes:
        most = self._options.max_event_bytes
        if len(data) > most:
            told = f"event {event_type}: {len(data):,} bytes, of at most {most:,}"
            raise EventTooLargeError(f"{told} (max_event_bytes=)")
        return data

    def _read(self, event_type: str, data: bytes) -> object:
        """Return the event whose bytes these are: generated where its type is, else untyped."""
        cls = self.event_class(event_type) if event_type in self._events else None
        decode = getattr(self._serializer, "decode", None)
        value = data if decode is None else decode(data, cls)
        return value if isinstance(value, Message) else Event(event_type, value)

    def _wait_of(self, timeout: float | None) -> float:
        """Return how long to wait; a timeout of None is the client's."""
        given: object = timeout
        if timeout is None:
            return self._options.timeout
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            raise TypeError(f"timeout is a number of seconds, not {_kind(given)}")
        return timeout


def full(wait: float, futures: Sequence[BaseAckFuture] = (), count: int = 0) -> QueueFull:
    """Return the error of who waited for room in vain.

    Of a list some events may have been accepted before.
    """
    told = f"no room within {wait:g} s"
    if futures:
        told += f"; {len(futures)} of {count} events were accepted before, and are on their way"
    error = QueueFull(told)
    error.futures = futures
    return error


def collect(events: Sequence[object], futures: Sequence[BaseAckFuture]) -> list[Ack]:
    """Return the acks of settled futures, one a request; BatchError when some are none."""
    acks: dict[str, Ack] = {}
    failures: list[Failure] = []
    for index, future in enumerate(futures):
        outcome = future.outcome()
        if isinstance(outcome, Ack):
            acks[outcome.req_guid] = outcome
        else:
            failures.append(Failure(index, events[index], outcome))
    if failures:
        raise BatchError(list(acks.values()), failures) from failures[0].error
    return list(acks.values())


def _kind(value: Any) -> str:
    return type(value).__name__


def _named(cls: Any) -> str:
    return str(cls.__name__)


def _has_field(cls: Any, name: str) -> bool:
    return name in cls.__dataclass_fields__


def _type_of(event: object) -> str:
    if isinstance(event, Event):
        return event.type
    return (event.__event__ or "") if isinstance(event, Message) else ""
