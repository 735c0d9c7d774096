"""Every option, once: frozen, keyword-only, checked when it is given."""

from __future__ import annotations

import dataclasses
import difflib
import logging
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from ssl import SSLContext
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from typing_extensions import TypedDict

from .errors import ConfigError
from .headers import Headers, checked
from .retry import Retry
from .seconds import bounded
from .serializers import JSON, PROTO, JsonSerializer, ProtoSerializer, Serializer, serializer_named
from .wires import JSON_WIRE, PROTO_WIRE, Wire

if TYPE_CHECKING:
    from .delivery import Undelivered

LOGGER = logging.getLogger("raccoon_runtime")
_WIRES: dict[str, Wire] = {"json": JSON_WIRE, "proto": PROTO_WIRE}
_IN_MEMORY, _IN_SPOOL = 300.0, 7 * 24 * 3600.0
_NAME = re.compile(r"[A-Za-z0-9._-]+")
T = TypeVar("T")


Check = Callable[[str, Any], Any]


def _by(check: Check) -> Mapping[str, Check]:
    return {"check": check}


def _seconds(name: str, value: Any) -> Any:
    if value == math.inf:
        raise ConfigError("a limit belongs here; there is no waiting for ever", argument=name)
    return _number(0, above=True)(name, value)


def _number(least: float, *, above: bool = False, none: bool = False) -> Check:
    def check(name: str, value: Any) -> Any:
        if value is None and none:
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            raise ConfigError(f"a number belongs here, not {type(value).__name__}", argument=name)
        if value < least or (above and value == least):
            raise ConfigError(
                f"{value} is too small; {'above' if above else 'at least'} {least:g}", argument=name
            )
        return value

    return check


def _wait(least: float, *, above: bool = False) -> Check:
    number = _number(least, above=above)
    return lambda name, value: bounded(number(name, value))


def _count(least: int, *, most: int | None = None, none: bool = False) -> Check:
    number = _number(least, none=none)

    def check(name: str, value: Any) -> Any:
        if isinstance(value, float):
            raise ConfigError("a whole number belongs here, not float", argument=name)
        if most is not None and isinstance(value, int) and value > most:
            raise ConfigError(f"{value} is too large; at most {most:,}", argument=name)
        return number(name, value)

    return check


def _is(kind: Any, told: str, *, none: bool = False) -> Check:
    def check(name: str, value: Any) -> Any:
        if not isinstance(value, kind) and not (none and value is None):
            raise ConfigError(f"{told} belongs here, not {type(value).__name__}", argument=name)
        return value

    return check


def _path(name: str, value: Any) -> Any:
    if value is None:
        return value
    path = os.fspath(cast("str | os.PathLike[Any]", _is((str, os.PathLike), "a path")(name, value)))
    if not path:  # which would be the working directory; who gives one has a variable that is unset
        raise ConfigError("the path is empty", argument=name)
    if not isinstance(path, str) or "\0" in path:
        raise ConfigError("a path of text without NUL belongs here", argument=name)
    return value


def _wire(name: str, value: Any) -> Wire:
    if value is JSON or value is PROTO:
        value = value.name
    found = _WIRES.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, Wire):
        raise ConfigError("JSON, PROTO, 'json' or 'proto' belongs here", argument=name)
    return found


def _serializer(name: str, value: Any) -> Serializer:
    found = serializer_named(value) if isinstance(value, str) else value
    if found is None or not isinstance(found, Serializer):
        raise ConfigError(
            "JSON, JSON_PROTO_NAMES, PROTO or one of your own belongs here", argument=name
        )
    return found


def _one_of(*values: str) -> Check:
    def check(name: str, value: Any) -> Any:
        if value not in values:
            raise ConfigError(f"one of {', '.join(values)} belongs here", argument=name)
        return value

    return check


