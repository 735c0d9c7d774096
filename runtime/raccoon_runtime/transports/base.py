"""What a transport is, and what an answer means whichever way it came."""

from __future__ import annotations

import os
import socket
import ssl
from typing import ClassVar, Literal, Protocol

from ..envelope import Ack, Code, Status
from ..errors import (
    AnswerError,
    AuthError,
    ConnectionLimitError,
    IdentityTakenError,
    PublishError,
    RejectedError,
    SendError,
)
from ..headers import HeaderSource
from ..options import TransportOptions
from ..wires import Wire
from .address import Address

# Raccoon's own codes; anything else is no answer of a Raccoon's.
CODES: dict[Code, tuple[type[SendError], Literal["no", "possibly"]]] = {
    Code.CODE_BAD_REQUEST: (RejectedError, "no"),
    Code.CODE_INTERNAL_ERROR: (PublishError, "possibly"),
    Code.CODE_MAX_CONNECTION_LIMIT_REACHED: (ConnectionLimitError, "no"),
    Code.CODE_MAX_USER_LIMIT_REACHED: (IdentityTakenError, "no"),
}


class Transport(Protocol):
    """Carries requests to one address and brings back the answers: bytes out, an Ack or a SendError
    back.

    Connections are opened when first needed, in the loop that sends, and again after they broke;
    never by the constructor.
    """

    @property
    def wire(self) -> Wire:
        """The form in which `body` has to be."""
        ...

    @property
    def address(self) -> str:
        """Where it sends to, for messages: no credentials in it."""
        ...

    @property
    def in_flight(self) -> int:
        """How many requests it carries at once."""
        ...

    @property
    def batch_bytes(self) -> int:
        """How large a request of several events should be at most."""
        ...

    @property
    def connections(self) -> int:
        """How many connections it has opened so far."""
        ...

    async def send(self, req_guid: str, body: bytes) -> Ack:
        """Return the server's answer to this request when that is yes; SendError otherwise.

        Never sends a guid again on a connection on which a copy of it is unanswered.
        """
        ...

    async def close(self) -> None:
        """Close what is open; it can be opened again."""
        ...

    def abandon(self) -> None:
        """Drop what is open, without waiting for anything: the event loop is ending."""
        ...

    def after_fork(self) -> None:
        """In the child of a fork: start anew, and leave alone what was inherited."""
        ...


class NetworkTransport:
    """What the transports over a network have in common: all but how a request goes out."""

    usual_in_flight: ClassVar[int] = 4
    usual_batch_bytes: ClassVar[int] = 512 << 10

    def __init__(self, address: Address, options: TransportOptions) -> None:
        self._address = address
        self._options = options
        self._source = HeaderSource(
            options.headers,
            options.identity_header,
            options.client_name,
            address.userinfo,
            options.connect_timeout,
        )
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
        """How many requests at once."""
        told = self._options.in_flight
        return self.usual_in_flight if told is None else told

    @property
    def batch_bytes(self) -> int:
        """How large a request of several events should be at most."""
        return self.usual_batch_bytes

    @property
    def connections(self) -> int:
        """How many connections it has opened so far."""
        return self._connections

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address}>"

    def _may_refresh(self, error: AuthError) -> bool:
        """Whether the credentials were refused and there are fresh ones to try."""
        return self._source.varies and error.status in (401, "UNAUTHENTICATED")


def system_says(error: BaseException) -> str:
    """Return what the system calls an error."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, OSError):
        if error.errno and not isinstance(error, (ssl.SSLError, socket.gaierror)):
            return os.strerror(error.errno)
        return error.strerror or type(error).__name__
    return type(error).__name__


def judge(answer: Ack, req_guid: str, status: int | None = None) -> Ack:
    """Return the answer when it says yes to this request; SendError otherwise."""
    if answer.code is Code.CODE_OK and answer.status is not Status.STATUS_ERROR:
        if answer.req_guid == req_guid:
            return answer
        # What the server answers when it found no guid: then it found no events either.
        told = "its answer is to another request"
        raise AnswerError(told, req_guid=req_guid, status=status, persisted="possibly")
    raise refusal(answer, req_guid, status)


def refusal(answer: Ack, req_guid: str, status: int | None = None) -> SendError:
    """Return the error that an answer other than yes stands for."""
    if answer.req_guid not in ("", req_guid):
        told = "its answer is to another request"
        return AnswerError(
            told, req_guid=req_guid, code=answer.code, status=status, persisted="possibly"
        )
    known = CODES.get(answer.code)
    if known is None:
        told = answer.reason or f"code {answer.code.name}"
        return AnswerError(
            told, req_guid=req_guid, code=answer.code, status=status, persisted="possibly"
        )
    error, persisted = known
    return error(
        answer.reason, req_guid=req_guid, code=answer.code, status=status, persisted=persisted
    )
