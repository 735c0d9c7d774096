"""Makes the HTTP sessions of the WebSocket and the REST transport."""

from __future__ import annotations

import contextlib
import inspect
import socket
from collections.abc import Mapping
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from ..errors import ConfigError, SetupError
from ..options import TransportOptions
from . import tls
from .address import Address, parse_host
from .lookup import Lookup


class HttpDialer:
    """Makes sessions, with the options that concern connections."""

    def __init__(self, address: Address, options: TransportOptions) -> None:
        tls.check(options.ssl, address, "http/1.1")
        self._address = address
        self._options = options
        self._connector = _connector_options(options.dial_options or {})
        self._lookup = Lookup()

    def session(self) -> aiohttp.ClientSession:
        """Return a new session, to be closed; SetupError when an option is wrong after all."""
        usual = {"resolver": Resolver(self._lookup), "use_dns_cache": False}
        options: dict[str, Any] = {**usual, **self._connector}
        try:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._options.ssl or True, **options)
        except (TypeError, ValueError) as error:
            raise SetupError(f"dial_options: {error}") from error
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept-Encoding", "Content-Type"),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    def proxy(self) -> URL | None:
        """Return the proxy that the environment names, when it is to be asked.

        Not left to aiohttp, which asks for each request, in a thread, and reads ~/.netrc as well.
        """
        address = self._address
        if not self._options.trust_env:
            return None
        if proxy_bypass(address.host) or proxy_bypass(address.authority):
            return None
        proxies = getproxies()
        usual = "https" if address.secure else "http"
        told = next((proxies[n] for n in (address.scheme, usual, "all") if proxies.get(n)), None)
        if told is None:
            return None
        try:
            proxy = URL(told if "://" in told else f"http://{told}")
            parse_host(proxy.host or "")
        except ValueError:  # a ConfigError is one
            proxy = URL()
        if proxy.scheme not in ("http", "https"):
            raise SetupError("the environment names a proxy that is no http:// or https:// URL")
        return proxy


def drop(session: aiohttp.ClientSession) -> None:
    """Close a session in a loop that is ending."""
    closing = session.close()
    with contextlib.suppress(StopIteration):
        closing.send(None)  # all is closed, and what is left is to wait for it
    closing.close()


class Resolver(AbstractResolver):
    """Answers aiohttp out of a `Lookup`."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host."""
        return [
            ResolveResult(
                hostname=host,
                host=place.ip,
                port=place.port,
                family=place.family,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for place in await self._lookup.places(host, port, family)
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _connector_options(given: Mapping[str, Any]) -> dict[str, Any]:
    connector: Any = aiohttp.TCPConnector
    known = set(inspect.signature(connector).parameters)
    known -= {"ssl", "limit", "loop", "ssl_context", "verify_ssl", "fingerprint"}
    for name in given:
        if name not in known:
            told = f"{name!r} is no option of aiohttp.TCPConnector, or is the transport's own"
            raise ConfigError(told, argument="dial_options")
    return dict(given)