def _function(name: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise ConfigError(f"a function belongs here, not {type(value).__name__}", argument=name)
    # Of an object that can be called it is the method that is async, or not.
    if any(map(iscoroutinefunction, (value, getattr(value, "__call__", None)))):  # noqa: B004
        raise ConfigError(
            "a plain function belongs here; nobody awaits an async one", argument=name
        )
    return value


def _headers(name: str, value: Any) -> Any:
    return value if value is None or callable(value) else checked(value)


def _header_name(name: str, value: Any) -> Any:
    if value is not None:
        _is(str, "a header's name")(name, value)
        checked({value: ""}, argument=name)
    return value


def _client_name(name: str, value: Any) -> Any:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ConfigError("letters, digits, '.', '_' and '-' belong here", argument=name)
    return value


@dataclass(frozen=True, kw_only=True)
class _Options:
    def __post_init__(self) -> None:
        for option in dataclasses.fields(self):
            value = option.metadata["check"](option.name, getattr(self, option.name))
            object.__setattr__(self, option.name, value)


@dataclass(frozen=True, kw_only=True)
class TransportOptions(_Options):
    """What a transport can be told. Times are in seconds. Its repr leaves secrets out."""

    wire: Wire = field(default=PROTO_WIRE, metadata=_by(_wire))
    headers: Headers | None = field(default=None, repr=False, metadata=_by(_headers))
    identity_header: str | None = field(default="X-User-ID", metadata=_by(_header_name))
    client_name: str = field(default="raccoon-python", metadata=_by(_client_name))
    ssl: SSLContext | None = field(
        default=None, repr=False, metadata=_by(_is(SSLContext, "an ssl.SSLContext", none=True))
    )
    connect_timeout: float = field(default=5.0, metadata=_by(_seconds))
    write_timeout: float = field(default=10.0, metadata=_by(_seconds))
    ack_timeout: float = field(default=30.0, metadata=_by(_seconds))
    ping_interval: float = field(default=20.0, metadata=_by(_seconds))
    pong_timeout: float = field(default=10.0, metadata=_by(_seconds))
    in_flight: int | None = field(default=None, metadata=_by(_count(1, most=10_000, none=True)))
    trust_env: bool = field(default=False, metadata=_by(_is(bool, "True or False")))
    dial_options: Mapping[str, Any] | None = field(
        default=None, repr=False, metadata=_by(_is(Mapping, "a mapping", none=True))
    )
    logger: logging.Logger = field(
        default=LOGGER, metadata=_by(_is(logging.Logger, "a logging.Logger"))
    )


@dataclass(frozen=True, kw_only=True)
class ClientOptions(_Options):
    """What a client can be told besides its transport's. Times are in seconds, sizes in bytes."""

    serializer: Serializer = field(default=PROTO, metadata=_by(_serializer))
    timeout: float = field(default=30.0, metadata=_by(_wait(0, above=True)))
    retry_count: int | None = field(default=None, metadata=_by(_count(0, none=True)))
    retry_wait: float = field(default=0.25, metadata=_by(_number(0)))
    retry_max_wait: float = field(default=30.0, metadata=_by(_number(0)))
    retry_budget: float | None = field(default=None, metadata=_by(_number(0, none=True)))
    queue_events: int = field(default=10_000, metadata=_by(_count(1)))
    queue_bytes: int = field(default=64 << 20, metadata=_by(_count(1)))
    room_timeout: float = field(default=5.0, metadata=_by(_wait(0)))
    batch_events: int = field(default=100, metadata=_by(_count(1)))
    batch_bytes: int | None = field(default=None, metadata=_by(_count(1, none=True)))
    linger: float = field(default=0.0, metadata=_by(_wait(0)))
    overflow: Literal["wait", "drop_oldest", "drop_newest"] = field(
        default="wait", metadata=_by(_one_of("wait", "drop_oldest", "drop_newest"))
    )
    on_failure: Callable[[Undelivered], None] | None = field(default=None, metadata=_by(_function))
    max_event_bytes: int = field(default=900_000, metadata=_by(_count(1)))
    telemetry: bool = field(default=True, metadata=_by(_is(bool, "True or False")))
    spool: str | os.PathLike[str] | None = field(default=None, metadata=_by(_path))
    spool_bytes: int = field(default=1 << 30, metadata=_by(_count(1)))
    logger: logging.Logger = field(
        default=LOGGER, metadata=_by(_is(logging.Logger, "a logging.Logger"))
    )

    @property
    def retry(self) -> Retry:
        """How often to try again: for five minutes, or with a spool for a week, unless told."""
        kept = _IN_MEMORY if self.spool is None else _IN_SPOOL
        return Retry(
            count=self.retry_count,
            wait=self.retry_wait,
            max_wait=self.retry_max_wait,
            budget=kept if self.retry_budget is None else self.retry_budget,
        )


class TransportKeywords(TypedDict, total=False):
    """`TransportOptions` as keywords."""

    wire: Wire | ProtoSerializer | JsonSerializer | Literal["json", "proto"]
    headers: Headers | None
    identity_header: str | None
    client_name: str
    ssl: SSLContext | None
    connect_timeout: float
    write_timeout: float
    ack_timeout: float
    ping_interval: float
    pong_timeout: float
    in_flight: int | None
    trust_env: bool
    dial_options: Mapping[str, Any] | None
    logger: logging.Logger


class ClientKeywords(TypedDict, total=False):
    """`ClientOptions` as keywords."""

    serializer: Serializer | Literal["json", "json_proto_names", "proto"]
    timeout: float
    retry_count: int | None
    retry_wait: float
    retry_max_wait: float
    retry_budget: float | None
    queue_events: int
    queue_bytes: int
    room_timeout: float
    batch_events: int
    batch_bytes: int | None
    linger: float
    overflow: Literal["wait", "drop_oldest", "drop_newest"]
    on_failure: Callable[[Undelivered], None] | None
    max_event_bytes: int
    telemetry: bool
    spool: str | os.PathLike[str] | None
    spool_bytes: int
    logger: logging.Logger


class ConnectKeywords(TransportKeywords, ClientKeywords, total=False):
    """All of them, as `connect()` takes them."""


def build(options: type[T], keywords: Mapping[str, Any]) -> T:
    """Return the options; ConfigError naming the keyword that is unknown or wrong."""
    known = names(options)
    for name in keywords:
        if name not in known:
            raise ConfigError(_unknown(name, known), argument=name)
    return options(**keywords)


def split(keywords: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the transport's and the client's part of what `connect()` was given."""
    transport, client = names(TransportOptions), names(ClientOptions)
    for name in keywords:
        if name not in transport | client:
            raise ConfigError(_unknown(name, transport | client), argument=name)
    return (
        {name: value for name, value in keywords.items() if name in transport},
        {name: value for name, value in keywords.items() if name in client},
    )


def names(options: type[Any]) -> frozenset[str]:
    """Return the names of its options."""
    return frozenset(option.name for option in dataclasses.fields(options))


def _unknown(name: str, known: frozenset[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"no such option; did you mean {close[0]}?" if close else "no such option"
