"""A Celery application whose client is made, and used, before the pool forks."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery
from raccoon_runtime.sync import SyncClient

from tests.faults.events import RAW, event
from tests.faults.journal import Journal

_folder = Path(os.environ["BROKER"])
_folder.mkdir(exist_ok=True)
app = Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(_folder),
    "data_folder_out": str(_folder),
    "control_folder": str(_folder / "control"),
}
app.conf.worker_prefetch_multiplier = 1

journal = Journal(os.environ["JOURNAL"])
client = SyncClient.connect(os.environ["RACCOON_URL"], serializer=RAW)


@app.task
def deliver(number: int) -> None:
    """Send an event and write its ack down."""
    (ack,) = client.send([event(number)])
    journal.accepted(number)
    journal.ack(ack)


if os.environ.get("FIRST"):
    deliver(int(os.environ["FIRST"]))
