"""The server's log publisher, which refuses events that are neither JSON nor protobuf."""

from __future__ import annotations

from . import go_json, go_proto


def problem(event_bytes: bytes) -> str | None:
    """Return why the publisher refuses an event, in Go's words; None when it takes it."""
    if go_json.valid(event_bytes):
        return None
    try:
        go_proto.check(event_bytes)
    except go_proto.ProtoError as error:
        return str(error)
    return None


def failure(problems: list[str]) -> str:
    """Return the reason that a request is answered with when some of its events were refused."""
    return f"cannot publish events: error when sending messages: {', '.join(problems)}"
