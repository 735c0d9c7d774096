"""What a log publisher takes, and how requests are read; beside Python's json and upb."""

from __future__ import annotations

import json

import pytest
from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import BoolValue
from hypothesis import given
from hypothesis import strategies as st
from raccoon_runtime.collector import go_json, go_proto, publisher
from raccoon_runtime.collector.request import Request

from tests.interop.bodies import delimited, varint
from tests.interop.messages import Event, SendEventRequest


def by_python(data: bytes) -> bool:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(data.decode(errors="replace"), parse_constant=refuse)
    except ValueError:
        return False
    return True


json_like = st.one_of(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    ).map(lambda value: json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass")),
    st.text(alphabet='{}[]",:0123456789.eE+-truefalsn \t\n\\ux', max_size=12).map(str.encode),
    st.binary(max_size=12),
)


@given(json_like)
def test_what_is_json(data: bytes) -> None:
    assert go_json.valid(data) == by_python(data)
    assert go_json.valid(data[:-1]) == by_python(data[:-1])


@pytest.mark.parametrize(
    "data",
    [b"1e999", b"[1e999]", b"-0", b'"\xff"', b'["\\ud800"]', b" \t\r\n{}\n", b'"' * 2],
)
def test_what_go_takes_for_json(data: bytes) -> None:
    assert go_json.valid(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"01",
        b"+1",
        b"1.",
        b".5",
        b"NaN",
        b"{",
        b"}",
        b"\xef\xbb\xbf{}",
        b"\x0b1",
        b"'a'",
    ],
)
def test_what_go_does_not(data: bytes) -> None:
    assert not go_json.valid(data)


fields = st.lists(
    st.one_of(
        st.binary(max_size=8).map(lambda data: delimited(1, data)),
        st.integers(0, (1 << 64) - 1).map(lambda number: b"\x08" + varint(number)),
        st.just(b"\x0d1234"),
        st.just(b"\x0912345678"),
        st.just(b"\x0b\x08\x01\x0c"),
        st.binary(max_size=3),
    ),
    max_size=5,
).map(b"".join)


@given(fields)
def test_what_is_protobuf(data: bytes) -> None:
    try:
        BoolValue.FromString(data)
    except DecodeError:
        with pytest.raises(go_proto.ProtoError):
            go_proto.check(data)
    else:
        go_proto.check(data)


@given(
    guid=st.text(max_size=5),
    events=st.lists(st.tuples(st.binary(max_size=5), st.text(max_size=5)), max_size=4),
)
def test_a_request_is_read(guid: str, events: list[tuple[bytes, str]]) -> None:
    made = [Event(event_bytes=data, type=type) for data, type in events]
    request = Request()
    go_proto.parse_request(bytes(SendEventRequest(req_guid=guid, events=made)), request)
    assert request.req_guid == guid
    assert [(event.event_bytes, event.type) for event in request.events if event] == events


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", None),
        (b"{}", None),
        (b"\x08\x01", None),
        (b"{", "proto: cannot parse invalid wire-format data"),
        (b"\xff\xff", "proto: cannot parse invalid wire-format data"),
    ],
)
def test_what_is_published(data: bytes, told: str | None) -> None:
    assert publisher.problem(data) == told
