"""Celery: a client from before the fork; each process of the pool has its own connection.

RACCOON_URL=ws://localhost:8080/api/v1/events celery --app celery_app worker
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_shutdown

from generated import EventClient, Money, SearchEvent

app = Celery("shop", broker=os.environ.get("CELERY_BROKER_URL", "redis://localhost"))
events = EventClient.connect(client_name="shop-jobs")


@worker_process_shutdown.connect
def close_events(**_: Any) -> None:
    """Deliver what is pending: the pool's processes end without Python's own exit handlers."""
    events.close()


@app.task(acks_late=True)
def refund(order_id: str, cents: int) -> None:
    """Refund an order; the task fails when its event is not acknowledged."""
    amount = Money(currency="EUR", minor_units=cents)
    events.send_refund_event(order_id=order_id, amount=amount)


@app.task
def count_search(query: str) -> None:
    """Note a search; the event is delivered behind the task's back."""
    events.submit(SearchEvent(query=query))
