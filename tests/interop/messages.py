"""Raccoon's envelope and the recorded event, as the generator would write them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from raccoon_runtime.message import Enum, Message, field


class Status(Enum):
    STATUS_UNSPECIFIED = 0
    STATUS_SUCCESS = 1
    STATUS_ERROR = 2


class Code(Enum):
    CODE_UNSPECIFIED = 0
    CODE_OK = 1
    CODE_BAD_REQUEST = 2
    CODE_INTERNAL_ERROR = 3
    CODE_MAX_CONNECTION_LIMIT_REACHED = 4
    CODE_MAX_USER_LIMIT_REACHED = 5


@dataclass(eq=False, repr=False, kw_only=True)
class Event(Message, proto="raystack.raccoon.v1beta1.Event"):
    event_bytes: bytes = field(1, "bytes")
    type: str = field(2, "string")


@dataclass(eq=False, repr=False, kw_only=True)
class SendEventRequest(Message, proto="raystack.raccoon.v1beta1.SendEventRequest"):
    req_guid: str = field(1, "string")
    sent_time: datetime | None = field(2, "google.protobuf.Timestamp")
    events: list[Event] = field(3, "message", lambda: Event, repeated=True)


@dataclass(eq=False, repr=False, kw_only=True)
class SendEventResponse(Message, proto="raystack.raccoon.v1beta1.SendEventResponse"):
    status: Status = field(1, "enum", lambda: Status)
    code: Code = field(2, "enum", lambda: Code)
    sent_time: int = field(3, "int64")
    reason: str = field(4, "string")
    data: dict[str, str] = field(5, "map<string, string>")


@dataclass(eq=False, repr=False, kw_only=True)
class PageEvent(Message, proto="PageEvent", event="page"):
    """The event of the recorded requests."""

    event_guid: str = field(1, "string")
    event_name: str = field(2, "string")
    sent_time: datetime | None = field(3, "google.protobuf.Timestamp")
