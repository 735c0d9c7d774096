"""What a signal's handler raises amid the codec's work, as Celery's soft time limit does.

A trace function raises it before some line of the compiled code, where a signal's handler may come.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from raccoon_runtime import codec

from tests.codec.conftest import Made

CAUSE = KeyError("cause")


class SoftLimitError(Exception):
    """As Celery's: an `Exception`, and of no kind that the codec raises."""


def interrupted(work: Callable[[], object], nth: int) -> None:
    """Do it, and raise before the nth line of compiled code."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith("<codec "):
            return None
        if event == "line":
            count += 1
            if count == nth:
                sys.settrace(None)
                raise SoftLimitError from CAUSE
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("nth", [5, 40])
@pytest.mark.parametrize("work", ["encode", "fields", "json", "json_fields", "decode", "parse"])
def test_a_foreign_error_comes_out_unchanged(made: Made, work: str, nth: int) -> None:
    node = made.ours.Node
    message = node(children=[node(name="a")] * 20)
    of = codec.of(node)
    wire, said = b"\x1a\x03\x0a\x01a" * 20, {"children": [{"name": "a"}] * 20}
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
    run[work]()
    with pytest.raises(SoftLimitError) as caught:
        interrupted(run[work], nth)
    assert caught.value.__cause__ is CAUSE
