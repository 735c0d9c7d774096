"""What a Python team has without this project: requests, grpcio and google's protobuf messages."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

SCHEMA = """\
syntax = "proto3";
package bench;
import "google/protobuf/timestamp.proto";
message PageEvent {
  string event_guid = 1;
  string event_name = 2;
  google.protobuf.Timestamp sent_time = 3;
}
"""
ENVELOPE = """\
syntax = "proto3";
package raystack.raccoon.v1beta1;
import "google/protobuf/timestamp.proto";
service EventService { rpc SendEvent(SendEventRequest) returns (SendEventResponse) {} }
message SendEventRequest {
  string req_guid = 1;
  google.protobuf.Timestamp sent_time = 2;
  repeated Event events = 3;
}
message Event { bytes event_bytes = 1; string type = 2; }
message SendEventResponse {
  int32 status = 1; int32 code = 2; int64 sent_time = 3; string reason = 4;
  map<string, string> data = 5;
}
"""
METHOD = "/raystack.raccoon.v1beta1.EventService/SendEvent"
HEADERS = {"Content-Type": "application/proto", "X-User-ID": "bench"}


Values = list[tuple[str, str, datetime]]


def values(count: int) -> Values:
    """An event's values, so many times: its guid, name and time."""
    now = datetime.now(timezone.utc)
    return [
        (f"3f2b8a52-7d0c-4c1e-9f57-{n:012x}", "clicked", now + timedelta(microseconds=n))
        for n in range(count)
    ]


@contextmanager
def packages() -> Iterator[tuple[Any, Any, Any]]:
    """The event as our generator makes it, then the event and the envelope as google's does."""
    with tempfile.TemporaryDirectory(prefix="raccoon-bench-") as folder:
        root = Path(folder)
        (root / "bench.proto").write_text(SCHEMA)
        (root / "envelope.proto").write_text(ENVELOPE)
        protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I.", "--python_out=."]
        subprocess.run([*protoc, "bench.proto", "envelope.proto"], cwd=root, check=True)
        generate = [sys.executable, "-m", "raccoon_codegen", "bench.proto", "-o", "bench_events"]
        subprocess.run([*generate, "--quiet"], cwd=root, check=True)
        sys.path.insert(0, folder)
        try:
            names = ("bench_events", "bench_pb2", "envelope_pb2")
            yield tuple(importlib.import_module(name) for name in names)  # type: ignore[misc]
        finally:
            sys.path.remove(folder)


@dataclass
class Event:
    """What the official client takes: a type and a message."""

    type: str
    event: Any


class Requests:
    """Builds requests as the official Python client does, with serializer and wire PROTO."""

    def __init__(self, events: Any, envelope: Any) -> None:
        self._events, self._envelope = events, envelope

    def make(self, values: Values) -> bytes:
        """A request of one event for each of the values."""
        given = [Event("page", self._event(*each)) for each in values]
        made = self._envelope.SendEventRequest()
        made.req_guid = str(uuid.uuid4())
        made.sent_time.FromNanoseconds(time.time_ns())
        made.events.extend([self._wrapped(event) for event in given])
        return self._serialised(made)

    def answer(self, body: bytes) -> Any:
        return self._envelope.SendEventResponse.FromString(body)

    def _event(self, guid: str, name: str, at: datetime) -> Any:
        event = self._events.PageEvent(event_guid=guid, event_name=name)
        event.sent_time.FromDatetime(at)
        return event

    def _wrapped(self, event: Event) -> Any:
        wrapped = self._envelope.Event()
        wrapped.event_bytes = self._serialised(event.event)
        wrapped.type = event.type
        return wrapped

    def _serialised(self, message: Any) -> bytes:
        return bytes(message.SerializeToString())


class Official:
    """The official Python client's shape: a requests.Session, one POST at a time."""

    def __init__(self, url: str, events: Any, envelope: Any) -> None:
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3 import Retry

        self._url, self._requests = url, Requests(events, envelope)
        self._session = requests.Session()
        retries = Retry(
            total=3,
            backoff_factor=1,
            status_forcelist=[500, 502, 503, 504, 521, 429],
            allowed_methods=["POST"],
            raise_on_status=False,
        )
        self._session.mount("http://", HTTPAdapter(max_retries=retries))

    def send(self, values: Values) -> None:
        """POST one batch and read the answer."""
        body = self._requests.make(values)
        answer = self._session.post(self._url, data=body, headers=HEADERS, timeout=10)
        assert self._requests.answer(answer.content).code == 1


class Grpcio:
    """A grpcio channel, one call at a time."""

    def __init__(self, url: str, events: Any, envelope: Any) -> None:
        import grpc

        self._requests = Requests(events, envelope)
        self._channel = grpc.insecure_channel(url.removeprefix("grpc://"))
        self._call = self._channel.unary_unary(
            METHOD, lambda body: body, envelope.SendEventResponse.FromString
        )

    def send(self, values: Values) -> None:
        """Call with one batch."""
        body = self._requests.make(values)
        assert self._call(body, metadata=(("x-user-id", "bench"),), timeout=10).code == 1
