"""Every error that raccoon_runtime raises.

RaccoonError
├── ConfigError              an argument or a setting is wrong; raised before anything is sent
├── SerializationError       an event cannot be encoded; nothing of its request was sent
│   └── EventTooLargeError   … because it is larger than a broker takes
├── DecodeError              bytes or JSON are not the message they should be
├── UsageError               a call that cannot be made here: from another event loop, say
│   └── ClosedError          the client was closed
├── QueueFull                there is no room for the event; it was not accepted
├── BatchError               some events of a list failed: `.acks`, `.failures`
└── SendError                an accepted event was not acknowledged
    ├── RejectedError        the server cannot read the request
    ├── TooLargeError        the server, or a proxy, takes no request of this size
    ├── PublishError         the server could not publish to its broker
    ├── SetupError           the server refuses this client as it is set up (also a ConfigError)
    │   ├── AuthError        the credentials
    │   ├── EndpointError    the address, or what is sent there
    │   ├── RedirectError    the address is elsewhere
    │   ├── IdentityError    the identity header is not the server's
    │   └── TlsError         the TLS handshake failed
    ├── IdentityTakenError   another connection has this identity
    ├── ConnectionLimitError the server takes no more connections
    ├── UnavailableError     the server, or a proxy before it, cannot answer now
    ├── ConnectError         no connection; nothing was sent
    ├── ConnectionLostError  the connection broke before the answer
    ├── AckTimeoutError      no answer in time (also a TimeoutError)
    ├── AnswerError          an answer came that is not a Raccoon's
    ├── HeadersError         the function that makes the headers failed
    ├── SpoolError           it lay in the spool on disk, which cannot be read any more
    ├── DroppedError         there was no room, and `overflow=` said to drop it
    ├── SendTimeoutError     the caller's `timeout=` passed; the event goes on (also a TimeoutError)
    └── UndeliveredError     the client was closed, or its event loop ended, before the answer
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from typing_extensions import Self

if TYPE_CHECKING:
    from .delivery.future import AckFuture, SyncAckFuture
    from .envelope import Ack, Code


class RaccoonError(Exception):
    """The root of all errors here. Pickled, it leaves its `futures` to their process."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: value for name, value in vars(self).items() if name != "futures"}
        return type(self), self.args, state


class ConfigError(RaccoonError, ValueError):
    """An argument or a setting is wrong; raised before anything is sent.

    `argument` names it.
    """

    argument: str = ""

    def __init__(self, message: str = "", /, *, argument: str = "") -> None:
        super().__init__(f"{argument}: {message}" if argument else message)
        self.argument = argument


class SerializationError(RaccoonError, ValueError):
    """An event cannot be encoded; nothing of its request was sent.

    In a list, `index` is the event's place and `event_type` its type.
    """

    index: int | None = None
    event_type: str = ""

    def at(self, index: int, event_type: str) -> Self:
        """Return a copy that says which event of a list it is about."""
        told = type(self).__new__(type(self))
        told.__dict__.update(self.__dict__)
        told.args = (f"events[{index}]: {self}",)
        told.index, told.event_type = index, event_type
        return told


class EventTooLargeError(SerializationError):
    """An event is larger than a broker takes: 900 kB unless `max_event_bytes=` says otherwise."""


class DecodeError(RaccoonError, ValueError):
    """Bytes or JSON are not the message they should be."""


class UsageError(RaccoonError, RuntimeError):
    """A call that cannot be made here: from another event loop, or from the client's own thread."""


class ClosedError(UsageError):
    """The client was closed; it takes no events."""


class QueueFull(RaccoonError):
    """There is no room for the event; it was not accepted.

    Wait (`await client.submit(...)`), or allow more with `queue_events=` and `queue_bytes=`. Of a
    list, `futures` are those of the events that were accepted before there was no room, of the kind
    that this client's `submit` gives.
    """

    futures: Sequence[AckFuture | SyncAckFuture] = ()


