"""Every call of both clients and what it gives back, over each transport."""

from __future__ import annotations

import asyncio
import json
import math
import re
from datetime import datetime

import pytest
from google.protobuf.api_pb2 import Method
from google.protobuf.timestamp_pb2 import Timestamp
from raccoon_runtime import (
    JSON,
    JSON_PROTO_NAMES,
    Ack,
    BatchError,
    Code,
    ConfigError,
    Event,
    EventTooLargeError,
    PublishError,
    SerializationError,
    Serializer,
)
from raccoon_runtime.collector import Answered, Collector, Delay, NoAnswer, Unpublishable
from raccoon_runtime.message import Message

from generated import ClickEvent, Context, PageEvent, SearchEvent

from .conftest import Connect


async def test_one_event_from_keywords_or_as_a_message(
    connect: Connect, collector: Collector, url: str
) -> None:
    async with connect(url) as client:
        first = await client.send_page_event(event_name="clicked", path="/a")
        second = await client.send_page_event(PageEvent(event_name="viewed", path="/b"))
        assert isinstance(first, Ack)
        assert (first.ok, first.code, first.attempts) == (True, Code.CODE_OK, 1)
        assert first.req_guid != second.req_guid
    assert {event.req_guid for event in collector.stored} == {first.req_guid, second.req_guid}
    events = [PageEvent.parse(event.event_bytes) for event in collector.stored]
    assert [(event.event_name, event.path) for event in events] == [
        ("clicked", "/a"),
        ("viewed", "/b"),
    ]


async def test_what_auto_fills_in_is_on_the_wire_and_not_in_the_callers_message(
    connect: Connect, collector: Collector
) -> None:
    mine = PageEvent(event_name="x")
    async with connect() as client:
        await client.send_page_event(mine)
        await client.send([mine])
    assert (mine.event_guid, mine.sent_time) == ("", None)
    one, other = (PageEvent.parse(event.event_bytes) for event in collector.stored)
    assert one.event_guid and other.event_guid and one.event_guid != other.event_guid
    assert one.sent_time is not None


async def test_a_list_goes_in_as_few_requests_as_fit(
    connect: Connect, collector: Collector, url: str
) -> None:
    events = [PageEvent(event_name=str(number)) for number in range(250)]
    async with connect(url) as client:
        acks = await client.send(events)
        assert len(acks) == len(collector.received) == 3
        assert {ack.req_guid for ack in acks} == {one.req_guid for one in collector.received}
        assert client.stats().delivered == 250
    names = [PageEvent.parse(event.event_bytes).event_name for event in collector.stored]
    assert sorted(names, key=int) == [str(number) for number in range(250)]


async def test_an_event_of_a_subclass(connect: Connect, collector: Collector) -> None:
    class TeamsPage(PageEvent):
        """With a method of the team's own, say."""

    async with connect() as client:
        await client.send_page_event(TeamsPage(event_name="a"))
        await client.send([TeamsPage(event_name="b")])
        await client.submit(TeamsPage(event_name="c"))
    assert [page.event_name for page in collector.messages(PageEvent)] == ["a", "b", "c"]


async def test_an_empty_list_sends_nothing(connect: Connect, collector: Collector) -> None:
    async with connect() as client:
        assert await client.send([]) == []
        assert client.stats().accepted == 0
    assert collector.received == []


async def test_a_list_may_be_any_iterable(connect: Connect, collector: Collector) -> None:
    async with connect() as client:
        await client.send(ClickEvent(element=str(number)) for number in range(3))
        await client.send((PageEvent(event_name="x"), Event("click", ClickEvent(element="y"))))
    assert [event.type for event in collector.stored] == ["click"] * 3 + ["page", "click"]


async def test_submit_gives_a_future_of_the_ack(
    connect: Connect, collector: Collector, url: str
) -> None:
    async with connect(url) as client:
        for submitted in (
            await client.submit(PageEvent(event_name="waits for room")),
            client.submit_nowait(PageEvent(event_name="does not")),
        ):
            ack = await client.outcome(submitted)
            assert submitted.done()
            assert submitted.req_guid == ack.req_guid
            assert submitted.exception() is None
    assert len(collector.stored) == 2


async def test_a_future_that_is_pending_says_so(connect: Connect, collector: Collector) -> None:
    collector.faults.add(NoAnswer())
    client = connect()
    future = client.submit_nowait(PageEvent(event_name="x"))
    assert not future.done()
    assert future.req_guid in repr(future)
    assert "pending" in repr(future)
    with pytest.raises(asyncio.InvalidStateError, match="pending"):
        future.outcome()
    (left,) = await client.close(timeout=0.05)
    assert future.exception().req_guid == future.req_guid
    assert type(left.error) is type(future.exception())


