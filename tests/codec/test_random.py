"""Random messages, and random harm done to their bytes, beside google's protobuf."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import DecodeError as TheirDecodeError
from hypothesis import given
from hypothesis import strategies as st
from raccoon_runtime.errors import DecodeError, SerializationError

from tests.codec.conftest import Made
from tests.codec.google import has_unknown_fields, plain, same, to_google
from tests.codec.mutate import changed_json, mutate, mutations
from tests.codec.strategies import messages

CLASSES = (
    *("Everything", "Node", "Wide", "Choice", "Ping", "Names", "Link"),
    *("KindInt32", "KindTimestamp"),
)


@pytest.mark.parametrize("name", CLASSES)
@given(data=st.data())
def test_there_and_back(made: Made, name: str, data: st.DataObject) -> None:
    ours, theirs = made.pair(name)
    message = data.draw(messages(ours))
    peer = to_google(message, theirs)
    assert same(theirs.FromString(bytes(message)), peer)
    assert ours.parse(peer.SerializeToString()) == message
    text = message.to_json()
    assert json.loads(text) == json_format.MessageToDict(peer)
    assert ours.from_json(json_format.MessageToJson(peer)) == message
    assert same(json_format.Parse(text, theirs()), peer)


@pytest.mark.parametrize("name", CLASSES)
@given(data=st.data())
def test_harmed_bytes(made: Made, name: str, data: st.DataObject) -> None:
    """What upb refuses we refuse; what it takes, we take for the same message."""
    ours, theirs = made.pair(name)
    harmed = mutate(bytes(data.draw(messages(ours))), data.draw(mutations()))
    check_bytes(ours, theirs, harmed)


def check_bytes(ours: Any, theirs: Any, data: bytes) -> None:
    try:
        peer = theirs.FromString(data)
    except TheirDecodeError:
        peer = None
    try:
        message = ours.parse(data)
    except DecodeError:
        message = None
    assert (message is None) == (peer is None)
    if message is not None:
        written = bytes(message)
        # upb takes a map's entry for unknown when there is an unknown field in it.
        if not has_unknown_fields(peer):
            assert plain(theirs.FromString(written)) == plain(peer)
        assert ours.parse(written) == message


@pytest.mark.parametrize("name", CLASSES)
@given(data=st.data())
def test_harmed_json(made: Made, name: str, data: st.DataObject) -> None:
    """It is refused, or taken for a message that is the same after a way through bytes."""
    ours, _ = made.pair(name)
    found = json.loads(data.draw(messages(ours)).to_json())
    text = json.dumps(data.draw(changed_json(found)))
    check_json(ours, text)


def check_json(ours: Any, text: str) -> None:
    try:
        message = ours.from_json(text)
    except DecodeError:
        return
    assert ours.parse(bytes(message)) == message
    try:
        again = message.to_json()
    except SerializationError:
        return  # an Any of a class that is not known here, say
    assert ours.from_json(again) == message
