"""Where grpclib ends: gRPC's statuses and grpclib's errors as ours."""

from __future__ import annotations

import asyncio
import re
import ssl
import struct
from typing import Literal

import h2.exceptions
from grpclib import GRPCError, Status
from grpclib.exceptions import ProtocolError, StreamTerminatedError

from ..errors import (
    AckTimeoutError,
    AnswerError,
    AuthError,
    ConnectError,
    ConnectionLostError,
    EndpointError,
    IdentityError,
    RedirectError,
    RejectedError,
    SendError,
    TooLargeError,
    UnavailableError,
)

# Every gRPC status, what it means, and whether the server may have the events all the same.
#
# That INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE and
# DATA_LOSS are tried again is because none of them is a Raccoon's word on the events: its handler
# returns no status but UNKNOWN (raccoon's services/grpc/handler.go), and grpc-go makes none of
# these by itself (gRPC's doc/statuscodes.md). They are of what stands between, and pass with it.
STATUSES: dict[Status, tuple[type[SendError], Literal["no", "possibly"]]] = {
    Status.OK: (AnswerError, "possibly"),
    Status.CANCELLED: (UnavailableError, "possibly"),
    Status.UNKNOWN: (UnavailableError, "possibly"),
    Status.INVALID_ARGUMENT: (UnavailableError, "possibly"),
    Status.DEADLINE_EXCEEDED: (AckTimeoutError, "possibly"),
    Status.NOT_FOUND: (UnavailableError, "possibly"),
    Status.ALREADY_EXISTS: (UnavailableError, "possibly"),
    Status.PERMISSION_DENIED: (AuthError, "no"),
    Status.RESOURCE_EXHAUSTED: (TooLargeError, "no"),
    Status.FAILED_PRECONDITION: (UnavailableError, "possibly"),
    Status.ABORTED: (UnavailableError, "possibly"),
    Status.OUT_OF_RANGE: (UnavailableError, "possibly"),
    Status.UNIMPLEMENTED: (EndpointError, "no"),
    Status.INTERNAL: (UnavailableError, "possibly"),
    Status.UNAVAILABLE: (UnavailableError, "possibly"),
    Status.DATA_LOSS: (UnavailableError, "possibly"),
    Status.UNAUTHENTICATED: (AuthError, "no"),
}
# Where the message tells more than the status: grpc-go's, a rate limit's, which is no matter of
# size, and grpclib's own for an HTTP answer that is none of gRPC's.
MESSAGES: list[tuple[Status, str, type[SendError], Literal["no", "possibly"]]] = [
    (Status.UNKNOWN, "connection id header missing", IdentityError, "no"),
    (Status.INTERNAL, "error unmarshalling request", RejectedError, "no"),
    (Status.RESOURCE_EXHAUSTED, "(?i)quota|rate.?limit|too many requests", UnavailableError, "no"),
    (Status.UNKNOWN, "^Received :status = '3", RedirectError, "no"),
    (Status.UNKNOWN, "^Received :status = '413'", TooLargeError, "no"),
    (Status.UNKNOWN, "^Received :status = '4", EndpointError, "no"),
    (Status.UNKNOWN, "^(Missing|Invalid) (content-type|grpc-status)", AnswerError, "possibly"),
]
# Every error class of grpclib and h2 besides GRPCError, and Python's own that grpclib raises for an
# answer that is none. A test fails when they get another.
ERRORS: dict[type[BaseException], type[SendError]] = {
    StreamTerminatedError: ConnectionLostError,
    ProtocolError: AnswerError,
    h2.exceptions.H2Error: ConnectionLostError,
    h2.exceptions.ProtocolError: ConnectionLostError,
    h2.exceptions.FrameTooLargeError: ConnectionLostError,
    h2.exceptions.FrameDataMissingError: ConnectionLostError,
    h2.exceptions.TooManyStreamsError: ConnectionLostError,
    h2.exceptions.FlowControlError: ConnectionLostError,
    h2.exceptions.StreamIDTooLowError: ConnectionLostError,
    h2.exceptions.NoAvailableStreamIDError: ConnectError,  # found before anything is sent
    h2.exceptions.NoSuchStreamError: ConnectionLostError,
    h2.exceptions.StreamClosedError: ConnectionLostError,
    h2.exceptions.InvalidSettingsValueError: ConnectionLostError,
    h2.exceptions.InvalidBodyLengthError: ConnectionLostError,
    h2.exceptions.UnsupportedFrameError: ConnectionLostError,
    h2.exceptions.RFC1122Error: ConnectionLostError,
    h2.exceptions.DenialOfServiceError: ConnectionLostError,
    asyncio.TimeoutError: AckTimeoutError,
    ssl.SSLError: ConnectionLostError,  # the handshake's are not met here
    OSError: ConnectionLostError,
    AssertionError: AnswerError,
    NotImplementedError: AnswerError,
    struct.error: AnswerError,
    ValueError: AnswerError,
}


def status_error(error: GRPCError) -> SendError:
    """Return what a status means."""
    told = error.message or ""
    kind, persisted = STATUSES[error.status]
    for status, words, other, then in MESSAGES:
        if error.status is status and re.search(words, told):
            kind, persisted = other, then
            break
    return kind(told, status=error.status.name, persisted=persisted)


def map_error(error: BaseException) -> SendError:
    """Return what an error of grpclib, h2 or the system means; the caller raises it from the
    original.
    """
    kind = next(
        (ERRORS[base] for base in type(error).__mro__ if base in ERRORS), ConnectionLostError
    )
    told = str(error) if isinstance(error, StreamTerminatedError) else type(error).__name__
    if kind is AckTimeoutError and not error.args:  # else it is the system's
        told = "ack_timeout= passed"
    return kind(told, persisted="no" if kind is ConnectError else "possibly")


def is_of_one_call(error: BaseException) -> bool:
    """Whether other calls on the same connection may succeed: the stream was ended, or its answer
    is none.
    """
    stream = (StreamTerminatedError, h2.exceptions.NoSuchStreamError)
    return isinstance(error, stream) or isinstance(map_error(error), AnswerError)
