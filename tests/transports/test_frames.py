"""The frame reader and the rule of blame, as pure functions."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raccoon_runtime.transports.ws_frames import BINARY, PING, PONG, TEXT, FrameError, Frames
from raccoon_runtime.transports.ws_refusals import Refusals

LONGEST = 1 << 17


def encoded(opcode: int, payload: bytes, *, final: bool = True, wide: int = 0) -> bytes:
    """A server's frame; `wide` makes its length take more bytes than it needs."""
    size = len(payload)
    first = opcode | (0x80 if final else 0)
    if size < 126 and wide == 0:
        return bytes((first, size)) + payload
    if size < 1 << 16 and wide <= 1:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Bytes of a server, and the messages in them."""
    data, messages = b"", []
    for _ in range(draw(st.integers(1, 6))):
        if draw(st.booleans()):
            control = draw(st.sampled_from([PING, PONG])), draw(st.binary(max_size=125))
            data += encoded(*control)
            messages.append(control)
            continue
        kind = draw(st.sampled_from([TEXT, BINARY]))
        size = draw(st.sampled_from([0, 1, 61, 125, 126, 127, 200, 65535, 65536, 70000]))
        payload = random.Random(size).randbytes(size)
        cuts = sorted(draw(st.lists(st.integers(0, size), max_size=3)))
        pieces = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, size], strict=True)]
        for n, piece in enumerate(pieces):
            opcode, last = (0 if n else kind), n == len(pieces) - 1
            data += encoded(opcode, piece, final=last, wide=draw(st.integers(0, 2)))
            if not last and draw(st.booleans()):
                data += encoded(PING, b"between")
                messages.append((PING, b"between"))
        messages.append((kind, payload))
    return data, messages


@given(conversations(), st.lists(st.integers(1, 70_000), max_size=20))
def test_messages_come_out_however_the_bytes_come_in(
    conversation: tuple[bytes, list[tuple[int, bytes]]], sizes: list[int]
) -> None:
    data, messages = conversation
    frames = Frames(LONGEST)
    found: list[tuple[int, bytes]] = []
    for size in sizes:
        if data:
            found += frames.feed(data[:size])
            data = data[size:]
    if data:
        found += frames.feed(data)
    assert found == messages
    assert all(type(payload) is bytes for _, payload in found)


@given(conversations())
def test_byte_by_byte(conversation: tuple[bytes, list[tuple[int, bytes]]]) -> None:
    data, messages = conversation
    if len(data) > 2_000:
        return
    frames = Frames(LONGEST)
    found = [message for n in range(len(data)) for message in frames.feed(data[n : n + 1])]
    assert found == messages


@given(st.binary(min_size=1, max_size=400))
def test_any_bytes_are_messages_or_an_error(data: bytes) -> None:
    try:
        whole = list(Frames(LONGEST).feed(data))
    except FrameError as error:
        assert error.code in (1002, 1009) and str(error)
        return
    frames = Frames(LONGEST)
    assert [m for n in range(len(data)) for m in frames.feed(data[n : n + 1])] == whole


def test_the_longest_message_and_one_byte_more() -> None:
    assert len(next(iter(Frames(LONGEST).feed(encoded(BINARY, bytes(LONGEST)))))[1]) == LONGEST
    # Refused by its head, before the rest is kept.
    with pytest.raises(FrameError) as caught:
        list(Frames(LONGEST).feed(encoded(BINARY, bytes(LONGEST + 1))[:10]))
    assert caught.value.code == 1009
    frames = Frames(LONGEST)
    assert not list(frames.feed(encoded(BINARY, bytes(LONGEST), final=False)))
    with pytest.raises(FrameError):
        list(frames.feed(encoded(0, b"x")))


def test_empty_pieces_are_not_kept() -> None:
    frames = Frames(LONGEST)
    assert not list(frames.feed(encoded(BINARY, b"be", final=False)))
    tracemalloc.start()
    for _ in range(100):
        assert not list(frames.feed(encoded(0, b"", final=False) * 1000))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1 << 17
    assert list(frames.feed(encoded(0, b"gun"))) == [(BINARY, b"begun")]


# --- blame --------------------------------------------------------------------------------


@given(st.data())
def test_blame_is_never_wrong_and_always_comes(data: st.DataObject) -> None:
    """A server that reads requests in their order, refuses some at once without a name, and answers
    the others whenever it likes.
    """
    refusals = Refusals()
    unanswered: dict[str, None] = {}
    refused: set[str] = set()
    blamed: set[str] = set()
    unread: list[str] = []
    accepted: list[str] = []
    count = 0

    def judged(found: set[str]) -> None:
        blamed.update(found)
        for name in found:
            assert name in refused
            del unanswered[name]

    for _ in range(data.draw(st.integers(1, 60))):
        action = data.draw(st.sampled_from(["send", "read", "answer"]))
        if action == "send":
            name, count = f"r{count}", count + 1
            unanswered[name] = None
            unread.append(name)
        elif action == "read" and unread:
            name = unread.pop(0)
            if data.draw(st.integers(0, 3)) == 0:
                refused.add(name)
                judged(refusals.add(unanswered))
            else:
                accepted.append(name)
        elif action == "answer" and accepted:
            name = accepted.pop(data.draw(st.integers(0, len(accepted) - 1)))
            del unanswered[name]
            judged(refusals.answered(name))
    # In the end all that was read is answered.
    for name in accepted:
        del unanswered[name]
        judged(refusals.answered(name))
    if not unread:
        assert blamed == refused and not unanswered and not refusals.suspects
    else:
        assert blamed <= refused


def test_a_refusal_told_twice_does_not_stall() -> None:
    refusals = Refusals()
    assert refusals.add(["a", "b"]) == set()
    assert refusals.add(["a", "b"]) == {"a", "b"}
    assert not refusals.suspects
    assert refusals.add([]) == set() and not refusals.suspects
