"""The outcome table, row by row, on each transport: the dev collector with its faults, and where
RACCOON_BIN names one, a real server.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from grpclib import Status
from raccoon_runtime.collector import (
    Answered,
    Close,
    Collector,
    Delay,
    Double,
    Foreign,
    Full,
    GoAway,
    GrpcStatus,
    HttpStatus,
    LateError,
    Mute,
    NoAnswer,
    NoUpgrade,
    Reorder,
    Taken,
    Unpublishable,
)
from raccoon_runtime.envelope import Code
from raccoon_runtime.errors import (
    AckTimeoutError,
    AnswerError,
    AuthError,
    ConnectError,
    ConnectionLimitError,
    ConnectionLostError,
    EndpointError,
    IdentityError,
    IdentityTakenError,
    PublishError,
    RedirectError,
    RejectedError,
    SendError,
    TooLargeError,
    UnavailableError,
)
from raccoon_runtime.transports import Transport

from tests.ports import SILENT_PORT
from tests.transports.conftest import Make
from tests.transports.sending import body, deliver, fail, inside, new_guid
from tests.waiting import until

LARGE = b"1" * (1 << 20)
WIRES = pytest.mark.parametrize("wire", ["proto", "json"])


async def test_the_port_of_another_transport(make: Make, scheme: str, collector: Collector) -> None:
    if scheme == "grpc":
        url = f"grpc://127.0.0.1:{collector.http_port}"
    else:
        url = f"{'ws' if scheme == 'ws' else 'http'}://127.0.0.1:{collector.grpc_port}"
    if scheme == "rest":  # the request goes out before anybody can know
        error = await fail(make(url), AnswerError, persisted="possibly")
    else:
        error = await fail(make(url), EndpointError, persisted="no")
    assert "port" in error.remedy
    assert error.reason == f"no {'HTTP/2' if scheme == 'grpc' else 'HTTP/1.1'} is spoken there"


def options(scheme: str, wire: str) -> dict[str, Any]:
    if scheme == "grpc" and wire == "json":
        pytest.skip("gRPC's wire is always PROTO")
    return {"wire": wire}


@WIRES
async def test_code_1_is_an_ack(make: Make, url: str, scheme: str, wire: str) -> None:
    transport = make(url, **options(scheme, wire))
    ack = await deliver(transport)
    assert ack.ok and ack.sent_time > 0 and ack.reason == ""
    assert ack.data == {"req_guid": ack.req_guid}
    assert transport.connections == 1


@WIRES
async def test_many_at_once_each_get_their_own_answer(
    make: Make, url: str, scheme: str, wire: str, collector: Collector
) -> None:
    transport = make(url, **options(scheme, wire))
    await asyncio.gather(*(deliver(transport, b"%d" % n) for n in range(50)))
    assert {event.event_bytes for event in collector.stored} == {b"%d" % n for n in range(50)}
    assert len(collector.stored) == 50
    assert transport.connections == 1


@WIRES
async def test_what_cannot_be_read_is_rejected(
    make: Make, url: str, scheme: str, wire: str
) -> None:
    transport = make(url, **options(scheme, wire))
    guid = new_guid()
    with pytest.raises(RejectedError) as caught:
        await transport.send(guid, b"\x0a\xff")
    error = caught.value
    assert error.req_guid == guid and error.persisted == "no" and not error.retryable
    if scheme == "grpc":
        assert error.status == "INTERNAL" and "error unmarshalling request" in error.reason
    else:
        assert error.code is Code.CODE_BAD_REQUEST
        assert "deserializ" in error.reason.replace("serialization", "serializ")
        assert error.status == (400 if scheme == "rest" else None)
    await deliver(transport)
    assert transport.connections == 1


@WIRES
async def test_what_cannot_be_published_may_be_sent_again(
    make: Make, url: str, scheme: str, wire: str, collector: Collector
) -> None:
    transport = make(url, **options(scheme, wire))
    collector.faults.add(Unpublishable(times=1))
    status = {"ws": None, "rest": 500, "grpc": None}[scheme]
    error = await fail(
        transport,
        PublishError,
        code=Code.CODE_INTERNAL_ERROR,
        status=status,
        persisted="possibly",
        retryable=True,
    )
    # A Raccoon gives no reason over gRPC.
    assert (error.reason == "") == (scheme == "grpc")
    await deliver(transport, req_guid=error.req_guid)
    assert transport.connections == 1


async def test_no_listener(make: Make, scheme: str) -> None:
    address = f"{'http' if scheme == 'rest' else scheme}://127.0.0.1:{SILENT_PORT}"
    error = await fail(make(address), ConnectError, persisted="no", retryable=True, outage=True)
    assert "refused" in error.reason.lower()


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("published", [False, True])
async def test_the_connection_breaks_before_the_answer(
    make: Make, url: str, collector: Collector, reset: bool, published: bool
) -> None:
    transport = make(url)
    await deliver(transport)
    collector.faults.add(Close(reset=reset, published=published, times=1))
    error = await fail(transport, ConnectionLostError, persisted="possibly", retryable=True)
    await deliver(transport, req_guid=error.req_guid)
    assert len(collector.stored) == 2 + published


async def test_all_who_wait_hear_that_the_connection_broke(
    make: Make, url: str, scheme: str, collector: Collector
) -> None:
    transport = make(url)
    collector.faults.add(NoAnswer(containing=b"quiet"))
    waiting = [
        asyncio.ensure_future(fail(transport, ConnectionLostError, b"quiet", persisted="possibly"))
        for _ in range(3)
    ]
    await until(lambda: len(collector.received) == 3)
    if scheme == "rest":
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        return
    collector.sever()
    await asyncio.gather(*waiting)
    await deliver(transport)
    assert transport.connections == 2


async def test_no_answer_in_time(make: Make, url: str, scheme: str, collector: Collector) -> None:
    transport = make(url, ack_timeout=0.3)
    await deliver(transport)
    collector.faults.add(NoAnswer(times=1))
    error = await fail(transport, AckTimeoutError, persisted="possibly", retryable=True)
    assert isinstance(error, TimeoutError)
    assert error.reason == ("0.3 s" if scheme == "ws" else "ack_timeout= passed")
    await deliver(transport, req_guid=error.req_guid)
    # On a WebSocket the copy would meet an unanswered one; on gRPC nothing answered there.
    assert transport.connections == (1 if scheme == "rest" else 2)


async def test_the_others_on_a_connection_that_is_given_up(
    make: Make, collector: Collector
) -> None:
    transport = make(collector.ws_url, ack_timeout=1.5)
    await deliver(transport)
    collector.faults.add(NoAnswer(times=2))
    first = asyncio.ensure_future(fail(transport, AckTimeoutError, persisted="possibly"))
    await until(lambda: len(collector.received) == 2)
    await asyncio.sleep(0.5)  # by which the first's time is over earlier
    second = await fail(transport, ConnectionLostError, persisted="possibly")
    assert "another request had no answer" in second.reason
    await first


# --- refusals of the client as it is set up -------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "persisted"),
    [
        (401, AuthError, "no"),
        (403, AuthError, "no"),
        (404, EndpointError, "no"),
        (405, EndpointError, "no"),
        (407, AuthError, "no"),
        (408, UnavailableError, "possibly"),
        (413, TooLargeError, "no"),
        (418, EndpointError, "no"),
        (429, UnavailableError, "no"),
        (500, UnavailableError, "possibly"),
        (501, UnavailableError, "possibly"),
        (502, UnavailableError, "possibly"),
        (503, UnavailableError, "possibly"),
        (504, UnavailableError, "possibly"),
        (599, UnavailableError, "possibly"),
        (204, AnswerError, "possibly"),
        (300, AnswerError, "possibly"),
        (400, AnswerError, "possibly"),
    ],
)
async def test_a_status_of_a_proxy(
    make: Make, collector: Collector, status: int, kind: type[SendError], persisted: str
) -> None:
    transport = make(collector.http_url)
    page = "" if status == 204 else "<html>Bad things happened</html>"
    collector.faults.add(HttpStatus(status, page, times=1))
    error = await fail(transport, kind, status=status, persisted=persisted, code=None)
    assert "<html>" not in str(error)
    await deliver(transport, req_guid=error.req_guid)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, EndpointError),
        (400, EndpointError),
        (401, AuthError),
        (403, AuthError),
        (404, EndpointError),
        (405, EndpointError),
        (413, EndpointError),
        (426, EndpointError),
        (408, UnavailableError),
        (429, UnavailableError),
        (500, UnavailableError),
        (502, UnavailableError),
        (503, UnavailableError),
    ],
)
async def test_a_status_for_an_upgrade(
    make: Make, collector: Collector, status: int, kind: type[SendError]
) -> None:
    transport = make(collector.ws_url)
    collector.faults.add(HttpStatus(status, "<html>no</html>", {"Retry-After": "7"}, times=1))
    # Nothing was sent: not one of these leaves a doubt.
    error = await fail(transport, kind, status=status, persisted="no")
    assert error.retry_after == (7.0 if kind is UnavailableError else None)
    await deliver(transport)
    assert transport.connections == 1


ELSEWHERE = (Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED)
"""What another server may do better, so that another connection is tried."""
GRPC_KINDS: dict[Status, type[SendError]] = {
    Status.PERMISSION_DENIED: AuthError,
    Status.UNAUTHENTICATED: AuthError,
    Status.UNIMPLEMENTED: EndpointError,
    Status.RESOURCE_EXHAUSTED: TooLargeError,
    Status.DEADLINE_EXCEEDED: AckTimeoutError,
}


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
async def test_a_status_of_grpc(make: Make, collector: Collector, status: Status) -> None:
    transport = make(collector.grpc_url)
    collector.faults.add(GrpcStatus(status, "as told", times=1))
    kind = GRPC_KINDS.get(status, UnavailableError)
    sure = kind in (AuthError, EndpointError, TooLargeError)
    told = {"status": status.name, "reason": "as told", "persisted": "no" if sure else "possibly"}
    error = await fail(transport, kind, **told)
    await deliver(transport, req_guid=error.req_guid)
    assert transport.connections == (2 if status in ELSEWHERE else 1)


async def test_a_rate_limit_is_no_matter_of_size(make: Make, collector: Collector) -> None:
    told = "quota of the project exceeded"
    collector.faults.add(GrpcStatus(Status.RESOURCE_EXHAUSTED, told, times=1))
    await fail(make(collector.grpc_url), UnavailableError, persisted="no", retryable=True)


async def test_a_missing_identity(make: Make, collector: Collector) -> None:
    transport = make(collector.grpc_url, identity_header=None)
    error = await fail(
        transport,
        IdentityError,
        status="UNKNOWN",
        reason="connection id header missing",
        persisted="no",
    )
    assert "identity_header=" in error.remedy


async def test_a_header_of_another_name_is_the_identity_too(make: Make) -> None:
    async with Collector(event_ack=1, identity_header="X-Device") as collector:
        for url in (collector.ws_url, collector.http_url, collector.grpc_url):
            await deliver(make(url, identity_header="X-Device", client_name="shop"))
        identities = [received.identity for received in collector.received]
        assert all("shop-" in str(identity) for identity in identities)


async def test_a_request_of_the_wrong_form(make: Make, collector: Collector) -> None:
    """What a proxy that rewrites the content type makes of us."""
    transport = make(collector.http_url)
    inside(transport)._prebuilt = {"Content-Type": "text/plain"}  # as it would
    await fail(transport, EndpointError, status=400, reason="invalid content type", persisted="no")


async def test_the_wrong_path(make: Make, collector: Collector) -> None:
    elsewhere = collector.http_url.replace("/api/v1/events", "/elsewhere")
    await fail(make(elsewhere), EndpointError, status=404, persisted="no")
    await fail(make(elsewhere.replace("http", "ws")), EndpointError, status=404, persisted="no")


async def test_a_request_that_is_too_large(make: Make, collector: Collector) -> None:
    transport = make(collector.grpc_url)
    error = await fail(
        transport,
        TooLargeError,
        LARGE * 5,
        status="RESOURCE_EXHAUSTED",
        persisted="no",
        retryable=False,
    )
    assert "larger than max" in error.reason
    await deliver(transport)


async def test_a_large_request(make: Make, url: str, collector: Collector) -> None:
    transport = make(url)
    await deliver(transport, LARGE * 3)
    assert len(collector.stored[0].event_bytes) == 3 << 20


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", ["ws", "rest"])
async def test_a_redirect_is_told_and_not_followed(
    make: Make, collector: Collector, kind: str, status: int
) -> None:
    url = collector.ws_url if kind == "ws" else collector.http_url
    target = "https://user:secret@example.com/elsewhere?token=secret#part"
    collector.faults.add(HttpStatus(status, headers={"Location": target}, times=1))
    error = await fail(make(url), RedirectError, status=status, persisted="no")
    assert error.reason == "to https://example.com/elsewhere"
    assert collector.connections == 0 and not collector.stored


# --- retry after ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("7", 7.0), ("1000000000", 300.0), ("1e9", None), ("soon", None), ("-1", None)],
)
async def test_retry_after(
    make: Make, collector: Collector, status: int, value: str, seconds: float | None
) -> None:
    collector.faults.add(HttpStatus(status, headers={"Retry-After": value}, times=1))
    await fail(make(collector.http_url), UnavailableError, status=status, retry_after=seconds)


# --- WebSocket connections --------------------------------------------------------------------


@WIRES
async def test_an_identity_that_is_taken(make: Make, collector: Collector, wire: str) -> None:
    transport = make(collector.ws_url, wire=wire)
    collector.faults.add(Taken(times=1))
    error = await fail(
        transport,
        IdentityTakenError,
        code=Code.CODE_MAX_USER_LIMIT_REACHED,
        persisted="no",
        retryable=True,
        patience=75.0,
    )
    assert "duplicated connection" in error.reason
    await deliver(transport)


@WIRES
async def test_too_many_connections(make: Make, collector: Collector, wire: str) -> None:
    transport = make(collector.ws_url, wire=wire)
    collector.faults.add(Full(times=1))
    await fail(
        transport,
        ConnectionLimitError,
        code=Code.CODE_MAX_CONNECTION_LIMIT_REACHED,
        persisted="no",
        retryable=True,
        reason="max connection reached",
    )
    await deliver(transport)


async def test_two_of_one_identity(make: Make, collector: Collector) -> None:
    first, second = (make(collector.ws_url, headers={"x-user-id": "me"}) for _ in range(2))
    await deliver(first)
    await fail(second, IdentityTakenError, persisted="no")
    await first.close()
    await until(lambda: collector.connections == 0)
    await deliver(second)


async def test_each_connection_has_an_identity_of_its_own(make: Make, collector: Collector) -> None:
    transport = make(collector.ws_url)
    for _ in range(3):
        await deliver(transport)
        collector.sever(reset=True)
        await until(lambda: collector.connections == 0)
    assert len({received.identity for received in collector.received}) == 3


@pytest.mark.parametrize("fault", [NoUpgrade(times=1), Mute(times=1)])
async def test_a_server_that_does_not_let_in(
    make: Make, collector: Collector, fault: NoUpgrade | Mute
) -> None:
    transport = make(collector.ws_url, connect_timeout=0.3)
    collector.faults.add(fault)
    error = await fail(transport, ConnectError, persisted="no", retryable=True)
    assert "within 0.3 s" in error.reason
    assert not collector.received
    await deliver(transport)


async def test_answers_in_any_order(make: Make, collector: Collector) -> None:
    transport = make(collector.ws_url)
    collector.faults.add(Reorder(8))
    await asyncio.gather(*(deliver(transport) for _ in range(16)))


async def test_answers_that_come_twice_or_to_nobody(make: Make, collector: Collector) -> None:
    transport = make(collector.ws_url)
    collector.faults.add(Double(), Foreign(), LateError())
    for _ in range(3):
        await asyncio.gather(*(deliver(transport) for _ in range(8)))
    assert transport.connections == 1


async def test_a_late_answer_is_no_answer_to_another(make: Make, collector: Collector) -> None:
    transport = make(collector.ws_url)
    await deliver(transport)
    collector.faults.add(Delay(0.2, times=1))
    guid = new_guid()
    given_up = asyncio.ensure_future(transport.send(guid, body(transport.wire, guid)))
    await until(lambda: len(collector.received) == 2)
    given_up.cancel()
    await asyncio.wait([given_up])
    await deliver(transport)
    # The second copy waits for the answer to the first, and is not sent.
    await deliver(transport, req_guid=guid)
    assert [received.req_guid for received in collector.received].count(guid) == 1


# --- gRPC connections -------------------------------------------------------------------------


async def test_goaway_during_a_call(make: Make, collector: Collector) -> None:
    transport = make(collector.grpc_url)
    await deliver(transport)
    collector.faults.add(GoAway(times=1))
    error = await fail(transport, ConnectionLostError, persisted="possibly", retryable=True)
    assert "GOAWAY" in error.reason
    await deliver(transport, req_guid=error.req_guid)
    # The server finished the call all the same: a duplicate, and flagged as possible.
    assert len(collector.stored) == 3
    assert transport.connections == 2


async def test_an_answer_of_another_code(
    make: Make, url: str, scheme: str, collector: Collector
) -> None:
    transport = make(url)
    collector.faults.add(Answered(code=Code.CODE_UNSPECIFIED, reason="odd", times=1))
    if scheme == "rest":  # it comes with a status that says more
        await fail(transport, UnavailableError, status=500, persisted="possibly")
    else:
        await fail(transport, AnswerError, code=Code.CODE_UNSPECIFIED, persisted="possibly")
    await deliver(transport)


async def test_transports_can_be_opened_again(make: Make, url: str, collector: Collector) -> None:
    transport: Transport = make(url)
    await deliver(transport)
    await transport.close()
    await transport.close()
    await deliver(transport)
    assert transport.connections == 2 and len(collector.stored) == 2
