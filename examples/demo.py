"""The main job, end to end: schemas in, typed events acknowledged over every transport.

Generates a package from `schemas/` into a temporary folder, starts the dev collector on free
loopback ports, sends each sample event over ws, rest and grpc with the JSON and the PROTO
serializer, sync and async, and prints what came of it. Exits 1 when one event is missing or is not
what was sent.
"""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raccoon_runtime import JSON, PROTO, Ack, Serializer
from raccoon_runtime.collector import Collector, Stored
from raccoon_runtime.message import Message

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parent / "schemas"
SERIALIZERS: dict[str, Serializer] = {"JSON": JSON, "PROTO": PROTO}


@dataclass(frozen=True)
class Sent:
    """One sample event on one path, and the answer to it."""

    transport: str
    serializer: str
    face: str
    event: Message
    ack: Ack


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="raccoon-demo-") as folder:
        command = [sys.executable, "-m", "raccoon_codegen", str(SCHEMAS), "-o", "generated"]
        subprocess.run(command, cwd=folder, check=True)
        sys.path[:0] = [folder, str(HERE)]
        samples: list[Message] = importlib.import_module("samples").SAMPLES
        with Collector.in_thread(event_ack=1) as collector:
            sent = asyncio.run(send_async(collector, samples))
            sent += send_sync(collector, samples)
            return report(sent, collector.stored)


def routes(collector: Collector) -> Iterator[tuple[str, str, str]]:
    """(transport, serializer, URL) in every combination."""
    urls = {"ws": collector.ws_url, "rest": collector.http_url, "grpc": collector.grpc_url}
    for transport, url in urls.items():
        for serializer in SERIALIZERS:
            yield transport, serializer, url


async def send_async(collector: Collector, samples: list[Message]) -> list[Sent]:
    from generated import AsyncEventClient

    sent: list[Sent] = []
    for transport, serializer, url in routes(collector):
        client = AsyncEventClient.connect(url, serializer=SERIALIZERS[serializer])
        async with client:
            for event in samples:
                (ack,) = await client.send([event])
                sent.append(Sent(transport, serializer, "async", event, ack))
    return sent


def send_sync(collector: Collector, samples: list[Message]) -> list[Sent]:
    from generated import EventClient

    sent: list[Sent] = []
    for transport, serializer, url in routes(collector):
        with EventClient.connect(url, serializer=SERIALIZERS[serializer]) as client:
            for event in samples:
                (ack,) = client.send([event])
                sent.append(Sent(transport, serializer, "sync", event, ack))
    return sent


def report(sent: list[Sent], stored: list[Stored]) -> int:
    """Print the table; 1 when the collector does not hold just what was sent."""
    by_guid = {entry.req_guid: entry for entry in stored}
    wrong = 0 if len(stored) == len(sent) else 1
    print(f"{'transport':9} {'serializer':10} {'client':6} {'event':18} {'ack':7} stored")
    for one in sent:
        entry = by_guid.get(one.ack.req_guid)
        decoded = None if entry is None else decode(one, entry)
        same = entry is not None and decoded is not None and arrived(one, entry, decoded)
        wrong += not same
        told = "MISSING" if decoded is None else shorten(decoded.to_json(), 78)
        mark = "" if same else "  ← not what was sent"
        kind = entry.type if entry else type(one.event).__name__
        path = f"{one.transport:9} {one.serializer:10} {one.face:6}"
        print(f"{path} {kind:18} {one.ack.code.name[5:]:7} {told}{mark}")
    print(f"\n{len(sent)} events sent, {len(stored)} stored, {wrong} wrong")
    return 1 if wrong else 0


def decode(one: Sent, entry: Stored) -> Message:
    parse: Any = type(one.event).from_json if one.serializer == "JSON" else type(one.event).parse
    decoded: Message = parse(entry.event_bytes)
    return decoded


def arrived(one: Sent, entry: Stored, decoded: Any) -> bool:
    """Whether it came this way, under its type, and is the event with its id and time filled in."""
    event: Any = one.event
    if (entry.type, entry.transport) != (event.__event__, one.transport):
        return False
    filled = bool(decoded.event_guid) and decoded.sent_time is not None
    decoded.event_guid, decoded.sent_time = event.event_guid, event.sent_time
    return filled and bool(decoded == event)


def shorten(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


if __name__ == "__main__":
    sys.exit(main())
