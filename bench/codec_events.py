"""The events that the codec is measured with: the same Python values for ours and for upb's."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
WIDE = 100
NOW = datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=timezone.utc)
GUID = "3c1f4d1e-98a5-4f4e-9c0d-5d7c2f0f2b6a"
Values = dict[str, Any]


def schema() -> str:
    """`codec.proto`, and a message of a hundred strings, as flattened tables have them."""
    columns = "".join(f"  string column_{number} = {number};\n" for number in range(1, WIDE + 1))
    return f"{(HERE / 'codec.proto').read_text()}\nmessage WideEvent {{\n{columns}}}\n"


@contextmanager
def packages() -> Iterator[tuple[Any, Any]]:
    """The events as our generator makes them, and as google's does."""
    with tempfile.TemporaryDirectory(prefix="raccoon-bench-") as folder:
        make_packages(Path(folder))
        sys.path.insert(0, folder)
        try:
            yield importlib.import_module("bench_events.bench.v1"), importlib.import_module(
                "codec_pb2"
            )
        finally:
            sys.path.remove(folder)


def make_packages(folder: Path) -> None:
    """Write both packages, `bench_events` and `codec_pb2`, into a folder."""
    (folder / "codec.proto").write_text(schema())
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I.", "--python_out=."]
    subprocess.run([*protoc, "codec.proto"], cwd=folder, check=True)
    generate = [sys.executable, "-m", "raccoon_codegen", "codec.proto", "-o", "bench_events"]
    subprocess.run([*generate, "--quiet"], cwd=folder, check=True)


def make_betterproto2(folder: Path) -> None:
    """Beside them `betterproto2_events`, by betterproto2's compiler."""
    scripts = sysconfig.get_path("scripts")
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    out = folder / "betterproto2_events"
    out.mkdir()
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--python_betterproto2_out={out}"]
    # It names each file that it writes.
    subprocess.run(
        [*command, "codec.proto"], cwd=folder, env=environment, check=True, stderr=subprocess.PIPE
    )


def page_values() -> Values:
    return {"event_guid": GUID, "event_name": "clicked", "sent_time": NOW}


def order_values() -> Values:
    items = [
        {"sku": f"SKU-{n:05}", "title": f"Article number {n}", "quantity": n, "price": 1999 * n}
        for n in range(1, 6)
    ]
    return {
        "event_guid": GUID,
        "sent_time": NOW,
        "order_id": "order-2026-000123",
        "customer_id": "customer-42",
        "status": 2,
        "items": items,
        "currency": "EUR",
        "total": 29985,
        "tax": 4787,
        "discount": 2.5,
        "gift": True,
        "coupon": "SPRING",
        "channel": "web",
        "attempt": 1,
        "session_seconds": 734,
        "referrer": "https://shop.example/spring",
        "city": "Zürich",
        "signature": bytes(range(32)),
    }


def metrics_values() -> Values:
    return {
        "event_guid": GUID,
        "sent_time": NOW,
        "labels": {f"label_{n}": f"value-{n}" for n in range(8)},
        "counts": {f"counter_{n}": 1000 * n for n in range(8)},
        "ratios": {f"ratio_{n}": n / 7 for n in range(8)},
        "durations": [17 * n for n in range(20)],
        "samples": [n / 3 for n in range(20)],
        "tags": [f"tag-{n}" for n in range(8)],
    }


def wide_values() -> Values:
    # Keywords in source code are interned; a call with others is several times slower.
    return {sys.intern(f"column_{n}"): f"value of column {n}" for n in range(1, WIDE + 1)}


MESSAGES: dict[str, tuple[str, Callable[[], Values]]] = {
    "3 fields": ("PageEvent", page_values),
    "18 fields": ("OrderEvent", order_values),
    "maps": ("MetricsEvent", metrics_values),
    "100 strings": ("WideEvent", wide_values),
}
"""The class and the values of each."""


@dataclass(frozen=True)
class Event:
    """One event in both packages."""

    title: str
    values: Values
    ours: Any
    theirs: Any
    build_keywords: Callable[[Values], Values]
    """The values as our constructor takes them."""
    read_theirs: Callable[[Any], object]
    """Reads all fields of upb's message into the same Python types that ours gives."""

    def build_ours(self) -> Any:
        return self.ours(**self.build_keywords(self.values))

    def build_theirs(self) -> Any:
        return self.theirs(**self.values)


def events(ours: Any, theirs: Any) -> list[Event]:
    """The four events of the table."""
    item = ours.OrderEvent.Item
    status = ours.Status

    def order(values: Values) -> Values:
        items = [item(**one) for one in values["items"]]
        return {**values, "items": items, "status": status.STATUS_PAID}

    def same(values: Values) -> Values:
        return values

    return [
        Event("3 fields", page_values(), ours.PageEvent, theirs.PageEvent, same, _read_page),
        Event("18 fields", order_values(), ours.OrderEvent, theirs.OrderEvent, order, _read_order),
        Event(
            "maps", metrics_values(), ours.MetricsEvent, theirs.MetricsEvent, same, _read_metrics
        ),
        Event(
            "100 strings", wide_values(), ours.WideEvent, theirs.WideEvent, same, _reader_of_wide()
        ),
    ]


def _read_page(m: Any) -> object:
    return m.event_guid, m.event_name, m.sent_time.ToDatetime(timezone.utc)


def _read_order(m: Any) -> object:
    return (
        m.event_guid,
        m.sent_time.ToDatetime(timezone.utc),
        m.order_id,
        m.customer_id,
        m.status,
        [(item.sku, item.title, item.quantity, item.price) for item in m.items],
        m.currency,
        m.total,
        m.tax,
        m.discount,
        m.gift,
        m.coupon,
        m.channel,
        m.attempt,
        m.session_seconds,
        m.referrer if m.HasField("referrer") else None,
        m.city,
        m.signature,
    )


def _read_metrics(m: Any) -> object:
    return (
        m.event_guid,
        m.sent_time.ToDatetime(timezone.utc),
        dict(m.labels),
        dict(m.counts),
        dict(m.ratios),
        list(m.durations),
        list(m.samples),
        list(m.tags),
    )


def _reader_of_wide() -> Callable[[Any], object]:
    fields = ", ".join(f"m.column_{number}" for number in range(1, WIDE + 1))
    made: Callable[[Any], object] = eval(f"lambda m: ({fields})")
    return made
