"""One of each event of `schemas/`, filled in as an application would."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from raccoon_runtime.message import Message

from generated import (
    CartItemAddedEvent,
    CartItemRemovedEvent,
    CheckoutStarted,
    ClickEvent,
    Context,
    LineItem,
    Money,
    OrderPlacedEvent,
    PageEvent,
    PaymentEvent,
    PaymentOutcome,
    Plan,
    PlanChangedEvent,
    Platform,
    Product,
    RefundEvent,
    SearchEvent,
    UserSignedUpEvent,
)

CONTEXT = Context(
    user_id="u-1",
    session_id="s-1",
    session_age=timedelta(minutes=3, microseconds=250),
    device=Context.Device(
        platform=Platform.PLATFORM_WEB, model="Pixel 9", os_version="16", screen=[1080, 2424]
    ),
    experiments={"checkout": "one-page"},
)
TEAPOT = Product(
    sku="TP-1",
    name="Žluťoučký čajník 🫖",
    price=Money(currency="EUR", minor_units=2_450),
    categories=["kitchen", "tea"],
    attributes={"colour": "yellow", "litres": "1.2"},
)
ITEM = LineItem(product=TEAPOT, quantity=2, discount=Money(currency="EUR", minor_units=200))
TOTAL = Money(currency="EUR", minor_units=4_500)

SAMPLES: list[Message] = [
    PageEvent(
        event_name="viewed", context=CONTEXT, path="/teapots", referrer="/", tags=["sale", "new"]
    ),
    ClickEvent(context=CONTEXT, element="add-to-cart", x=-1, y=740),
    SearchEvent(
        context=CONTEXT,
        query='teapot "glass"',
        sort=SearchEvent.Sort.SORT_PRICE,
        filters={"colour": "yellow"},
        results=12,
        best_score=0.75,
    ),
    CartItemAddedEvent(context=CONTEXT, cart_id="c-1", item=ITEM),
    CartItemRemovedEvent(context=CONTEXT, cart_id="c-1", sku="TP-1", quantity=0),
    CheckoutStarted(context=CONTEXT, cart_id="c-1", items=[ITEM], total=TOTAL),
    OrderPlacedEvent(
        context=CONTEXT,
        order_id="o-1",
        items=[ITEM],
        total=TOTAL,
        card=OrderPlacedEvent.Card(scheme="visa", last_four="4242"),
        discounts={"spring": Money(currency="EUR", minor_units=400)},
        note="",
        partner={"id": 7, "flags": [True, None, "x"]},
    ),
    PaymentEvent(
        context=CONTEXT,
        order_id="o-1",
        amount=TOTAL,
        outcome=PaymentOutcome.PAYMENT_OUTCOME_AUTHORISED,
        risk=0.0,
        receipt=b"\x00\xff signed",
    ),
    RefundEvent(context=CONTEXT, order_id="o-1", amount=TOTAL, lines=[0, 3]),
    UserSignedUpEvent(
        context=CONTEXT,
        user_id="u-1",
        plan=Plan.PLAN_FREE,
        source=UserSignedUpEvent.Source(campaign="spring", medium="mail"),
        newsletter=True,
    ),
    PlanChangedEvent(
        context=CONTEXT,
        user_id="u-1",
        from_=Plan.PLAN_FREE,
        to=Plan.PLAN_PRO,
        effective_time=datetime(2027, 1, 1, tzinfo=timezone.utc),
    ),
]
