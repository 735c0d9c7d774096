"""The transports, and which of them an address asks for, imported when first needed."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, cast

from typing_extensions import Unpack

from ..errors import ConfigError
from ..options import LOGGER, TransportKeywords
from .address import addresses_in, text_of
from .base import Transport
from .several import SeveralTransports

__all__ = ["SCHEMES", "SeveralTransports", "Transport", "make_transport", "transport_for"]

SCHEMES: dict[str, tuple[str, str]] = {
    "ws": ("websocket", "WebSocketTransport"),
    "wss": ("websocket", "WebSocketTransport"),
    "http": ("rest", "RestTransport"),
    "https": ("rest", "RestTransport"),
    "grpc": ("grpc", "GrpcTransport"),
    "grpcs": ("grpc", "GrpcTransport"),
    "null": ("null", "NullTransport"),
}


def transport_for(
    urls: str | Sequence[str], *, spread: bool = False, **options: Unpack[TransportKeywords]
) -> Transport:
    """Return the transport for one address or several; ConfigError when something is wrong."""
    if isinstance(urls, str):
        urls = addresses_in(urls)
    if isinstance(urls, (str, bytes)) or not isinstance(cast(object, urls), Sequence):
        return make_transport(urls, **options)
    logger = options.get("logger", LOGGER)
    transports = [make_transport(url, **options) for url in urls]
    return SeveralTransports(transports, spread=spread, logger=logger)


def make_transport(url: object, **options: Unpack[TransportKeywords]) -> Transport:
    """Return the transport for an address; ConfigError when the address or an option is wrong."""
    scheme, separator, _ = text_of(url).partition("://")
    known = SCHEMES.get(scheme.lower())
    if not separator or known is None:
        told = f"unknown scheme {scheme[:20]!r}" if separator else "no scheme"
        raise ConfigError(
            f"{told}; an address starts with one of {', '.join(SCHEMES)} and ://", argument="url"
        )
    module, name = known
    transport: Any = getattr(importlib.import_module(f".{module}", __name__), name)
    made: Transport = transport(url, **options)
    return made
