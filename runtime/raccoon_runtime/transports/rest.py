"""REST: one POST for each request, over connections that are kept."""

from __future__ import annotations

import asyncio

import aiohttp
from typing_extensions import Unpack
from yarl import URL

from ..envelope import Ack, Code
from ..errors import AnswerError, AuthError, DecodeError, EndpointError, SendError
from ..headers import HeaderSource
from ..options import TransportKeywords, TransportOptions, build
from ..process import leave_alone
from ..wires import JSON_WIRE, PROTO_WIRE, Wire
from .address import EVENTS_PATH, parse_address
from .base import judge, refusal
from .http_edge import HttpDialer, map_error, status_error

# What a Raccoon's answer may say under these statuses. Under any other, what answers is a proxy
# (http_edge.STATUSES).
ANSWERS: dict[int, frozenset[Code]] = {
    200: frozenset({Code.CODE_OK}),
    400: frozenset({Code.CODE_BAD_REQUEST}),
    500: frozenset({Code.CODE_INTERNAL_ERROR}),
}
# A code-2 answer that speaks of the request's form, not of its body.
WRONG_FORM = "invalid content type"
_LONGEST_ANSWER = 1 << 20


class RestTransport:
    """Sends to `http://` or `https://`; without a path in the URL, to Raccoon's own,
    `/api/v1/events`.
    """

    def __init__(self, url: str, /, **options: Unpack[TransportKeywords]) -> None:
        self._options = build(TransportOptions, options)
        self._address = parse_address(url, {"http": 80, "https": 443}, default_path=EVENTS_PATH)
        self._dialer = HttpDialer(self._address, self._options)
        self._url = URL(self._address.url, encoded=True)
        self._source = HeaderSource(
            self._options.headers,
            self._options.identity_header,
            self._options.client_name,
            self._address.userinfo,
        )
        self._timeout = aiohttp.ClientTimeout(
            total=self._options.connect_timeout
            + self._options.write_timeout
            + self._options.ack_timeout,
            sock_connect=self._options.connect_timeout,
            sock_read=self._options.ack_timeout,
        )
        self._session: aiohttp.ClientSession | None = None
        self._identity = self._source.new_identity()
        self._prebuilt: dict[str, str] | None = None
        self._connections = 0

    @property
    def wire(self) -> Wire:
        """The form of requests."""
        return self._options.wire

    @property
    def address(self) -> str:
        """Where it sends to."""
        return str(self._address)

    @property
    def in_flight(self) -> int:
        """How many requests at once, each on a connection of its own."""
        return 4 if self._options.in_flight is None else self._options.in_flight

    @property
    def batch_bytes(self) -> int:
        """How large a request should be at most."""
        return 512 << 10

    @property
    def connections(self) -> int:
        """How many pools of connections it has opened."""
        return self._connections

    async def send(self, req_guid: str, body: bytes) -> Ack:
        """POST it; once more, with fresh headers, when the credentials were refused."""
        try:
            return await self._post(req_guid, body)
        except AuthError as error:
            if error.status != 401 or not self._source.varies:
                raise
        return await self._post(req_guid, body)

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def after_fork(self) -> None:
        """Leave the inherited connections alone, and take another identity."""
        leave_alone(self._session)
        self._session = None
        self._prebuilt = None
        self._identity = self._source.new_identity()

    async def _post(self, req_guid: str, body: bytes) -> Ack:
        headers = self._prebuilt or await self._headers()
        session = self._session or self._open()
        try:
            async with session.post(
                self._url, data=body, headers=headers, allow_redirects=False, timeout=self._timeout
            ) as response:
                text = await _read(response)
                error = self._refused(response, text, req_guid)
                if error is None:
                    return judge(self._wire_of(response).response(text), req_guid, response.status)
        except DecodeError as cause:
            raise AnswerError(req_guid=req_guid, status=200, persisted="possibly") from cause
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError, RuntimeError) as cause:
            raise map_error(cause).about(req_guid) from cause
        raise error

    def _refused(
        self, response: aiohttp.ClientResponse, text: bytes, req_guid: str
    ) -> SendError | None:
        """Return the error that the response stands for; None when it is a Raccoon's 200."""
        status = response.status
        if status == 200:
            return None
        try:
            answer = self._wire_of(response).response(text)
        except DecodeError:
            answer = None
        if answer is None or answer.code not in ANSWERS.get(status, ()):
            return status_error(status, response.headers, self._address).about(req_guid)
        if answer.reason == WRONG_FORM:
            return EndpointError(answer.reason, req_guid=req_guid, code=answer.code, status=status)
        return refusal(answer, req_guid, status)

    def _wire_of(self, response: aiohttp.ClientResponse) -> Wire:
        return PROTO_WIRE if response.content_type == PROTO_WIRE.content_type else JSON_WIRE

    async def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": self.wire.content_type, **await self._source.get(self._identity)}
        if not self._source.varies:
            self._prebuilt = headers
        return headers

    def _open(self) -> aiohttp.ClientSession:
        self._session = self._dialer.session(self.in_flight)
        self._connections += 1
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body, or what an answer would be of it."""
    parts: list[bytes] = []
    size = 0
    while size < _LONGEST_ANSWER:
        part = await response.content.read(_LONGEST_ANSWER - size)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)
