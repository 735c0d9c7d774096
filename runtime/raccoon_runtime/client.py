"""The clients' common ground, and the asynchronous client."""

from __future__ import annotations

import asyncio
import importlib
import math
import os
import warnings
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Generic, TypeVar, cast

from typing_extensions import Self, Unpack

from . import process
from .delivery import AckFuture, AckStream, Delivery, Stats, Undelivered
from .delivery.future import BaseAckFuture, overdue
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
    """What generated methods stand on. They have one signature in both clients; R is what a call
    gives back.
    """

    _package: ClassVar[str | None] = None
    _events: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def event_class(cls, type: str) -> type[Message]:
        """Return the class of an event type, for whoever reads events; KeyError when there is none."""
        module, _, name = cls._events[type].partition(":")
        found: Any = importlib.import_module(module, cls._package)
        for part in name.split("."):
            found = getattr(found, part)
        return cast("type[Message]", found)

    def _send(self, type: str, event: Any, fields: dict[str, Any]) -> R:
        raise NotImplementedError


class BaseClient(EventMethods[R]):
    """The part of both clients that neither waits nor knows of threads: options, encoding, and life
    after a fork.
    """

    def __init__(self, transport: Transport, /, **options: Unpack[ClientKeywords]) -> None:
        if isinstance(transport, str):
            raise ConfigError(
                "a transport belongs here; connect() takes a URL", argument="transport"
            )
        self._options = build(ClientOptions, options)
        self._serializer = self._options.serializer
        self._transport = transport
        self._delivery = Delivery(transport, self._options)
        self._generation = process.generation()
        self._classes: dict[str, type[Message]] = {}
        self._closed = False

    @classmethod
    def connect(cls, url: str | None = None, /, **options: Unpack[ConnectKeywords]) -> Self:
        """Return a client for an address, whose scheme chooses the transport: ws wss http https
        grpc grpcs null.

        Without one, RACCOON_URL is read. The connection is opened when the first event goes out.
        ConfigError when the address or an option is wrong; `raccoon_runtime.options` has them all.
        """
        if url is None:
            url = os.environ.get(URL_VARIABLE)
            if not url:
                raise ConfigError(
                    f"the address is missing, and {URL_VARIABLE} is not set", argument="url"
                )
        for_transport, for_client = split(options)
        # Options first: what is wrong with them is not the address's fault.
        build(ClientOptions, for_client)
        return cls(make_transport(url, **cast(Any, for_transport)), **cast(Any, for_client))

    def stats(self) -> Stats:
        """Return the counts as they are."""
        return self._living().stats()

    def _living(self) -> Delivery:
        """Return the delivery; in the child of a fork, a new and empty one."""
        if self._generation != process.generation():
            self._generation = process.generation()
            process.leave_alone(self._delivery)
            self._transport.after_fork()
            self._delivery = Delivery(self._transport, self._options)
            self._after_fork()
        return self._delivery

    def _after_fork(self) -> None:
        pass

    def _encode_method(
        self, type: str, event: object, fields: dict[str, Any]
    ) -> tuple[bytes, float | None]:
        """Return what a generated method was given as bytes, and its `timeout`."""
        cls = self._classes.get(type)
        if cls is None:
            cls = self._classes[type] = self.event_class(type)
        timeout: float | None = None
        if "timeout" in fields and (event is not None or "timeout" not in cls.__dataclass_fields__):
            timeout = fields.pop("timeout")
        if event is None:
            outdated = cls.__dict__.get("__deprecated__")
            if outdated:
                warn_caller(outdated, self._package)
            return self._fitting(type, self._serializer.encode_fields(cls, fields)), timeout
        if fields:
            told = f"the event or its fields, not both: {', '.join(fields)}"
            raise TypeError(told)
        if not isinstance(event, cls):
            kind = event.__class__.__name__
            raise SerializationError(f"event {type}: a {cls.__name__} belongs here, not {kind}")
        return self._fitting(type, self._serializer.encode(event)), timeout

    def _encode(self, event: object) -> tuple[str, bytes]:
        """Return an event's type and bytes."""
        if isinstance(event, Event):
            try:
                data = self._serializer.encode(event.data)
            except SerializationError as error:
                raise SerializationError(f"event {event.type}: {error}") from error
            return event.type, self._fitting(event.type, data)
        if not isinstance(event, Message):
            raise SerializationError(
                f"{type(event).__name__} is no event; Event(type, data) makes it one"
            )
        if event.__event__ is None:
            told = f"{type(event).__name__} is a message but no event; Event(type, message) makes it one"
            raise SerializationError(told)
        return event.__event__, self._fitting(event.__event__, self._serializer.encode(event))

    def _encode_all(self, events: Iterable[object]) -> tuple[list[object], list[tuple[str, bytes]]]:
        """Return the events, and their types and bytes; or raise for the first that has none: then
        nothing is sent.
        """
        if isinstance(events, (Message, Event, str, bytes, Mapping)):
            kind = events.__class__.__name__
            raise TypeError(f"send() takes a list of events, not one {kind}")
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

    def _fitting(self, type: str, data: bytes) -> bytes:
        most = self._options.max_event_bytes
        if len(data) > most:
            raise EventTooLargeError(
                f"event {type}: {len(data):,} bytes, of at most {most:,} (max_event_bytes=)"
            )
        return data

    def _wait_of(self, timeout: float | None) -> float:
        """Return how long to wait; a timeout of None is the client's."""
        if timeout is None:
            return self._options.timeout
        if isinstance(cast(object, timeout), bool) or not isinstance(
            cast(object, timeout), (int, float)
        ):
            raise TypeError(f"timeout is a number of seconds, not {type(timeout).__name__}")
        return timeout

    def __del__(self) -> None:
        delivery: Delivery | None = getattr(self, "_delivery", None)
        if delivery is None or self._closed or self._generation != process.generation():
            return
        if delivery.handle.bound:
            warnings.warn(
                f"unclosed {type(self).__name__}", ResourceWarning, source=self, stacklevel=1
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._transport.address} {self._serializer.name}>"


