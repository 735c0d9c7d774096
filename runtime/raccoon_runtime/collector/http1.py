"""HTTP/1.1 as Go's `net/http` reads and writes it, one connection at a time.

Written by hand, for the same reason as `go_proto`: what the client's HTTP library writes is read by
another one, which refuses and overlooks just what a Raccoon's does.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from .source import LineTooLong, Source

MOST_HEADER_BYTES = (1 << 20) + 4096
# What of a body that nobody asked for is still read, to keep the connection.
MOST_UNREAD_BYTES = 256 << 10
# A body above it goes out in chunks.
MOST_UNCHUNKED_BYTES = 2048

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION = re.compile(rb"HTTP/(\d)\.(\d)")
_HOST = re.compile(rb"[A-Za-z0-9!$%&'()*+,\-.:;=@\[\]_~]*")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_DIGITS = re.compile(rb"[0-9]+")
_HEX = re.compile(rb"[0-9A-Fa-f]{1,16}")


class HttpError(Exception):
    """A request that cannot be read: the status and the text that answer it, before the end."""

    def __init__(self, status: int = 400, told: str | None = None) -> None:
        super().__init__(told)
        self.status = status
        self.told = told

    def encode(self) -> bytes:
        """Return the answer as Go writes it."""
        line = f"{self.status} {HTTPStatus(self.status).phrase}"
        if self.status == 501:
            text = self.told or line
        else:
            line = text = line if self.told is None else f"{line}: {self.told}"
        head = f"HTTP/1.1 {line}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close"
        return f"{head}\r\n\r\n{text}".encode()


class BodyError(Exception):
    """A body that breaks off, or whose chunks are none."""


class Headers(dict[str, list[str]]):
    """Every value of each header; the names are in lower case."""

    def first(self, name: str) -> str:
        """Return the first value, or none at all as the empty text."""
        return self.get(name.lower(), [""])[0]

    def tokens(self, name: str) -> set[str]:
        """Return the comma-separated words of all its values, in lower case."""
        values = ",".join(self.get(name.lower(), []))
        return {token.strip(" \t").lower() for token in values.split(",")}


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body; `path` is what its target's escapes stand for."""

    method: str
    version: tuple[int, int] = (1, 1)
    path: str = ""
    query: str = ""
    headers: Headers = field(default_factory=Headers)

    @property
    def keeps(self) -> bool:
        """Whether the connection may go on after it."""
        wishes = self.headers.tokens("connection")
        return "close" not in wishes if self.version >= (1, 1) else "keep-alive" in wishes


async def read_head(source: Source) -> Head | None:
    """Return the next request; None when the connection ends first, HttpError when it is none."""
    try:
        first = await source.line(MOST_HEADER_BYTES)
        # Go passes over an empty line that an old client sends after a body.
        if not first:
            first = await source.line(MOST_HEADER_BYTES)
        # Before there are headers: what speaks TLS sends none, and waits.
        method, target, version = _request_line(first)
        path, query = _parts(target)
        lines = await _header_lines(source, MOST_HEADER_BYTES - len(first))
    except EOFError:
        return None
    except LineTooLong:
        raise HttpError(431) from None
    if version[0] != 1:
        raise HttpError(505, "unsupported protocol version")
    head = Head(method, version, path, query, _headers(lines))
    hosts = head.headers.get("host", [])
    if len(hosts) > 1:
        raise HttpError
    if not hosts and version >= (1, 1):
        raise HttpError(400, "missing required Host header")
    if hosts and not _HOST.fullmatch(hosts[0].encode(errors="replace")):
        raise HttpError(400, "malformed Host header")
    return head


async def _header_lines(source: Source, most: int) -> list[bytes]:
    lines: list[bytes] = []
    while line := await source.line(most):
        most -= len(line) + 2
        if line[:1] in b" \t" and lines:
            lines[-1] += b" " + line.strip(b" \t")  # folded, as in the old days
        else:
            lines.append(line)
    return lines


