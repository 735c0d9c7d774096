"""What `connect()` takes, and what a client shows of itself."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle

import pytest
from raccoon_runtime import ConfigError, NullTransport
from raccoon_runtime.collector import Answered, Collector

from generated import AsyncEventClient, EventClient, PageEvent

from .conftest import Connect

KINDS = pytest.mark.parametrize("kind", [AsyncEventClient, EventClient])
Kind = type[AsyncEventClient] | type[EventClient]


async def close(client: AsyncEventClient | EventClient) -> None:
    closing = client.close()
    if asyncio.iscoroutine(closing):
        await closing


@KINDS
async def test_without_an_address_it_reads_the_environment(
    kind: Kind, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RACCOON_URL", collector.http_url)
    client = kind.connect()
    assert collector.http_url in repr(client)
    await close(client)
    monkeypatch.setenv("RACCOON_URL", f"{collector.http_url}, {collector.ws_url}")
    client = kind.connect()
    assert repr(client).count("://") == 2
    await close(client)


@KINDS
@pytest.mark.parametrize("said", ["", "\n", None])
def test_without_either_it_says_what_is_missing(
    kind: Kind, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RACCOON_URL", raising=False)
    if said is not None:
        monkeypatch.setenv("RACCOON_URL", said)
    with pytest.raises(ConfigError, match="RACCOON_URL is not set") as told:
        kind.connect()
    assert told.value.argument == "url"


@KINDS
@pytest.mark.parametrize(
    "url", ["", "localhost:8080", "amqp://localhost", 8080, [], ["ws://a", ""]]
)
def test_an_address_that_is_none(kind: Kind, url: object) -> None:
    with pytest.raises(ConfigError) as told:
        kind.connect(url)  # type: ignore[arg-type]  # that is the point
    assert told.value.argument == "url"


@KINDS
def test_an_address_where_a_transport_belongs(kind: Kind) -> None:
    with pytest.raises(ConfigError, match=r"connect\(\) takes a URL"):
        kind("ws://localhost")  # type: ignore[arg-type]  # that is the point


@KINDS
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("timeout", 0),
        ("timeout", "30"),
        ("queue_events", 0),
        ("queue_events", 1.5),
        ("overflow", "drop"),
        ("on_failure", "log"),
        ("on_failure", close),
        ("serializer", "xml"),
        ("headers", {"X": "a\nb"}),
        ("client_name", "with space"),
        ("logger", "name"),
        ("linger", float("nan")),
    ],
)
def test_an_option_that_is_wrong_is_named(kind: Kind, option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"^{option}") as told:
        kind.connect("ws://localhost", **{option: value})  # type: ignore[arg-type]  # likewise
    assert told.value.argument == option


async def test_null_answers_itself(connect: Connect) -> None:
    async with connect("null://") as client:
        assert (await client.send_page_event(event_name="x")).ok
        acks = await client.send([PageEvent(event_name=str(n)) for n in range(10)])
        assert all(ack.ok for ack in acks)
        await client.submit(PageEvent(event_name="y"))
        client.submit_nowait(PageEvent(event_name="z"))
        await client.flush()
        assert client.stats().delivered == 13


async def test_a_transport_made_by_hand(collector: Collector) -> None:
    client = EventClient(NullTransport(), timeout=1)
    with client:
        assert client.send_page_event(event_name="x").ok


async def test_nothing_is_connected_before_the_first_event(
    connect: Connect, collector: Collector
) -> None:
    client = connect()
    assert client.stats().connections == 0
    await client.close()
    assert collector.received == []
    assert client.stats().connections == 0


async def test_neither_repr_nor_log_tell_secrets(
    connect: Connect, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    collector.faults.add(Answered(reason="s3cr3t"))
    url = collector.http_url.replace("http://", "http://user:s3cr3t@") + "?token=s3cr3t"
    client = connect(url, headers={"X-Key": "s3cr3t"}, logger=logging.getLogger("mine"))
    assert "s3cr3t" not in repr(client.client)
    assert type(client.client).__name__ in repr(client.client)
    assert "PROTO" in repr(client.client)
    await client.submit(PageEvent(event_name="s3cr3t"))
    await client.flush()
    await client.close()
    ours = [record for record in caplog.records if record.name in ("mine", "raccoon_runtime")]
    assert ours
    assert "s3cr3t" not in "\n".join(record.getMessage() for record in ours)


@KINDS
async def test_several_addresses(kind: Kind, collector: Collector) -> None:
    client = kind.connect([collector.ws_url, collector.http_url], spread=True)
    assert collector.ws_url in repr(client)
    await close(client)


@KINDS
async def test_it_cannot_be_given_to_another_process(kind: Kind) -> None:
    client = kind.connect("null://")
    for attempt in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match=f"{kind.__name__} .* make one in each process"):
            attempt(client)
    await close(client)