class AsyncClient(BaseClient[Coroutine[Any, Any, Ack]]):
    """Sends events from asyncio. It belongs to the loop that first uses it.

    Made by `connect(url)`, or from a transport that was made by hand. `async with` closes it at the
    end.
    """

    async def __aenter__(self) -> Self:
        self._bound()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def send(self, events: Iterable[object], /, *, timeout: float | None = None) -> list[Ack]:
        """Send many events in as few requests as fit, and return the acks: one a request.

        Takes generated events, and `Event(type, data)`. SerializationError when one of them cannot
        be encoded, and nothing is sent; BatchError when some were not acknowledged;
        SendTimeoutError when `timeout` seconds (30 unless said otherwise) ended the wait, though
        not the events.
        """
        wait = self._wait_of(timeout)
        given, encoded = self._encode_all(events)
        end = _now() + wait
        delivery = self._bound()
        futures: list[AckFuture] = []
        for type, data in encoded:
            future = delivery.accept(type, data, AckFuture)
            if future is None:
                future = await self._when_room(delivery, type, data, end)
            if future is None:
                raise full(wait, futures, len(encoded))
            futures.append(future)
        for future in futures:
            if not future.done() and not await future.wait(end - _now()):
                raise overdue([future for future in futures if not future.done()], wait)
        return collect(given, futures)

    async def submit(self, event: object, /) -> AckFuture:
        """Hand over an event, waiting for room if need be, and return the future of its ack."""
        return await self._accepted(*self._encode(event), math.inf)

    def submit_nowait(self, event: object, /) -> AckFuture:
        """Hand over an event and return the future of its ack; QueueFull when there is no room for
        it now.
        """
        future = self._living().accept(*self._encode(event), AckFuture)
        if future is None:
            raise QueueFull("too much is pending; await submit() waits for room")
        return future

    def acks(self) -> AckStream:
        """Return an iterator over the answers from now on, one a request; a failed request's ack
        says `ok` is False.
        """
        return self._living().stream(AckStream)

    async def flush(self, timeout: float | None = None) -> None:
        """Wait until what was accepted so far has its outcome; SendTimeoutError when `timeout`
        seconds pass first.
        """
        await self._bound().flush(timeout)

    async def close(self, timeout: float = 10.0) -> list[Undelivered]:
        """Accept nothing more, wait for what is pending, close the connection, and give back what
        was not acknowledged.
        """
        delivery = self._bound()
        self._closed = True
        return await delivery.close(timeout)

    def _send(self, type: str, event: Any, fields: dict[str, Any]) -> Coroutine[Any, Any, Ack]:
        # Encoded in the call, not when awaited, so that errors and warnings point at the caller.
        data, timeout = self._encode_method(type, event, fields)
        return self._deliver(type, data, self._wait_of(timeout))

    async def _deliver(self, type: str, data: bytes, wait: float) -> Ack:
        end = _now() + wait
        future = await self._accepted(type, data, wait)
        if not await future.wait(end - _now()):
            raise overdue([future], wait)
        return future.result()

    async def _accepted(self, type: str, data: bytes, wait: float) -> AckFuture:
        delivery = self._bound()
        future = delivery.accept(type, data, AckFuture)
        if future is None:
            future = await self._when_room(delivery, type, data, _now() + wait)
        if future is None:
            raise full(wait)
        return future

    async def _when_room(
        self, delivery: Delivery, type: str, data: bytes, end: float
    ) -> AckFuture | None:
        while await delivery.room(len(data), end - _now()):
            future = delivery.accept(type, data, AckFuture)
            if future is not None:
                return future
        return None

    def _bound(self) -> Delivery:
        delivery = self._living()
        delivery.bind()
        return delivery


def _now() -> float:
    return asyncio.get_running_loop().time()


def full(wait: float, futures: Sequence[BaseAckFuture] = (), count: int = 0) -> QueueFull:
    """Return the error of who waited for room in vain; of a list some events may have been accepted
    before.
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


def _type_of(event: object) -> str:
    if isinstance(event, Event):
        return event.type
    return (event.__event__ or "") if isinstance(event, Message) else ""
