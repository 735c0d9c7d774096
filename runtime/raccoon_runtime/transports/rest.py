"""REST: one POST for each request, over connections that are kept."""

from __future__ import annotations

import io

import aiohttp
from typing_extensions import Unpack
from yarl import URL

from ..deadline import deadline
from ..envelope import Ack, Code
from ..errors import AnswerError, AuthError, DecodeError, EndpointError, SendError
from ..headers import beside
from ..options import TransportKeywords, TransportOptions, build
from ..process import leave_alone
from ..telemetry import carried
from ..wires import JSON_WIRE, PROTO_WIRE
from .address import EVENTS_PATH, parse_address
from .base import NetworkTransport, judge, refusal
from .http_dialer import HttpDialer, drop
from .http_errors import map_error, status_error

# What a Raccoon's answer may say under these statuses. Under any other, what answers is a proxy
# (http_errors.STATUSES).
ANSWERS: dict[int, frozenset[Code]] = {
    400: frozenset({Code.CODE_BAD_REQUEST}),
    500: frozenset({Code.CODE_INTERNAL_ERROR}),
}
# A code-2 answer that speaks of the request's form, not of its body.
WRONG_FORM = "invalid content type"
_LONGEST_ANSWER = 1 << 20
_IN_ONE_PIECE = 1 << 20  # aiohttp warns of more, as it writes a body of bytes without a pause


class RestTransport(NetworkTransport):
    """Sends to `http://` or `https://`; without a path in the URL, to Raccoon's own,
    `/api/v1/events`.

    What it counts as a connection is a pool of them.
    """

    def __init__(self, url: str, /, **options: Unpack[TransportKeywords]) -> None:
        told = build(TransportOptions, options)
        address = parse_address(url, {"http": 80, "https": 443}, default_path=EVENTS_PATH)
        super().__init__(address, told)
        self._url = URL(address.url, encoded=True)
        self._dialer = HttpDialer(address, told)
        # aiohttp's own limit for all of it costs more than ours.
        self._timeout = aiohttp.ClientTimeout(total=None, connect=told.connect_timeout)
        self._identity = self._source.new_identity()
        self._prebuilt: dict[str, str] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._proxy: URL | None = None

    async def send(self, req_guid: str, body: bytes) -> Ack:
        """POST it; once more, with fresh headers, when the credentials were refused."""
        try:
            return await self._post(req_guid, body)
        except AuthError as error:
            if not self._may_refresh(error):
                raise
        return await self._post(req_guid, body)

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def abandon(self) -> None:
        """Drop the connections."""
        session, self._session = self._session, None
        if session is not None:
            drop(session)

    def after_fork(self) -> None:
        """Leave the inherited connections alone, and take another identity."""
        leave_alone(self._session)
        self._session = None
        self._prebuilt = None
        self._identity = self._source.new_identity()

    async def _post(self, req_guid: str, body: bytes) -> Ack:
        try:
            headers = self._prebuilt or await self._headers()
            if context := carried():
                headers = beside(headers, context)
            async with deadline(self._options.ack_timeout):
                return await self._exchange(req_guid, body, headers)
        except SendError as error:
            raise error.about(req_guid) from error.__cause__
        except Exception as error:
            told = map_error(error).about(req_guid)
            raise told from told.__cause__

    async def _exchange(self, req_guid: str, body: bytes, headers: dict[str, str]) -> Ack:
        session = self._session or self._open()
        async with session.post(
            self._url,
            data=body if len(body) <= _IN_ONE_PIECE else io.BytesIO(body),
            headers=headers,
            allow_redirects=False,
            timeout=self._timeout,
            proxy=self._proxy,
        ) as response:
            return self._judge(response, await _read(response), req_guid)

    def _judge(self, response: aiohttp.ClientResponse, text: bytes, req_guid: str) -> Ack:
        """Return the ack; raise what the response stands for otherwise."""
        status = response.status
        wire = PROTO_WIRE if response.content_type == PROTO_WIRE.content_type else JSON_WIRE
        try:
            answer = wire.response(text)
        except DecodeError as error:
            if status == 200:
                raise AnswerError(status=status, persisted="possibly") from error
            raise status_error(status, response.headers, self._address) from None
        if status == 200:
            return judge(answer, req_guid, status)
        if answer.code not in ANSWERS.get(status, ()):
            raise status_error(status, response.headers, self._address)
        if answer.reason == WRONG_FORM:
            raise EndpointError(answer.reason, code=answer.code, status=status)
        raise refusal(answer, req_guid, status)

    async def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": self.wire.content_type, **await self._source.get(self._identity)}
        if not self._source.varies:
            self._prebuilt = headers
        return headers

    def _open(self) -> aiohttp.ClientSession:
        self._proxy = self._dialer.proxy()
        self._session = self._dialer.session()
        self._connections += 1
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body, or as much as an answer can be of it."""
    content = response.content
    text = await content.read(_LONGEST_ANSWER)
    while not content.at_eof() and len(text) < _LONGEST_ANSWER:
        text += await content.read(_LONGEST_ANSWER - len(text))
    return text