async def test_untyped_events(connect: Connect, collector: Collector) -> None:
    async with connect(serializer=JSON) as client:
        await client.send([Event("anything", {"a": [1, None, "ž"]}), Event("page", [1.5])])
        await client.submit(Event("x-y.z_1", "text"))
        await client.flush()
    assert [(event.type, event.event_bytes) for event in collector.stored] == [
        ("anything", '{"a":[1,null,"ž"]}'.encode()),
        ("page", b"[1.5]"),
        ("x-y.z_1", b'"text"'),
    ]


async def test_flush_waits_for_what_was_accepted(connect: Connect, collector: Collector) -> None:
    async with connect() as client:
        for number in range(500):
            client.submit_nowait(PageEvent(event_name=str(number)))
        await client.flush()
        assert client.stats().pending == 0
        assert len(collector.stored) == 500


# --- what cannot be encoded -------------------------------------------------------------


async def test_nothing_is_sent_of_a_list_with_an_event_that_cannot_be_encoded(
    connect: Connect, collector: Collector
) -> None:
    bad = SearchEvent(query="x", results=-1)
    async with connect() as client:
        with pytest.raises(SerializationError, match=r"events\[1\].*SearchEvent\.results") as told:
            await client.send([PageEvent(event_name="x"), bad, bad])
        assert (told.value.index, told.value.event_type) == (1, "search")
        with pytest.raises(SerializationError, match="results"):
            await client.send_search_event(bad)
        with pytest.raises(SerializationError, match="results"):
            await client.submit(bad)
        with pytest.raises(SerializationError, match="results"):
            client.submit_nowait(bad)
        assert client.stats().accepted == 0
    assert collector.received == []


async def test_an_event_larger_than_a_broker_takes(connect: Connect) -> None:
    async with connect(max_event_bytes=1000) as client:
        with pytest.raises(EventTooLargeError, match=r"page: 1,\d+ bytes, of at most 1,000"):
            await client.send_page_event(event_name="x" * 1000)
        with pytest.raises(EventTooLargeError) as told:
            await client.send([PageEvent(event_name="x"), PageEvent(event_name="x" * 1000)])
        assert told.value.index == 1


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("text", "str is no event"),
        ({"event_name": "x"}, "dict is no event"),
        (Context(user_id="u"), "Context is a message but no event"),
        (None, "NoneType is no event"),
        (PageEvent, "PageEvent is a class; an event of it belongs here"),
    ],
)
async def test_what_is_no_event(connect: Connect, event: object, told: str) -> None:
    async with connect() as client:
        with pytest.raises(SerializationError, match=told):
            await client.submit(event)
        with pytest.raises(SerializationError, match=rf"events\[0\]: {told}"):
            await client.send([event])


@pytest.mark.parametrize(
    ("serializer", "expected"),
    [
        (JSON, {"name": "x", "requestTypeUrl": "y"}),
        (JSON_PROTO_NAMES, {"name": "x", "request_type_url": "y"}),
    ],
)
async def test_googles_messages_are_events_under_each_serializer(
    connect: Connect, collector: Collector, serializer: Serializer, expected: dict[str, str]
) -> None:
    message = Method(name="x", request_type_url="y")
    async with connect(serializer=serializer) as client:
        await client.send([Event("page", message), Event("page", {"in": [message]})])
    async with connect() as client:
        await client.send([Event("page", message)])
    alone, inside, proto = (event.event_bytes for event in collector.stored)
    assert json.loads(alone) == expected and json.loads(inside) == {"in": [expected]}
    assert Method.FromString(proto) == message


async def test_what_is_wrong_with_or_beside_googles_message(connect: Connect) -> None:
    async with connect(serializer=JSON) as client:
        with pytest.raises(SerializationError, match=r"Timestamp cannot be written: \w*Error$"):
            await client.send([Event("page", Timestamp(seconds=1 << 60))])
        with pytest.raises(SerializationError, match=r"\$\[1\]: object is nothing that JSON"):
            await client.send([Event("page", [Timestamp(), object()])])
        with pytest.raises(SerializationError, match=r"\$\.at: a datetime without a time zone"):
            await client.submit(Event("page", {"at": datetime(2026, 1, 2)}))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (datetime(2026, 1, 1), "a datetime without a time zone"),
        (float("nan"), "a float that is not finite"),
        (1 << 64, "an int of more than 64 bits"),
        ("\ud800", "text that is not valid Unicode"),
        ({1: 2}, "a key of type int"),
        (object(), "object is nothing that JSON can hold"),
    ],
)
async def test_what_json_cannot_hold_is_told_with_its_place(
    connect: Connect, wrong: object, told: str
) -> None:
    async with connect(serializer=JSON) as client:
        for value, place in ((wrong, "$"), ({"a": [1, wrong]}, "$.a[1]")):
            said = re.escape(f"events[0]: event page: {place}: {told}")
            with pytest.raises(SerializationError, match=f"^{said}$"):
                await client.send([Event("page", value)])


