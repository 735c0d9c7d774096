"""What a collector can be told, checked when it is given."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from ssl import SSLContext
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import TypedDict

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..client import EventMethods
    from .ledger import Stored


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A server's settings. Times are in seconds.

    - `event_ack`: 1 answers when the events are published, 0 (a Raccoon's own default) when the
      request is read;
    - `dedup`: answer a `req_guid` that came before on the same WebSocket, without publishing;
    - `identity_header`, `group_header`: what tells connections apart;
    - `keep`: how many events and how many requests are kept, the newest; None keeps all;
    - `ledger_path`: a file that every request is written to, for `collector.ledger_file.read`;
    - `events`: a generated client, by whose events `Stored.message` is decoded;
    - `on_event`: called with each event as it is stored, in the collector's thread;
    - `ssl`: serves all transports over TLS. Its ALPN protocols are set.
    """

    host: str = "127.0.0.1"
    http_port: int = 0
    grpc_port: int = 0
    event_ack: Literal[0, 1] = 1
    dedup: bool = False
    identity_header: str = "X-User-ID"
    group_header: str | None = None
    group_default: str = "--default--"
    max_connections: int = 30_000
    check_origin: bool = True
    ping_interval: float = 30.0
    pong_timeout: float = 60.0
    max_grpc_bytes: int = 4 << 20
    keep: int | None = None
    ledger_path: str | os.PathLike[str] | None = None
    ssl: SSLContext | None = None
    events: type[EventMethods[Any]] | None = None
    on_event: Callable[[Stored], None] | None = None

    def __post_init__(self) -> None:
        if self.event_ack not in (0, 1):
            raise ConfigError("0 or 1 belongs here", argument="event_ack")
        for name in ("http_port", "grpc_port"):
            if not 0 <= getattr(self, name) <= 65_535:
                raise ConfigError("a port is 0 to 65535", argument=name)
        if not self.identity_header:
            raise ConfigError("a header's name belongs here", argument="identity_header")
        if self.keep is not None and self.keep < 0:
            raise ConfigError("0 or more", argument="keep")
        for name in ("ping_interval", "pong_timeout", "max_connections", "max_grpc_bytes"):
            if getattr(self, name) <= 0:
                raise ConfigError("above 0", argument=name)


class SettingsKeywords(TypedDict, total=False):
    """`Settings` as keywords."""

    host: str
    http_port: int
    grpc_port: int
    event_ack: Literal[0, 1]
    dedup: bool
    identity_header: str
    group_header: str | None
    group_default: str
    max_connections: int
    check_origin: bool
    ping_interval: float
    pong_timeout: float
    max_grpc_bytes: int
    keep: int | None
    ledger_path: str | os.PathLike[str] | None
    ssl: SSLContext | None
    events: type[EventMethods[Any]] | None
    on_event: Callable[[Stored], None] | None
