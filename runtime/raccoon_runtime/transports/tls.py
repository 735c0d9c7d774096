"""The TLS contexts that callers give."""

from __future__ import annotations

from ssl import SSLContext
from typing import Literal
from weakref import WeakKeyDictionary

from ..errors import ConfigError
from .address import Address

Alpn = Literal["http/1.1", "h2"]
"""A protocol, by the name that is offered for it in the handshake."""

_offered: WeakKeyDictionary[SSLContext, Alpn] = WeakKeyDictionary()


def check(context: SSLContext | None, address: Address, protocol: Alpn) -> None:
    """Check that a context can serve this address; ConfigError otherwise.

    A context offers one set of protocols in all its handshakes, and gRPC's is another than HTTP's.
    """
    if context is None:
        return
    if not address.secure:
        told = f"{address.scheme}:// is not encrypted; {address.scheme}s:// is"
        raise ConfigError(told, argument="ssl")
    if _offered.setdefault(context, protocol) != protocol:
        told = (
            "gRPC and HTTP each need a context of their own, for what they offer in the handshake"
        )
        raise ConfigError(told, argument="ssl")