@pytest.mark.parametrize("event", [PageEvent(event_name="x"), Event("page", {}), "page", b"", {}])
async def test_one_event_where_a_list_belongs(connect: Connect, event: object) -> None:
    async with connect() as client:
        with pytest.raises(TypeError, match=r"send\(\) takes a list of events, not one"):
            await client.send(event)


async def test_a_message_of_another_class(connect: Connect) -> None:
    async with connect() as client:
        with pytest.raises(SerializationError, match="page: PageEvent belongs here, not Click"):
            await client.send_page_event(ClickEvent(element="x"))
        with pytest.raises(SerializationError, match="PageEvent belongs here, not str"):
            await client.send_page_event("clicked")
        told = "an instance of PageEvent belongs here, not a class"
        with pytest.raises(SerializationError, match=told):
            await client.send_page_event(PageEvent)
        namesake = type("PageEvent", (), {"__module__": "library.page_pb"})
        told = f"{PageEvent.__module__}.PageEvent belongs here, not library.page_pb.PageEvent"
        with pytest.raises(SerializationError, match=re.escape(told)):
            await client.send_page_event(namesake())


async def test_the_class_of_a_type_that_is_not_there(connect: Connect) -> None:
    async with connect() as client:
        assert client.event_class("page") is PageEvent
        with pytest.raises(KeyError, match="EventClient has no event of the type 'pgae'"):
            client.event_class("pgae")


async def test_both_a_message_and_its_fields(connect: Connect) -> None:
    async with connect() as client:
        with pytest.raises(TypeError, match="the event or its fields, not both: path"):
            await client.send_page_event(PageEvent(event_name="x"), path="/")


async def test_keywords_that_are_missing_or_unknown(connect: Connect) -> None:
    async with connect() as client:
        with pytest.raises(TypeError, match="event_name"):
            await client.send_page_event(path="/")
        with pytest.raises(TypeError, match="pth"):
            await client.send_page_event(event_name="x", pth="/")


async def test_an_untyped_event_of_the_other_serializers_kind(connect: Connect) -> None:
    async with connect() as client:
        with pytest.raises(SerializationError, match="dict"):
            await client.send([Event("page", {"any": "json"})])
    async with connect(serializer=JSON) as client:
        with pytest.raises(SerializationError, match="object"):
            await client.send([Event("page", object())])


async def test_the_error_of_a_serializer_of_ones_own_keeps_its_kind(connect: Connect) -> None:
    class Refused(SerializationError):
        def __init__(self, event: object, why: str) -> None:
            super().__init__(why)
            self.event = event

    class Refusing:
        name = "REFUSING"

        def encode(self, value: object) -> bytes:
            raise Refused(value, "not today")

        def encode_fields(self, event: type[Message], fields: dict[str, object]) -> bytes:
            raise Refused(event, "not today")

    async with connect(serializer=Refusing()) as client:
        event = PageEvent(event_name="x")
        with pytest.raises(Refused, match=r"^events\[0\]: not today$") as told:
            await client.send([event])
        assert (told.value.event, told.value.index, told.value.event_type) == (event, 0, "page")
        with pytest.raises(Refused, match=r"^not today$"):
            await client.send_page_event(event_name="x")


@pytest.mark.parametrize("timeout", ["1", True, [1]])
async def test_a_timeout_that_is_no_number(connect: Connect, timeout: object) -> None:
    async with connect() as client:
        with pytest.raises(TypeError, match="timeout is a number of seconds"):
            await client.send([PageEvent(event_name="x")], timeout=timeout)
        with pytest.raises(TypeError, match="timeout is a number of seconds"):
            await client.send_page_event(event_name="x", timeout=timeout)
        with pytest.raises(TypeError, match="timeout is a number of seconds"):
            await client.flush(timeout)
        with pytest.raises(TypeError, match="timeout is a number of seconds"):
            await client.close(timeout)
        # Nothing came of all that.
        assert client.stats().accepted == 0
        assert (await client.send_page_event(event_name="x")).ok


