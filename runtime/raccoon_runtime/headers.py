"""The headers of a connection or a request: the caller's, checked, and an identity."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

from .errors import ConfigError, HeadersError

Made: TypeAlias = Mapping[str, str] | Awaitable[Mapping[str, str]]
Headers: TypeAlias = Mapping[str, str] | Callable[[], Made]
"""What `headers=` takes: a mapping, or a function that gives one, fresh each time. A plain function
runs in the event loop, and must not block.
"""

# What the protocol fixes, and what HTTP's own machinery writes.
_RESERVED = {
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110's field value without its obsolete part, whose encoding nobody agrees on.
_VALUE = re.compile(r"[\t -~]*")
_GRPC_NAME = re.compile(r"[0-9a-z_.-]+")
_GRPC_VALUE = re.compile(r"[ -~]+")
# Functions of callers that were given up; an event loop alone does not keep them to their end.
_ending: set[asyncio.Future[Any]] = set()


def checked(headers: Any, argument: str = "headers") -> dict[str, str]:
    """Return the mapping as a dict; ConfigError when a name or a value cannot be a header. Values
    are never told.
    """
    if not isinstance(cast(object, headers), Mapping):
        raise ConfigError(
            f"a mapping of names to values belongs here, not {_kind(headers)}", argument=argument
        )
    found: dict[str, str] = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigError(f"{name!r} is no header name", argument=argument)
        if not isinstance(value, str):
            raise ConfigError(f"{name}: a value is text, not {_kind(value)}", argument=argument)
        if not _VALUE.fullmatch(value):
            told = "a value holds printable ASCII, and no newline or control character"
            raise ConfigError(f"{name}: {told}", argument=argument)
        if name.lower() in _RESERVED or name.lower().startswith("sec-websocket-"):
            raise ConfigError(f"{name} is the client's own to write", argument=argument)
        found[name] = value
    if len(found) > len({name.lower() for name in found}):
        raise ConfigError("one name is given twice, its case aside", argument=argument)
    return found


def checked_for_grpc(headers: Mapping[str, str], argument: str = "headers") -> dict[str, str]:
    """Return them as metadata; ConfigError when gRPC, which is narrower than HTTP, cannot carry
    one.
    """
    found: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        if key in ("host", "user-agent") or key.startswith("grpc-") or key.endswith("-bin"):
            raise ConfigError(f"{name} cannot be sent over gRPC", argument=argument)
        if not _GRPC_NAME.fullmatch(key) or not _GRPC_VALUE.fullmatch(value):
            told = "gRPC takes printable ASCII only, and nothing empty"
            raise ConfigError(f"{name}: {told}", argument=argument)
        found[key] = value
    return found


def beside(
    headers: dict[str, str],
    context: Mapping[str, str],
    narrower: Callable[[dict[str, str]], dict[str, str]] = dict,
) -> dict[str, str]:
    """Return the headers, and those of a trace's context that can go beside them; `narrower` is a
    check on top of HTTP's.

    Tracing keeps nothing from being sent: what cannot be carried is left out, and of one name the
    headers' own value counts.
    """
    found = dict(headers)
    taken = {name.lower() for name in headers}
    for name, value in context.items():
        try:
            ((name, value),) = narrower(checked({name: value})).items()
        except ConfigError:
            continue
        if name.lower() not in taken:
            taken.add(name.lower())
            found[name] = value
    return found


def _kind(value: object) -> str:
    return type(value).__name__


class HeaderSource:
    """Gives the headers of a connection or a request: the caller's, and the identity when the
    caller sends none.

    A function of the caller's that is awaited gets `patience` seconds, which are not of the
    connection's time, nor of the request's.
    """

    def __init__(
        self,
        headers: Headers | None,
        identity_header: str | None,
        client_name: str,
        userinfo: str | None = None,
        patience: float = 5.0,
    ) -> None:
        self.varies = callable(headers)
        self._make = headers if callable(headers) else None
        self._static = {} if headers is None or callable(headers) else checked(headers)
        self._identity_header = identity_header
        self._client_name = client_name
        self._userinfo = userinfo
        self._patience = patience

    def new_identity(self) -> str:
        """Return an identity that nobody else has: the client's name and a random suffix."""
        return f"{self._client_name}-{os.urandom(8).hex()}"

    async def get(self, identity: str) -> dict[str, str]:
        """Return the headers; HeadersError when the caller's function fails, or gives none."""
        headers = dict(self._static if self._make is None else await self._made(self._make))
        given = {name.lower() for name in headers}
        name = self._identity_header
        if name is not None and name.lower() not in given:
            headers[name] = identity
        if self._userinfo is not None and "authorization" not in given:
            headers["Authorization"] = self._userinfo
        return headers

    async def _made(self, make: Callable[[], Any]) -> dict[str, str]:
        try:
            made = _call(make)
            if inspect.isawaitable(made):
                made = await _outcome(asyncio.ensure_future(made), self._patience)
        except HeadersError:
            raise
        except Exception as error:
            raise HeadersError(type(error).__name__) from error
        try:
            return checked(made)
        except ConfigError as error:
            raise HeadersError(str(error)) from error


def _call(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except asyncio.CancelledError as error:  # what it asked was cancelled: nothing is awaited here
        raise HeadersError(type(error).__name__) from error


def _ended(made: asyncio.Future[Any]) -> None:
    _ending.discard(made)
    if not made.cancelled():
        made.exception()  # asked for, as whoever waited may have given up


async def _outcome(made: asyncio.Future[Any], patience: float) -> Any:
    """Return what it comes to, within `patience` seconds.

    Not awaited itself: a cancellation of what it waits for could not be told from one of ours. Nor
    is its end when it was cancelled, for it may go on all the same.
    """
    try:
        await asyncio.wait([made], timeout=patience)
        if not made.done():
            late = f"connect_timeout= passed ({patience:g} s)"
            raise HeadersError(late) from asyncio.TimeoutError()
    finally:
        if made.done():
            _ended(made)
        else:
            _ending.add(made)
            made.add_done_callback(_ended)
            made.cancel()
    try:
        return made.result()
    except asyncio.CancelledError as error:
        raise HeadersError(type(error).__name__) from error