class SendError(RaccoonError):
    """An accepted event was not acknowledged. What holds for all of these:

    - `req_guid`: the request it travelled in;
    - `code`: Raccoon's own, or None when no Raccoon answered;
    - `status`: the HTTP status, the gRPC status's name or the WebSocket close code, or None;
    - `reason`: in the server's words, or the system's; the first 500 characters, printable ones;
    - `retryable`: whether sending it again can help (the client did, until its retries were spent);
    - `retry_after`: the seconds for which the server asked, or None;
    - `persisted`: "no", or "possibly" when the server may have it all the same;
    - `remedy`: what to do.
    """

    summary: ClassVar[str] = "the event was not acknowledged"
    remedy: ClassVar[str] = ""
    doubt: ClassVar[str] = "possibly delivered"
    retryable: bool = False
    # What delivery reads: whether the link failed rather than this request, and the longest that it
    # is worth retrying, in seconds.
    outage: ClassVar[bool] = False
    patience: ClassVar[float] = float("inf")

    def __init__(
        self,
        reason: str = "",
        /,
        *,
        req_guid: str = "",
        code: Code | None = None,
        status: int | str | None = None,
        persisted: Literal["no", "possibly"] = "no",
        retry_after: float | None = None,
    ) -> None:
        reason = _readable(reason)
        super().__init__(reason)
        self.reason = reason
        self.req_guid = req_guid
        self.code = code
        self.status = status
        self.persisted: Literal["no", "possibly"] = persisted
        self.retry_after = retry_after

    def __str__(self) -> str:
        told = f"{self.summary}: {self.reason}" if self.reason else self.summary
        facts = [] if self.code is None else [self.code.name]
        facts += [] if self.status is None else [f"status {self.status}"]
        facts += [f"request {self.req_guid}"] if self.req_guid else []
        facts += [self.doubt] if self.persisted == "possibly" else []
        about = f" ({', '.join(facts)})" if facts else ""
        return f"{told}{about}. {self.remedy}".rstrip()

    def brief(self) -> str:
        """Say what happened in words that may be logged: no header value, nothing that the server
        wrote.
        """
        code = "" if self.code is None else f" {self.code.name}"
        status = "" if self.status is None else f" {self.status}"
        cause = "" if self.__cause__ is None else f" ({type(self.__cause__).__name__})"
        return f"{type(self).__name__}{code}{status}: {self.summary}{cause}"

    def about(self, req_guid: str, persisted: Literal["no", "possibly"] | None = None) -> Self:
        """Return a copy that names the request; the error of a connection is told to each request
        on it.
        """
        told = type(self).__new__(type(self))
        told.args = self.args
        told.__dict__.update(self.__dict__)
        told.__cause__ = self.__cause__
        told.req_guid = req_guid
        if persisted is not None:
            told.persisted = persisted
        return told


def _readable(reason: str) -> str:
    # A server may write anything, and errors end up in logs.
    shown = reason if len(reason) <= 500 else f"{reason[:500]}…"
    if shown.isprintable():
        return shown
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in shown)


class RejectedError(SendError):
    """The server cannot read the request: code 2, or gRPC INTERNAL `error unmarshalling`."""

    summary = "the server cannot read the request"
    remedy = (
        "Check that the address is a Raccoon's and that nothing on the way rewrites bodies; report "
        "it otherwise."
    )


class TooLargeError(SendError):
    """The server, or a proxy, takes no request of this size, and this one holds a single event."""

    summary = "the request is too large for the server"
    remedy = "Send smaller events, or raise the limit of the server or the proxy."


class PublishError(SendError):
    """The server could not publish to its broker: code 3. Other events of the request may have been
    published.
    """

    summary = "the server could not publish the events"
    remedy = "Look at the broker; when only this event fails, at its type's topic and at its size."
    retryable = True


class SetupError(SendError, ConfigError):
    """The server refuses this client as it is set up. After a first success the client retries it
    as an outage.
    """

    summary = "the server refuses this client as it is set up"
    remedy = "Check the client's address and options."
    outage = True

    def __init__(self, reason: str = "", /, **facts: Any) -> None:
        SendError.__init__(self, reason, **facts)


class AuthError(SetupError):
    """The credentials were refused: 401, 403, 407, UNAUTHENTICATED, PERMISSION_DENIED."""

    summary = "the server refuses the credentials"
    remedy = "Check headers=; a function there gives fresh ones for each connection or request."


class EndpointError(SetupError):
    """There is no Raccoon at this address, or it is spoken to in the wrong way: 404, 405,
    UNIMPLEMENTED, …
    """

    summary = "there is no Raccoon at this address"
    remedy = (
        "Check the URL, path included; a Raccoon's is /api/v1/events, and its gRPC port is another."
    )


class RedirectError(SetupError):
    """The address redirects; redirects are not followed. The reason names the target."""

    summary = "the address redirects, which is not followed"
    remedy = "Use the target as the URL."


class IdentityError(SetupError):
    """The server finds no identity among the headers: its operator gave the header another name."""

    summary = "the server finds no identity header"
    remedy = "Name the server's header with identity_header=."


class TlsError(SetupError):
    """The TLS handshake failed: a certificate that is not trusted or another host's, or no TLS."""

    summary = "the TLS handshake failed"
    remedy = (
        "Give a context that trusts the server's certificate with ssl=, or check the scheme and "
        "the port."
    )


