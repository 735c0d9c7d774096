"""The address that a client is given, taken apart and checked."""

from __future__ import annotations

import binascii
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from ..errors import ConfigError

EVENTS_PATH = "/api/v1/events"
_NUMBER = re.compile(r"[0-9.]+")
# An IPv6 address has no scope (%eth0) here, which says something on one machine alone.
_HOST = re.compile(r"[0-9A-Za-z._-]+|[0-9a-f.:]+")
# How far urlsplit looks into what stands in brackets, and where it takes brackets for a host's,
# depends on Python's version.
_NETLOC = re.compile(r"([^\[\]]*@)?(\[[^\[\]]*:[^\[\]]*\]|[^\[\]:@]*)(:[0-9]*)?")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to send. `userinfo` is the Authorization header that the URL's user and password make,
    if it has any.

    Its text and its repr hold neither that nor the query, which may be secrets.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str = field(repr=False)
    userinfo: str | None = field(repr=False)

    @property
    def secure(self) -> bool:
        """Whether it asks for TLS."""
        return self.scheme in ("wss", "https", "grpcs")

    @property
    def authority(self) -> str:
        """The host and the port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole of it, but for the credentials."""
        return str(self) + (f"?{self.query}" if self.query else "")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def addresses_in(text: str) -> str | list[str]:
    """Return the address, or those with commas between them, without white space around it;
    ConfigError when one is empty.
    """
    # A comma may be part of an address; between two of them a scheme follows.
    found = [part.strip() for part in re.split(r",(?=[\s,]*(?:[A-Za-z]+://|$))", text)]
    if len(found) > 1 and not all(found):
        raise ConfigError("a comma without an address on each side", argument="url")
    return found if len(found) > 1 else found[0]


def text_of(url: object) -> str:
    """Return the text of an address; ConfigError when it is missing, or no text."""
    if url is None or (isinstance(url, str) and not url.strip()):
        raise ConfigError("the address is missing", argument="url")
    if not isinstance(url, str):
        raise ConfigError(f"the address is text, not {type(url).__name__}", argument="url")
    return url


def parse_address(
    url: object, schemes: Mapping[str, int | None], *, default_path: str = ""
) -> Address:
    """Return the address; ConfigError when it is missing or malformed. `schemes` maps each to its
    default port.
    """
    argument = "url"
    url = text_of(url)
    if not url.isprintable() or " " in url:
        raise ConfigError("a URL holds no white space or control character", argument=argument)
    try:
        parts = urlsplit(url)
        port = parts.port
        if not _NETLOC.fullmatch(parts.netloc):
            raise ValueError
    except ValueError:  # its text may hold a part of a password
        raise ConfigError(
            "not a URL: the host or the port is malformed", argument=argument
        ) from None
    scheme = parts.scheme.lower()
    if scheme not in schemes or "://" not in url:
        told = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ConfigError(
            f"unknown scheme {scheme!r}; the address starts with {told}", argument=argument
        )
    host = parse_host(parts.hostname or "")
    if parts.fragment:
        raise ConfigError("an address has no fragment (#…)", argument=argument)
    port = schemes[scheme] if port is None else port
    if port is None:
        raise ConfigError(f"{scheme}:// needs a port; a Raccoon's is 8081", argument=argument)
    if port == 0:
        raise ConfigError("a port is 1 to 65535", argument=argument)
    path = default_path if parts.path in ("", "/") else parts.path
    userinfo = _basic(parts.username, parts.password)
    return Address(scheme, host, port, _ascii(path), _ascii(parts.query), userinfo)


def parse_host(name: str) -> str:
    """Return the host's name as DNS knows it; ConfigError when it is none."""
    if not name.strip("."):
        raise ConfigError("the address names no host", argument="url")
    try:
        host = name if ":" in name else name.encode("idna").decode()
        if ":" in name or _NUMBER.fullmatch(host):
            ipaddress.ip_address(host)
    except ValueError:  # a label is empty or too long, or it is short for an IP address, as 127.1
        host = ""
    if not _HOST.fullmatch(host):
        raise ConfigError("the host is malformed", argument="url")
    return host


def _ascii(part: str) -> str:
    """Return it with what is not ASCII escaped; what is stays as it was given."""
    return quote(part, safe="".join(map(chr, range(33, 127))))


def _basic(user: str | None, password: str | None) -> str | None:
    if user is None and password is None:
        return None
    pair = f"{unquote(user or '')}:{unquote(password or '')}"
    return "Basic " + binascii.b2a_base64(pair.encode(), newline=False).decode()


def parse_null(url: object) -> None:
    """Check that this is `null://`, which has nothing behind it; ConfigError otherwise."""
    if text_of(url).lower().rstrip("/") != "null:":
        raise ConfigError("null:// has nothing behind it", argument="url")
