"""A WSGI application whose client is made, and used, before gunicorn forks (`--preload`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from raccoon_runtime.sync import SyncClient

from tests.faults.events import RAW, event
from tests.faults.journal import Journal

journal = Journal(os.environ["JOURNAL"])
client = SyncClient.connect(os.environ["RACCOON_URL"], serializer=RAW)


def deliver(number: int) -> None:
    """Send an event and write its ack down."""
    (ack,) = client.send([event(number)])
    journal.accepted(number)
    journal.ack(ack)


deliver(int(os.environ["FIRST"]))


def application(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
    """Deliver the event whose number is the path."""
    deliver(int(environ["PATH_INFO"].strip("/")))
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