class IdentityTakenError(SendError):
    """Another connection has this identity: code 5. Often one's own ghost, which the server forgets
    in 60 s.
    """

    summary = "another connection has this identity"
    remedy = "Give each process an identity of its own, or leave it to the client to make one."
    retryable = True
    outage = True
    patience = 75.0


class ConnectionLimitError(SendError):
    """The server takes no more connections: code 4."""

    summary = "the server takes no more connections"
    remedy = "Raise the server's limit or add servers."
    retryable = True
    outage = True


class UnavailableError(SendError):
    """The server, or a proxy before it, cannot answer now: 408, 429, 5xx, UNAVAILABLE and other
    gRPC statuses, a rate limit's RESOURCE_EXHAUSTED among them.
    """

    summary = "the server cannot answer now"
    remedy = "Look at the server and at what stands before it."
    retryable = True
    outage = True


class ConnectError(SendError):
    """No connection: refused, unknown host, too slow, or ended before the server let it in. Nothing
    was sent.
    """

    summary = "no connection to the server"
    remedy = "Check that the server runs and that its address is right, scheme and port included."
    retryable = True
    outage = True


class ConnectionLostError(SendError):
    """The connection broke before the answer."""

    summary = "the connection broke before the answer"
    remedy = "Look at the server and at the network."
    retryable = True
    outage = True


class AckTimeoutError(SendError, TimeoutError):
    """No answer in time: `ack_timeout=`, 30 s unless said otherwise."""

    summary = "the server did not answer in time"
    remedy = (
        "Look at the server's load and at its broker; with EVENT_ACK=1 it answers after publishing."
    )
    retryable = True
    outage = True


class AnswerError(SendError):
    """An answer came that is not a Raccoon's, or not to this request."""

    summary = "what answers is not a Raccoon"
    remedy = "Check the URL, its scheme and port, and what stands between here and the server."
    retryable = True
    outage = True


class HeadersError(SendError):
    """The function given as `headers=` failed; its error is the cause."""

    summary = "the function given as headers= failed"
    remedy = "See the cause."
    retryable = True
    outage = True


class SendTimeoutError(SendError, TimeoutError):
    """The caller's `timeout=` passed. It ended the wait, not the event, which goes on until its
    retries are spent.

    `futures` are those of the events that were still pending, `future` the first of them.
    `persisted` is "possibly" also when nothing was sent so far, for they may be delivered yet.
    """

    summary = "not acknowledged within the timeout"
    doubt = "may be delivered yet"
    remedy = (
        "The event stays accepted until it is acknowledged, its retries are spent or the client is "
        "closed; .future (of several, .futures) has its outcome."
    )
    retryable = False

    futures: Sequence[AckFuture | SyncAckFuture] = ()

    def __init__(self, reason: str = "", /, **facts: Any) -> None:
        facts.setdefault("persisted", "possibly")
        super().__init__(reason, **facts)

    def __str__(self) -> str:
        last = self.__cause__
        return f"{super().__str__()} {last.remedy if isinstance(last, SendError) else ''}".rstrip()

    @property
    def future(self) -> AckFuture | SyncAckFuture | None:
        """The future of the first event that is still pending, of the kind that this client's
        `submit` gives.
        """
        return self.futures[0] if self.futures else None


class SpoolError(SendError):
    """The event lay in the spool on disk, and cannot be read any more.

    So is a file of another version.
    """

    summary = "the spool on disk cannot be read"
    remedy = "`raccoon-spool list` shows what was set aside; look at the disk."


class DroppedError(SendError):
    """There was no room, and `overflow=` says to drop the oldest or the newest event then."""

    summary = "dropped, for there was no room"
    remedy = "Allow more with queue_events= and queue_bytes=, or wait for room."


class UndeliveredError(SendError):
    """The client was closed, or its event loop ended, before the server had answered."""

    summary = "the client was closed before the event was acknowledged"
    remedy = (
        "close() gives such events back, unless a spool keeps them for the next client; a longer "
        "close(timeout=) waits for them."
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """One event of a list that was not acknowledged: its place in the list, itself, and why."""

    index: int
    event: object
    error: SendError


class BatchError(RaccoonError):
    """Some events of a list were not acknowledged.

    `acks` are those of the requests that were; `failures` name the events that were not.
    """

    def __init__(self, acks: list[Ack], failures: list[Failure]) -> None:
        super().__init__(acks, failures)
        self.acks = acks
        self.failures = failures

    @property
    def retryable(self) -> bool:
        """Whether sending the failed events again can help, for each of them."""
        return all(failure.error.retryable for failure in self.failures)

    def __str__(self) -> str:
        first, count = self.failures[0], len(self.failures)
        told = f"{count} event{'s' * (count > 1)} not acknowledged"
        return f"{told}; the first, at index {first.index}: {first.error}"
