"""What `auto` fields are filled with."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from .time_bytes import sized_timestamp

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


def now() -> datetime:
    """Return the present, to the microsecond."""
    return datetime.now(timezone.utc)


def now_sized() -> bytes:
    """Return `now()` as a Timestamp message behind its length."""
    return sized_timestamp(now())
