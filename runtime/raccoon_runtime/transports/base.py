"""What a transport is, and what an answer means whichever way it came."""

from __future__ import annotations

from typing import Literal, Protocol

from ..envelope import Ack, Code, Status
from ..errors import (
    AnswerError,
    ConnectionLimitError,
    IdentityTakenError,
    PublishError,
    RejectedError,
    SendError,
)
from ..wires import Wire

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

    def after_fork(self) -> None:
        """In the child of a fork: start anew, and leave alone what was inherited."""
        ...


def judge(answer: Ack, req_guid: str, status: int | None = None) -> Ack:
    """Return the answer when it says yes to this request; SendError otherwise."""
    if answer.code is Code.CODE_OK and answer.status is not Status.STATUS_ERROR:
        if answer.req_guid == req_guid:
            return answer
        # What the server answers when it found no guid: then it found no events either.
        raise AnswerError(
            "it is not to this request", req_guid=req_guid, status=status, persisted="possibly"
        )
    raise refusal(answer, req_guid, status)


def refusal(answer: Ack, req_guid: str, status: int | None = None) -> SendError:
    """Return the error that an answer other than yes stands for."""
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
