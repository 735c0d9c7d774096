"""Every option: what it takes, what it does not, and that a mistake is told by its name."""

from __future__ import annotations

import dataclasses
import inspect
import logging
import math
import ssl
import typing
from pathlib import Path
from typing import Any

import pytest
from raccoon_runtime import GrpcTransport, NullTransport, RestTransport, WebSocketTransport
from raccoon_runtime.errors import ConfigError, SendError, SetupError
from raccoon_runtime.options import (
    ClientKeywords,
    ClientOptions,
    ConnectKeywords,
    TransportKeywords,
    TransportOptions,
    build,
    names,
    split,
)
from raccoon_runtime.serializers import JSON, JSON_PROTO_NAMES, PROTO
from raccoon_runtime.transports import make_transport
from raccoon_runtime.wires import JSON_WIRE, PROTO_WIRE

from tests.transports.conftest import Make
from tests.transports.sending import body, new_guid


async def coroutine(_: object) -> None:
    """Nobody would await it."""


class Coroutine:
    async def __call__(self, _: object) -> None:
        """Nor this."""


NO_NUMBERS: list[Any] = [None, "1", True, math.nan, [], 1j]
SECONDS: list[Any] = [*NO_NUMBERS, 0, -1, math.inf]
COUNT: list[Any] = ["1", True, 0, -1, 1.0, math.nan]

# For each option values that it takes, and values that it does not.
TRANSPORT: dict[str, tuple[list[Any], list[Any]]] = {
    "wire": (
        [JSON_WIRE, PROTO_WIRE, JSON, PROTO, "json", "PROTO", "Proto"],
        [None, "xml", JSON_PROTO_NAMES, 3, "", ["json"]],
    ),
    "headers": ([None, {}, {"X": "v"}, dict], ["X: v", [("X", "v")], {"X": 1}, 3]),
    "identity_header": ([None, "X-Device"], ["", "X Y", "X:", 3, b"X", "Content-Type", "Ü"]),
    "client_name": (["till", "a.b_c-9"], ["", None, "a b", "ü", 3, "a\n", "a/b"]),
    "ssl": ([None], [True, False, "tls", ssl.SSLContext]),
    "connect_timeout": ([0.001, 1, 5.5], SECONDS),
    "write_timeout": ([0.001, 1, 5.5], SECONDS),
    "ack_timeout": ([0.001, 1, 5.5], SECONDS),
    "ping_interval": ([0.001, 1, 5.5], SECONDS),
    "pong_timeout": ([0.001, 1, 5.5], SECONDS),
    "in_flight": ([None, 1, 64, 10_000], [*COUNT, 10_001]),
    "trust_env": ([True, False], [None, 1, "yes"]),
    "dial_options": ([None, {}], [[], "x", 3]),
    "logger": ([logging.getLogger("mine")], [None, "mine", logging]),
}
CLIENT: dict[str, tuple[list[Any], list[Any]]] = {
    "serializer": ([JSON, PROTO, "json", "PROTO", "json_proto_names"], [None, "xml", 3, JSON_WIRE]),
    "timeout": ([0.001, 30, math.inf], [*NO_NUMBERS, 0, -1]),
    "retry_count": ([None, 0, 5], ["1", True, -1, 1.0]),
    "retry_wait": ([0, 0.25], [*NO_NUMBERS, -1]),
    "retry_max_wait": ([0, 30], [*NO_NUMBERS, -1]),
    "retry_budget": ([None, 0, 300, math.inf], ["1", True, -1, math.nan]),
    "queue_events": ([1, 10_000], [None, *COUNT]),
    "queue_bytes": ([1, 1 << 30], [None, *COUNT]),
    "room_timeout": ([0, 5], [*NO_NUMBERS, -1]),
    "batch_events": ([1, 100], [None, *COUNT]),
    "batch_bytes": ([None, 1, 100], COUNT),
    "linger": ([0, 0.5], [*NO_NUMBERS, -1]),
    "overflow": (["wait", "drop_oldest", "drop_newest"], [None, "drop", True, []]),
    "on_failure": ([None, print], ["print", 3, coroutine, Coroutine()]),
    "max_event_bytes": ([1, 900_000], [None, *COUNT]),
    "telemetry": ([True, False], [None, 1, "yes"]),
    "spool": (
        [None, "folder", Path("folder")],
        [3, b"folder", True, "", "a\0b", Path("a\0b"), 3.5],
    ),
    "spool_bytes": ([1, 1 << 30], [None, *COUNT]),
    "logger": ([logging.getLogger("mine")], [None, "mine", logging]),
}