def _request_line(line: bytes) -> tuple[str, bytes, tuple[int, int]]:
    method, _, rest = line.partition(b" ")
    target, _, proto = rest.partition(b" ")
    if not _TOKEN.fullmatch(method) or not target:
        raise HttpError
    version = _VERSION.fullmatch(proto)
    if version is None:
        raise HttpError
    return method.decode(), target, (int(version[1]), int(version[2]))


def _parts(target: bytes) -> tuple[str, str]:
    """Return a target's path, unescaped, and its query."""
    if not target.startswith(b"/") and b"://" in target:
        target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
    path, _, query = target.partition(b"?")
    if _CONTROL.search(target) or _BAD_ESCAPE.search(path) or path[:1] not in (b"/", b"*"):
        raise HttpError
    return unquote_to_bytes(path).decode(errors="surrogateescape"), query.decode("latin-1")


def _headers(lines: list[bytes]) -> Headers:
    found = Headers()
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or _CONTROL.search(value):
            raise HttpError
        if not _TOKEN.fullmatch(name):
            raise HttpError(400, "invalid header name")
        text = value.strip(b" \t").decode(errors="surrogateescape")
        found.setdefault(name.decode().lower(), []).append(text)
    return found


class Body:
    """A request's body, which is read when somebody asks for it."""

    def __init__(self, head: Head, source: Source, writer: asyncio.StreamWriter) -> None:
        self._source = source
        self._writer = writer
        self.chunked = False
        self.length = 0
        codings = head.headers.get("transfer-encoding", [])
        if codings and head.version >= (1, 1):
            if [coding.lower() for coding in codings] != ["chunked"]:
                raise HttpError(501, "Unsupported transfer encoding")
            self.chunked = True
        else:
            self.length = _length(head.headers.get("content-length", []))
        self._expected = head.version >= (1, 1) and "100-continue" in head.headers.tokens("expect")
        self.unread = self.chunked or self.length > 0

    async def read(self) -> bytes:
        """Return it all; BodyError when it breaks off or its chunks are none."""
        if not self.unread:
            return b""
        self.unread = False
        if self._expected:
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            return await (self._chunks() if self.chunked else self._source.exactly(self.length))
        except (EOFError, LineTooLong) as error:
            raise BodyError from error

    async def skip(self) -> bool:
        """Read it for the sake of the next request; False when it is too long for that."""
        if not self.unread:
            return True
        if self._expected or self.length > MOST_UNREAD_BYTES:
            return False
        try:
            await self.read()
        except BodyError:
            return False
        return True

    async def _chunks(self) -> bytes:
        found = bytearray()
        while size := _chunk_size(await self._source.line(4096)):
            found += await self._source.exactly(size)
            if await self._source.exactly(2) != b"\r\n":
                raise BodyError
        while trailer := await self._source.line(4096):
            if b":" not in trailer:
                raise BodyError
        return bytes(found)


def _length(values: list[str]) -> int:
    if not values:
        return 0
    if len(set(values)) > 1 or not _DIGITS.fullmatch(values[0].encode(errors="replace")):
        raise HttpError
    return int(values[0])


def _chunk_size(line: bytes) -> int:
    size = line.partition(b";")[0].rstrip(b" \t")
    if not _HEX.fullmatch(size):
        raise BodyError
    return int(size, 16)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; `keeps` says whether the connection may go on after it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    keeps: bool = True

    def encode(self, head: Head, *, keep: bool) -> bytes:
        """Return its bytes: status, headers, Date, how long the body is, and the body."""
        bare = head.method == "HEAD"
        chunked = len(self.body) > MOST_UNCHUNKED_BYTES and head.version >= (1, 1) and not bare
        lines = [f"HTTP/1.{min(head.version[1], 1)} {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines.append(f"Date: {formatdate(usegmt=True)}")
        if not chunked and (self.body or not bare):
            lines.append(f"Content-Length: {len(self.body)}")
        if not keep and head.version >= (1, 1):
            lines.append("Connection: close")
        if keep and head.version < (1, 1):
            lines.append("Connection: keep-alive")
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        out = "\r\n".join([*lines, "", ""]).encode(errors="surrogateescape")
        if chunked:
            return out + b"%x\r\n%b\r\n0\r\n\r\n" % (len(self.body), self.body)
        return out if bare else out + self.body


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status code {status}"
