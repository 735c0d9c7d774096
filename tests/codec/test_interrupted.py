"""What a signal's handler raises amid the codec's work, as Celery's soft time limit does."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from raccoon_runtime import codec

from tests.codec.conftest import Made

CAUSE = KeyError("cause")


class SoftLimitError(Exception):
    """As Celery's: an `Exception`, and of no kind that the codec raises."""


def time_is_up(*_: object) -> None:
    raise SoftLimitError from CAUSE


@pytest.fixture
def alarm() -> Iterator[Callable[[], object]]:
    """Starts a clock of this process's own time, which rings amid the work on any machine."""
    before = signal.signal(signal.SIGVTALRM, time_is_up)
    try:
        yield lambda: signal.setitimer(signal.ITIMER_VIRTUAL, 0.003)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize("work", ["encode", "fields", "json", "json_fields", "decode", "parse"])
def test_a_foreign_error_comes_out_unchanged(made: Made, alarm: Any, work: str) -> None:
    node, count = made.ours.Node, 100_000
    message = node(children=[node(name="a")] * count)
    of = codec.of(node)
    wire, said = b"\x1a\x03\x0a\x01a" * count, {"children": [{"name": "a"}] * count}
    fields = {"children": message.children}
    run: dict[str, Callable[[], object]] = {
        "encode": lambda: of.encode(message),
        "fields": lambda: of.encode_fields(fields),
        "json": lambda: of.json(message),
        "json_fields": lambda: of.json_fields(fields),
        "decode": lambda: of.decode(wire),
        "parse": lambda: of.from_dict(said),
    }
    codec.warm(node)
    with pytest.raises(SoftLimitError) as caught:
        alarm()
        run[work]()
    assert caught.value.__cause__ is CAUSE