TABLES = [(TransportOptions, TRANSPORT), (ClientOptions, CLIENT)]
RIGHT = [
    (kind, name, value) for kind, table in TABLES for name in table for value in table[name][0]
]
WRONG = [
    (kind, name, value) for kind, table in TABLES for name in table for value in table[name][1]
]


def test_every_option_is_in_these_tables() -> None:
    for kind, table in TABLES:
        assert set(table) == names(kind)


@pytest.mark.parametrize(("kind", "name", "value"), RIGHT)
def test_right_values(kind: type[Any], name: str, value: Any) -> None:
    build(kind, {name: value})


@pytest.mark.parametrize(("kind", "name", "value"), WRONG)
def test_wrong_values(kind: type[Any], name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        build(kind, {name: value})
    assert caught.value.argument == name and str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize(("name", "value"), [(n, v) for k, n, v in WRONG if k is TransportOptions])
@pytest.mark.parametrize("url", ["ws://host", "http://host", "grpc://host:1", "null://"])
def test_transports_and_connect_name_the_argument(url: str, name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        make_transport(url, **{name: value})
    assert caught.value.argument == name


@pytest.mark.parametrize(
    ("given", "meant"),
    [("time_out", None), ("ack_timeuot", "ack_timeout"), ("header", "headers"), ("x", None)],
)
def test_an_unknown_option(given: str, meant: str | None) -> None:
    for attempt in (
        lambda: make_transport("ws://host", **{given: 1}),
        lambda: split({given: 1}),
        lambda: build(TransportOptions, {given: 1}),
    ):
        with pytest.raises(ConfigError) as caught:
            attempt()
        assert caught.value.argument == given
        if meant is not None:
            assert f"did you mean {meant}?" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "keywords"),
    [(TransportOptions, TransportKeywords), (ClientOptions, ClientKeywords)],
)
def test_dataclass_and_keywords_do_not_drift_apart(options: type[Any], keywords: type[Any]) -> None:
    fields = {option.name: str(option.type) for option in dataclasses.fields(options)}
    # Some keywords take a name as well as the thing that it names.
    told = {name: str(kind.__forward_arg__) for name, kind in keywords.__annotations__.items()}
    assert fields.keys() == told.keys()
    for name, kind in fields.items():
        assert kind == told[name] or told[name].startswith(f"{kind} | "), name
    assert not keywords.__required_keys__


def test_connect_takes_both() -> None:
    together = TransportKeywords.__annotations__ | ClientKeywords.__annotations__
    assert ConnectKeywords.__annotations__.keys() == together.keys()
    transport, client = split({"wire": "json", "timeout": 3, "logger": logging.getLogger()})
    assert set(transport) == {"wire", "logger"} and set(client) == {"timeout", "logger"}


def test_options_are_frozen_and_their_defaults_pass_their_own_checks() -> None:
    for kind in (TransportOptions, ClientOptions):
        made = kind()
        with pytest.raises(dataclasses.FrozenInstanceError):
            made.logger = made.logger  # type: ignore[misc]  # as a caller might
        assert build(kind, {name: getattr(made, name) for name in names(kind)}) == made


