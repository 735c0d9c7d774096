"""Flask under gunicorn: a client from before the fork; each worker process has its own connection.

RACCOON_URL=ws://localhost:8080/api/v1/events gunicorn --preload -w 2 --threads 4 flask_app:app
"""

from __future__ import annotations

from flask import Flask, request

from generated import EventClient, Money, SearchEvent

app = Flask(__name__)
# Its thread starts with a worker's first event, and the worker's end closes it.
events = EventClient.connect(client_name="shop")


@app.post("/searches")
def search() -> dict[str, str]:
    """Answer as soon as the event is accepted; it is delivered behind the user's back."""
    query = request.args["query"]
    events.submit(SearchEvent(query=query))
    return {"query": query}


@app.post("/orders/<order_id>/refund")
def refund(order_id: str) -> dict[str, str]:
    """Answer when the event is acknowledged; an error of the client's is a 500 here."""
    amount = Money(currency="EUR", minor_units=int(request.args["cents"]))
    ack = events.send_refund_event(order_id=order_id, amount=amount)
    return {"request": ack.req_guid}
