"""FastAPI: one asynchronous client for each worker process, opened and closed with the application.

RACCOON_URL=ws://localhost:8080/api/v1/events uvicorn fastapi_app:app --workers 2
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, TypedDict

from fastapi import Depends, FastAPI, Request

from generated import AsyncEventClient, Money, SearchEvent


class State(TypedDict):
    """What every request can reach."""

    events: AsyncEventClient


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[State]:
    """Deliver what is pending before the worker ends."""
    async with AsyncEventClient.connect(client_name="shop") as events:
        yield {"events": events}


def client_of(request: Request) -> AsyncEventClient:
    """Return the worker's client."""
    events: AsyncEventClient = request.state.events
    return events


app = FastAPI(lifespan=lifespan)
Events = Annotated[AsyncEventClient, Depends(client_of)]


@app.post("/searches")
async def search(query: str, events: Events) -> dict[str, str]:
    """Answer as soon as the event is accepted; it is delivered behind the user's back."""
    await events.submit(SearchEvent(query=query))
    return {"query": query}


@app.post("/orders/{order_id}/refund")
async def refund(order_id: str, cents: int, events: Events) -> dict[str, str]:
    """Answer when the event is acknowledged; an error of the client's is a 500 here."""
    amount = Money(currency="EUR", minor_units=cents)
    ack = await events.send_refund_event(order_id=order_id, amount=amount)
    return {"request": ack.req_guid}