@pytest.mark.parametrize(
    "transport", [WebSocketTransport, RestTransport, GrpcTransport, NullTransport]
)
def test_constructors_take_the_options_as_keywords(transport: Any) -> None:
    hints = typing.get_type_hints(transport.__init__, include_extras=True)
    assert "TransportKeywords" in str(hints["options"])
    parameters = inspect.signature(transport.__init__).parameters
    assert [p.kind.name for p in parameters.values()][1:] == ["POSITIONAL_ONLY", "VAR_KEYWORD"]


# --- what a transport does not take ---------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "options", "argument"),
    [
        ("grpc://host:1", {"wire": "json"}, "wire"),
        ("grpc://host:1", {"trust_env": True}, "trust_env"),
        ("grpc://host:1", {"identity_header": "X!"}, "identity_header"),
        ("grpc://host:1", {"identity_header": "trace-bin"}, "identity_header"),
        ("grpc://host:1", {"dial_options": {"limit": 1}}, "dial_options"),
        ("grpc://host:1", {"dial_options": {"_keepalive_time": 1}}, "dial_options"),
        ("grpc://host:1", {"dial_options": {"http2_stream_window_size": 1}}, "dial_options"),
        ("grpc://host:1", {"dial_options": {"http2_stream_window_size": "x"}}, "dial_options"),
        ("ws://host", {"dial_options": {"http2_stream_window_size": 1 << 20}}, "dial_options"),
        ("ws://host", {"dial_options": {"limit": 1}}, "dial_options"),
        ("http://host", {"dial_options": {"ssl": False}}, "dial_options"),
        ("http://host", {"dial_options": {"verify_ssl": False}}, "dial_options"),
        ("http://host", {"dial_options": {3: 4}}, "dial_options"),
        ("ws://host", {"ssl": ssl.create_default_context()}, "ssl"),
        ("http://host", {"ssl": ssl.create_default_context()}, "ssl"),
        ("grpc://host:1", {"ssl": ssl.create_default_context()}, "ssl"),
    ],
)
def test_what_one_transport_does_not_take(url: str, options: Any, argument: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_transport(url, **options)
    assert caught.value.argument == argument


def test_dial_options_reach_the_library() -> None:
    assert make_transport("ws://host", dial_options={"happy_eyeballs_delay": None})
    assert make_transport("grpc://host:1", dial_options={"http2_stream_window_size": 1 << 20})


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_a_dial_option_that_turns_out_to_be_wrong(make: Make, scheme: str) -> None:
    transport = make(f"{scheme}://127.0.0.1:1", dial_options={"local_addr": 5})
    guid = new_guid()
    with pytest.raises(SendError) as caught:
        await transport.send(guid, body(transport.wire, guid))
    assert isinstance(caught.value, SetupError) and caught.value.persisted == "no"
    assert "dial_options" in caught.value.reason and caught.value.req_guid == guid


def test_transports_tell_their_limits() -> None:
    limits = {
        url: (made.in_flight, made.batch_bytes, made.wire)
        for url in ("ws://host", "http://host", "grpc://host:1", "null://")
        for made in [make_transport(url)]
    }
    assert limits == {
        "ws://host": (16, 512 << 10, PROTO_WIRE),
        "http://host": (4, 512 << 10, PROTO_WIRE),
        "grpc://host:1": (4, 60 << 10, PROTO_WIRE),
        "null://": (16, 512 << 10, PROTO_WIRE),
    }
    for url in limits:
        assert make_transport(url, in_flight=7).in_flight == 7
        assert make_transport(url).connections == 0


async def test_null_says_yes(make: Make) -> None:
    transport = make("null://")
    ack = await transport.send("guid", b"anything")
    assert ack.ok and ack.req_guid == "guid" and ack.data == {"req_guid": "guid"}
    assert transport.address == "null://" and transport.connections == 0
    transport.after_fork()
    with pytest.raises(ConfigError) as caught:
        make_transport("null://somewhere")
    assert caught.value.argument == "url"
