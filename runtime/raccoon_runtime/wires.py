"""The two wires: how a request becomes bytes. Independent of the serializer, by which an event
does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import envelope
from .envelope import Ack


@dataclass(frozen=True, slots=True, repr=False)
class Wire:
    """One form of requests and responses.

    `content_type` is what REST names it, byte for byte; `text` says whether a WebSocket frame of it
    is one of text.
    """

    name: str
    content_type: str
    text: bool
    framer: Callable[[str], Callable[[bytes], bytes]]
    frame: Callable[[str, bytes], bytes]
    unframe: Callable[[bytes], tuple[str, bytes]]
    request: Callable[[str, int, Sequence[bytes]], bytes]
    response: Callable[[bytes], Ack]

    def __repr__(self) -> str:
        return f"{self.name}_WIRE"


PROTO_WIRE = Wire(
    name="PROTO",
    content_type="application/proto",
    text=False,
    framer=envelope.framer_proto,
    frame=envelope.frame_proto,
    unframe=envelope.unframe_proto,
    request=envelope.request_proto,
    response=envelope.response_proto,
)
"""Protobuf, the default and gRPC's only one."""

JSON_WIRE = Wire(
    name="JSON",
    content_type="application/json",
    text=True,
    framer=envelope.framer_json,
    frame=envelope.frame_json,
    unframe=envelope.unframe_json,
    request=envelope.request_json,
    response=envelope.response_json,
)
"""JSON as Go's `encoding/json` has it."""

WIRES: dict[str, Wire] = {wire.name: wire for wire in (PROTO_WIRE, JSON_WIRE)}
"""By name."""
