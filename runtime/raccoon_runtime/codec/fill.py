"""What `auto` fields are filled with."""

from __future__ import annotations

import os
from time import time_ns

from .json_out import timestamp
from .times import make_timestamp
from .unwrapped import timestamp_bytes

_VARIANTS = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def new_uuid() -> str:
    """Return a random UUID (version 4) in its hyphenated form; read from the system each time, so
    safe after a fork.
    """
    h = os.urandom(16).hex()
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{_VARIANTS[h[16]]}{h[17:20]}-{h[20:]}"


def new_uuid_bytes() -> bytes:
    """Return `new_uuid()` in ASCII."""
    return new_uuid().encode()


def now_bytes() -> bytes:
    """Return a Timestamp message of the present."""
    seconds, nanos = divmod(time_ns(), 1_000_000_000)
    return timestamp_bytes(seconds, nanos)


def now_json() -> str:
    """Return the present as RFC 3339."""
    return timestamp(make_timestamp(*divmod(time_ns(), 1_000_000_000)))
