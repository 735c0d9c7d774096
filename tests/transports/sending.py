"""Requests to send, and how to look at the errors that come of them."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from raccoon_runtime.envelope import Ack, Code
from raccoon_runtime.errors import SendError
from raccoon_runtime.transports import Transport
from raccoon_runtime.wires import Wire

GOOD = b'{"a":1}'


def inside(transport: Transport) -> Any:
    """Return it for a test that looks at what a Transport does not show."""
    return transport


def new_guid() -> str:
    """Return a guid that was not used yet."""
    return uuid.uuid4().hex


def body(wire: Wire, req_guid: str, *events: bytes, type: str = "page") -> bytes:
    """Return a request; without events, one of one good event."""
    frames = [wire.frame(type, data) for data in events or (GOOD,)]
    return wire.request(req_guid, time.time_ns(), frames)


async def deliver(transport: Transport, *events: bytes, req_guid: str = "", **options: Any) -> Ack:
    """Send a request and return its ack."""
    guid = req_guid or new_guid()
    ack = await transport.send(guid, body(transport.wire, guid, *events, **options))
    assert ack.req_guid == guid and ack.code is Code.CODE_OK
    return ack


async def fail(
    transport: Transport,
    kind: type[SendError],
    *events: bytes,
    req_guid: str = "",
    **expected: Any,
) -> SendError:
    """Send a request, and return the error that comes of it: of exactly this kind, with these
    facts, and with everything that an error says.
    """
    guid = req_guid or new_guid()
    with pytest.raises(SendError) as caught:
        await transport.send(guid, body(transport.wire, guid, *events))
    error = caught.value
    assert type(error) is kind, repr(error)
    assert error.req_guid == guid and guid in str(error)
    assert error.remedy and error.remedy in str(error)
    assert error.persisted in ("no", "possibly")
    found = {name: getattr(error, name) for name in expected}
    assert found == expected
    return error