async def test_a_timeout_that_is_no_time(connect: Connect) -> None:
    async with connect() as client:
        for call in (
            lambda: client.send([PageEvent(event_name="x")], timeout=math.nan),
            lambda: client.send_page_event(event_name="x", timeout=math.nan),
            lambda: client.flush(math.nan),
            lambda: client.close(math.nan),
        ):
            with pytest.raises(ValueError, match="not NaN"):
                await call()
        assert client.stats().accepted == 0
        assert (await client.send_page_event(event_name="x")).ok


@pytest.mark.parametrize("timeout", [1e10, 1e308, math.inf, None])
async def test_a_timeout_longer_than_any_wait(
    connect: Connect, collector: Collector, timeout: float | None
) -> None:
    collector.faults.add(Delay(0.1))
    options = {} if timeout is None else {"timeout": timeout, "room_timeout": timeout}
    client = connect(queue_events=1, **options)
    assert (await client.send([PageEvent(event_name="x")] * 2, timeout=timeout)).pop().ok
    assert (await client.send_page_event(event_name="x", timeout=timeout)).ok
    assert (await client.send_page_event(event_name="x")).ok
    future = await client.submit(PageEvent(event_name="x"))
    if client.is_sync:
        assert (await asyncio.to_thread(future.result, timeout)).ok
    else:
        assert (await future if timeout is None else await future.within(timeout)).ok
    client.submit_nowait(PageEvent(event_name="x"))
    await client.flush(timeout)
    client.submit_nowait(PageEvent(event_name="x"))
    assert await client.close(timeout) == []
    assert client.stats().delivered == 7


async def test_an_option_that_does_not_exist(connect: Connect) -> None:
    with pytest.raises(ConfigError, match="did you mean retry_budget") as told:
        connect(retry_budgt=1)
    assert told.value.argument == "retry_budgt"


# --- what is refused --------------------------------------------------------------------


async def test_a_refusal_is_an_error_that_names_the_request(
    connect: Connect, collector: Collector, url: str
) -> None:
    collector.faults.add(Unpublishable(type="page"))
    async with connect(url, retry_count=0) as client:
        with pytest.raises(PublishError) as told:
            await client.send_page_event(event_name="x")
        error = told.value
        assert error.req_guid == collector.received[-1].req_guid
        assert (error.code, error.retryable) == (Code.CODE_INTERNAL_ERROR, True)
        assert error.persisted == "possibly"
        assert client.stats().failures == {"PublishError": 1}


async def test_a_list_says_which_events_failed(connect: Connect, collector: Collector) -> None:
    """The failing event is alone in its request, so that its siblings are acknowledged."""
    collector.faults.add(Unpublishable(type="click"))
    events = [PageEvent(event_name="a"), ClickEvent(element="b"), PageEvent(event_name="c")]
    async with connect(retry_count=0, batch_events=1) as client:
        with pytest.raises(BatchError) as told:
            await client.send(events)
    failed = told.value
    assert [(one.index, one.event) for one in failed.failures] == [(1, events[1])]
    (failure,) = failed.failures
    assert isinstance(failure.error, PublishError)
    assert failed.__cause__ is failure.error
    assert failed.retryable
    assert len(failed.acks) == 2
    acknowledged = {event.req_guid for event in collector.stored}
    assert {ack.req_guid for ack in failed.acks} == acknowledged
    assert failure.error.req_guid not in acknowledged
    assert str(failed).startswith("1 event not acknowledged; the first, at index 1: ")


async def test_a_rejected_list_fails_whole(connect: Connect, collector: Collector) -> None:
    collector.faults.add(Answered(code=Code.CODE_BAD_REQUEST, reason="no"))
    events = [PageEvent(event_name="a"), PageEvent(event_name="b")]
    async with connect() as client:
        with pytest.raises(BatchError) as told:
            await client.send(events)
        assert told.value.acks == []
        assert [failure.index for failure in told.value.failures] == [0, 1]
        assert not told.value.retryable
        assert client.stats().failures == {"RejectedError": 2}


async def test_one_failure_is_raised_to_each_with_a_traceback_of_its_own(
    connect: Connect, collector: Collector
) -> None:
    collector.faults.add(Answered(code=Code.CODE_BAD_REQUEST))
    async with connect() as client:
        futures = [client.submit_nowait(PageEvent(event_name=str(n))) for n in range(3)]
        errors = [await client.outcome(future) for future in futures]
        assert len(set(map(id, errors))) == 3
        for future in futures:
            with pytest.raises(type(errors[0])):
                future.result()
