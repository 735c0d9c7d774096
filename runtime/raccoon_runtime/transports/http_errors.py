"""Where aiohttp ends: its errors and HTTP's statuses as ours, for the WebSocket and the REST
transport.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Literal

import aiohttp
from aiohttp import client_exceptions, http_exceptions
from yarl import URL

from ..errors import (
    AckTimeoutError,
    AnswerError,
    AuthError,
    ConnectError,
    ConnectionLostError,
    EndpointError,
    RedirectError,
    SendError,
    TlsError,
    TooLargeError,
    UnavailableError,
)
from ..retry import parse_retry_after
from .address import Address
from .base import system_says

# Every error class of aiohttp's client, and what it means here. A test fails when aiohttp gets
# another.
AIOHTTP_ERRORS: dict[type[BaseException], type[SendError]] = {
    aiohttp.ClientError: ConnectionLostError,
    aiohttp.ClientConnectionError: ConnectionLostError,
    aiohttp.ClientConnectionResetError: ConnectionLostError,
    aiohttp.ClientOSError: ConnectionLostError,
    aiohttp.ClientPayloadError: ConnectionLostError,
    aiohttp.ServerConnectionError: ConnectionLostError,
    aiohttp.ServerDisconnectedError: ConnectionLostError,
    aiohttp.ClientConnectorError: ConnectError,
    aiohttp.ClientConnectorDNSError: ConnectError,
    aiohttp.ClientProxyConnectionError: ConnectError,
    aiohttp.ClientHttpProxyError: ConnectError,
    client_exceptions.UnixClientConnectorError: ConnectError,
    aiohttp.ConnectionTimeoutError: ConnectError,
    aiohttp.ServerTimeoutError: AckTimeoutError,
    aiohttp.SocketTimeoutError: AckTimeoutError,
    aiohttp.ClientSSLError: TlsError,
    aiohttp.ClientConnectorSSLError: TlsError,
    aiohttp.ClientConnectorCertificateError: TlsError,
    aiohttp.ServerFingerprintMismatch: TlsError,
    aiohttp.ClientResponseError: AnswerError,
    aiohttp.ContentTypeError: AnswerError,
    aiohttp.WSServerHandshakeError: AnswerError,
    aiohttp.TooManyRedirects: RedirectError,
    aiohttp.RedirectClientError: RedirectError,
    aiohttp.InvalidUrlRedirectClientError: RedirectError,
    aiohttp.NonHttpUrlRedirectClientError: RedirectError,
    aiohttp.InvalidURL: EndpointError,
    aiohttp.InvalidUrlClientError: EndpointError,
    aiohttp.NonHttpUrlClientError: EndpointError,
    http_exceptions.HttpProcessingError: AnswerError,
    asyncio.TimeoutError: AckTimeoutError,
    ssl.SSLError: ConnectionLostError,  # of the handshake's, aiohttp has its own
    OSError: ConnectionLostError,
}
# Of later versions than the oldest that is supported.
for _name in ("UploadAbortedError",):
    if hasattr(aiohttp, _name):
        AIOHTTP_ERRORS[getattr(aiohttp, _name)] = ConnectionLostError

# What is said of these, whose own names or texts say little.
_WORDS: dict[type[BaseException], str] = {
    http_exceptions.HttpProcessingError: "no HTTP/1.1 is spoken there",
    aiohttp.ConnectionTimeoutError: "connect_timeout= passed",
    asyncio.TimeoutError: "ack_timeout= passed",
}

# Statuses that mean the same on an upgrade and on a request.
STATUSES: dict[int, tuple[type[SendError], Literal["no", "possibly"]]] = {
    401: (AuthError, "no"),
    403: (AuthError, "no"),
    404: (EndpointError, "no"),
    405: (EndpointError, "no"),
    407: (AuthError, "no"),
    408: (UnavailableError, "possibly"),
    413: (TooLargeError, "no"),
    429: (UnavailableError, "no"),
    502: (UnavailableError, "possibly"),
    503: (UnavailableError, "possibly"),
    504: (UnavailableError, "possibly"),
}


def map_error(error: BaseException, *, connecting: bool = False) -> SendError:
    """Return what an error of aiohttp or of the system means here, with the system's as its cause.

    `connecting` says that nothing had been sent yet.
    """
    kind = next(
        (AIOHTTP_ERRORS[base] for base in type(error).__mro__ if base in AIOHTTP_ERRORS),
        ConnectionLostError,
    )
    cause = _cause(error)
    words = _words(error, cause)
    status = None
    if isinstance(error, aiohttp.ClientHttpProxyError):
        status, words, connecting = error.status, f"the proxy says {error.message}", True
        kind = STATUSES[status][0] if status in STATUSES else ConnectError
    elif connecting and kind in (ConnectionLostError, AckTimeoutError, AnswerError):
        kind = EndpointError if kind is AnswerError else ConnectError
    unsent = connecting or kind in (ConnectError, TlsError, EndpointError)
    told = kind(words, status=status, persisted="no" if unsent else "possibly")
    told.__cause__ = cause
    return told


def _words(error: BaseException, cause: BaseException | None) -> str:
    if getattr(cause, "errno", None) is None:  # else the system says it
        for kind, words in _WORDS.items():
            if isinstance(error, kind) or isinstance(cause, kind):
                return words
    return type(error).__name__ if cause is None else system_says(cause)


def _cause(error: BaseException | None) -> BaseException | None:
    """Return what lies under an error. The texts of aiohttp's own may hold the URL with its query,
    and their attributes the headers: nothing to pass on.
    """
    while isinstance(error, aiohttp.ClientError):
        error = getattr(error, "certificate_error", None) or error.__cause__
    return error


def status_error(status: int, headers: Mapping[str, str], base: Address) -> SendError:
    """Return what a status means that no Raccoon's answer explains."""
    if 300 <= status < 400 and "Location" in headers:
        return RedirectError(f"to {_target(headers['Location'], base)}", status=status)
    if status in STATUSES or status >= 500:
        kind, persisted = STATUSES.get(status, (UnavailableError, "possibly"))
        floor = parse_retry_after(headers.get("Retry-After")) if kind is UnavailableError else None
        return kind(status=status, persisted=persisted, retry_after=floor)
    if 401 <= status < 500:
        return EndpointError(status=status)
    return AnswerError(status=status, persisted="possibly")


def _target(location: str, base: Address) -> str:
    try:
        target = URL(base.url).join(URL(location))
        return str(target.with_user(None).with_query(None).with_fragment(None))
    except ValueError:
        return "an address that is none"
