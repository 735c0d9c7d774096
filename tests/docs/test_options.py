"""The tables of options in docs/delivery.md: complete, and with the defaults that there are."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from raccoon_runtime.options import ClientOptions, TransportOptions

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "delivery.md").read_text("utf-8")
ROWS = {
    name: cells[1].strip()
    for line in PAGE.splitlines()
    if len(cells := line.strip("|").split("|")) == 3
    for name in re.findall(r"`(\w+)`", cells[0])
}
OPTIONS = {
    option.name: option.default
    for kind in (ClientOptions, TransportOptions)
    for option in dataclasses.fields(kind)
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_has_a_row(name: str) -> None:
    assert name in ROWS


@pytest.mark.parametrize(
    ("name", "shown", "value"),
    [
        ("queue_events", "10,000 and", 10_000),
        ("queue_bytes", "and 64 MiB", 64 << 20),
        ("overflow", '"wait"', "wait"),
        ("room_timeout", "5 s", 5),
        ("max_event_bytes", "900,000", 900_000),
        ("batch_events", "100 and", 100),
        ("linger", "0 s", 0),
        ("timeout", "30 s", 30),
        ("connect_timeout", "5 and 30 s", 5),
        ("write_timeout", "10 s", 10),
        ("ack_timeout", "5 and 30 s", 30),
        ("retry_wait", "0.25 s", 0.25),
        ("retry_max_wait", "to 30 s", 30),
        ("retry_count", "no limit", None),
        ("ping_interval", "20, 10 s", 20),
        ("pong_timeout", "20, 10 s", 10),
        ("spool", "none", None),
        ("spool_bytes", "1 GiB", 1 << 30),
        ("on_failure", "none", None),
        ("telemetry", "on", True),
        ("identity_header", "X-User-ID", "X-User-ID"),
        ("client_name", "raccoon-python", "raccoon-python"),
        ("trust_env", "off", False),
    ],
)
def test_its_default_is_told(name: str, shown: str, value: object) -> None:
    assert shown in ROWS[name]
    assert OPTIONS[name] == value


def test_what_depends_on_the_transport_or_the_spool() -> None:
    assert "512 KiB (gRPC 60 KiB)" in ROWS["batch_bytes"]
    assert "16 on a WebSocket, 4 on REST and gRPC" in ROWS["in_flight"]
    assert "300 s, with a spool 7 days" in ROWS["retry_budget"]
    assert ClientOptions().retry.budget == 300
    assert ClientOptions(spool="x").retry.budget == 7 * 86_400
