"""Mistakes against generated packages: type checkers report each marked line and no other."""

# It is wrong on purpose.
# ruff: noqa

from __future__ import annotations

import generated
from deprecated import AsyncEventClient as OldClient
from deprecated import ClickEvent as OldClickEvent
from generated import AsyncEventClient, EventClient, Money, PageEvent
from generated import PageEvnt  # error
from generated import Plan, SearchEvent, UserSignedUpEvent
from generated.shop.v1 import Money as NotThere  # error
from raccoon_runtime.envelope import Ack


async def asynchronously(client: AsyncEventClient, old: OldClient) -> None:
    await client.send_page_event()  # error
    await client.send_page_event(path="/")  # error
    await client.send_page_event(event_name=1)  # error
    await client.send_page_event(event_name="x", pth="/")  # error
    await client.send_page_event("x")  # error
    await client.send_page_event(PageEvent(), path="/")  # error
    await client.send_page_event(UserSignedUpEvent())  # error
    await client.send_page_event(event=PageEvent())  # error
    await client.send_page_event(event_name="x", timeout="1")  # error
    await client.send_page_event(PageEvent(), timeout="1")  # error
    await client.send_page_event(event_name="x", tags="abc")  # error
    await client.send_search_event(query="x", sort=Plan.PLAN_PRO)  # error
    await client.send_search_event(query="x", sort=1)  # error
    await client.send_search_event(query="x", filters={"a": 1})  # error
    await client.send_pge_event(event_name="x")  # error
    ack: Ack = client.send_page_event(event_name="x")  # error
    await old.send_click_event(element="x")  # error
    await old.send_click_event(OldClickEvent())  # error


def synchronously(client: EventClient) -> None:
    ack: int = client.send_page_event(event_name="x")  # error
    client.send_cart_item_added_event(cart_id="c")  # error
    client.send_cart_item_added_event(cart_id="c", item=None)  # error
    client.send_cart_item_added_event(cart_id="c", item=Money())  # error


def messages() -> None:
    PageEvent(event_nam="x")  # error
    PageEvent("x")  # error
    PageEvent(tags=[1])  # error
    SearchEvent(sort=SearchEvent.Sort.SORT_NOTHING)  # error
    PageEvent().event_name.foo()  # error
    PageEvent().missing  # error
    UserSignedUpEvent(source=UserSignedUpEvent.Sauce())  # error
    generated.NoSuchEvent()  # error
    generated.shop.v1.NoSuchEvent()  # error
