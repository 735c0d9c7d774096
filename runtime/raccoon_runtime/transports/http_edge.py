"""Where aiohttp ends: its errors and HTTP's statuses as ours, for the WebSocket and the REST
transport.
"""

from __future__ import annotations

import asyncio
import inspect
import ssl
from collections.abc import Mapping
from typing import Any, Literal

import aiohttp
from aiohttp import client_exceptions, http_exceptions
from yarl import URL

from ..errors import (
    AckTimeoutError,
    AnswerError,
    AuthError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    EndpointError,
    RedirectError,
    SendError,
    TlsError,
    TooLargeError,
    UnavailableError,
)
from ..options import TransportOptions
from ..retry import parse_retry_after
from .address import Address

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
    aiohttp.WSMessageTypeError: ConnectionLostError,
    aiohttp.WebSocketError: ConnectionLostError,
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
    ssl.SSLError: TlsError,
    OSError: ConnectionLostError,
}
# Of later versions than the oldest that is supported.
for _name in ("UploadAbortedError",):
    if hasattr(aiohttp, _name):
        AIOHTTP_ERRORS[getattr(aiohttp, _name)] = ConnectionLostError

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
    """Return what an error of aiohttp or of the system means here; the caller raises it from the
    original.

    `connecting` says that nothing had been sent yet.
    """
    kind = next(
        (AIOHTTP_ERRORS[base] for base in type(error).__mro__ if base in AIOHTTP_ERRORS),
        ConnectionLostError,
    )
    if connecting and kind in (ConnectionLostError, AckTimeoutError, AnswerError):
        kind = ConnectError if kind is not AnswerError else EndpointError
    unsent = connecting or kind in (ConnectError, TlsError, EndpointError)
    return kind(_words(error), persisted="no" if unsent else "possibly")


def _words(error: BaseException) -> str:
    system = getattr(error, "os_error", None) or error
    return getattr(system, "strerror", None) or type(error).__name__


def status_error(status: int, headers: Mapping[str, str], base: Address) -> SendError:
    """Return what a status means that no Raccoon's answer explains."""
    if 300 <= status < 400 and "Location" in headers:
        return RedirectError(f"to {_target(headers['Location'], base)}", status=status)
    known = STATUSES.get(status)
    if known is not None:
        error, persisted = known
        floor = parse_retry_after(headers.get("Retry-After")) if error is UnavailableError else None
        return error(status=status, persisted=persisted, retry_after=floor)
    if status >= 500:
        return UnavailableError(
            status=status,
            persisted="possibly",
            retry_after=parse_retry_after(headers.get("Retry-After")),
        )
    if 401 <= status < 500:
        return EndpointError(status=status)
    return AnswerError(status=status, persisted="possibly")


def _target(location: str, base: Address) -> str:
    try:
        target = URL(base.url).join(URL(location))
    except ValueError:
        return "an address that is none"
    return str(target.with_user(None).with_query(None)) if target.absolute else str(target)


class HttpDialer:
    """Makes the sessions of a transport, with the options that concern connections."""

    def __init__(self, address: Address, options: TransportOptions) -> None:
        if options.ssl is not None and not address.secure:
            raise ConfigError(f"{address.scheme}:// is not encrypted", argument="ssl")
        self._address = address
        self._options = options
        self._connector = _connector_options(options.dial_options or {})

    def session(self, limit: int, *, upgrade: bool = False) -> aiohttp.ClientSession:
        """Return a new session for at most that many connections; it has to be closed.

        aiohttp follows redirects of an upgrade, and can be kept from it only in its traces.
        """
        connector = aiohttp.TCPConnector(
            limit=limit, ssl=self._options.ssl or True, **self._connector
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=self._options.trust_env,
            skip_auto_headers=("Accept-Encoding", "Content-Type"),
            timeout=aiohttp.ClientTimeout(total=None),
            trace_configs=[_no_redirects(self._address)] if upgrade else None,
        )


def _no_redirects(address: Address) -> aiohttp.TraceConfig:
    async def refuse(
        session: Any, context: Any, params: aiohttp.TraceRequestRedirectParams
    ) -> None:
        raise status_error(params.response.status, params.response.headers, address)

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace


def _connector_options(given: Mapping[str, Any]) -> dict[str, Any]:
    known = set(inspect.signature(aiohttp.TCPConnector.__init__).parameters)
    known -= {"self", "ssl", "limit", "loop", "ssl_context", "verify_ssl", "fingerprint"}
    for name in given:
        if name not in known:
            told = f"{name!r} is no option of aiohttp.TCPConnector, or is the transport's own"
            raise ConfigError(told, argument="dial_options")
    return dict(given)
