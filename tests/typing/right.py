"""Generated packages as users write against them: type checkers find nothing. Nobody runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone

import named_as_builtins
from deprecated import TapEvent
from field_kinds import Level, OneofsEvent, Outer
from named_as_builtins import AlertedEvent, Warning
from no_package import RootEvent
from raccoon_runtime import (
    AckFuture,
    ClientKeywords,
    Headers,
    Latency,
    QueueFull,
    SendTimeoutError,
)
from raccoon_runtime.envelope import Ack
from raccoon_runtime.event import Event
from raccoon_runtime.message import Message
from typing_extensions import Unpack, assert_type
from versions.shop.v1 import PageEvent as OldPageEvent
from well_known import KnownEvent

import generated
from generated import (
    AsyncEventClient,
    Context,
    EventClient,
    LineItem,
    Money,
    OrderPlacedEvent,
    PageEvent,
    PaymentOutcome,
    Plan,
    Product,
    SearchEvent,
    UserSignedUpEvent,
)
from generated.common.v1 import Platform
from generated.shop.v1 import RefundEvent
from generated.shop.v1.page_pb import ClickEvent


async def asynchronously() -> None:
    async with AsyncEventClient.connect("ws://localhost:8080/api/v1/events") as client:
        ack = await client.send_page_event(event_name="clicked")
        assert_type(ack, Ack)
        ack = await client.send_page_event(PageEvent(event_name="clicked"), timeout=1.5)
        pending = client.send_click_event(element="buy", x=-1, timeout=None)
        assert_type(await pending, Ack)
        await client.send_search_event(
            query="shoes", sort=SearchEvent.Sort.SORT_PRICE, filters={"colour": "red"}
        )
        assert_type(await client.send([PageEvent(event_name="x"), Event("page", {})]), list[Ack])


def synchronously() -> None:
    with EventClient.connect("grpc://localhost:8081") as client:
        assert_type(client.send_page_event(event_name="clicked"), Ack)
        assert_type(client.send_page_event(PageEvent(event_name="clicked")), Ack)
        client.send_order_placed_event(
            order_id="o-1",
            items=[LineItem(product=Product(sku="s"), quantity=1)],
            total=Money(currency="EUR", minor_units=100),
            sent_time=datetime.now(timezone.utc),
            context=Context(session_age=timedelta(minutes=3), experiments={"a": "b"}),
            card=OrderPlacedEvent.Card(scheme="visa"),
            note="please",
            partner={"any": ["json", 1, None, {"deep": True}]},
        )
        client.send_payment_event(order_id="o-1", outcome=PaymentOutcome.PAYMENT_OUTCOME_ERROR)


def connected(url: str, headers: Headers, **options: Unpack[ClientKeywords]) -> EventClient:
    return EventClient.connect(url, headers=headers, **options)


async def late(client: AsyncEventClient, other: EventClient, latency: Latency) -> None:
    try:
        await client.send([PageEvent(event_name="x")])
    except QueueFull as error:
        assert_type([future.done() for future in error.futures], list[bool])
    except SendTimeoutError as error:
        if isinstance(error.future, AckFuture):
            assert_type(await error.future, Ack)
    try:
        other.send([PageEvent(event_name="x")])
    except SendTimeoutError as error:
        assert_type([future.result() for future in error.futures], list[Ack])
    assert latency == client.stats().latency


def messages() -> None:
    event = UserSignedUpEvent(user_id="u", plan=Plan.PLAN_PRO)
    assert_type(event.plan, Plan)
    assert_type(event.source, UserSignedUpEvent.Source | None)
    assert_type(event.sent_time, datetime | None)
    assert_type(OrderPlacedEvent().discounts, dict[str, Money])
    assert_type(RefundEvent().lines, list[int])
    assert_type(PageEvent.parse(bytes(PageEvent(path="/"))), PageEvent)
    assert_type(ClickEvent.from_json("{}"), ClickEvent)
    assert_type(Context.Device(platform=Platform.PLATFORM_IOS).screen, list[int])
    assert_type(OneofsEvent(card=OneofsEvent.Card()).level, Level | None)
    assert_type(Outer.Middle.Inner().kind, Outer.Middle.Inner.Kind)
    assert_type(KnownEvent().double, float | None)
    assert_type(AlertedEvent().warnings, dict[str, Warning])
    if item := AlertedEvent(text=named_as_builtins.str(text="x")).item:
        assert_type(item.number, int)
    assert_type(AsyncEventClient.event_class("page"), type[Message])
    _ = RootEvent(), OldPageEvent(), TapEvent(element="x")


async def either(client: AsyncEventClient | None) -> AsyncIterator[Ack]:
    """The face's module holds what it exports."""
    if client is not None:
        yield await client.send_page_event(generated.PageEvent(event_name="x"))
