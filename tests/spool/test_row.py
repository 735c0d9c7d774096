"""A row comes back as it was written, or is known to be damaged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raccoon_runtime.errors import SpoolError
from raccoon_runtime.spool.row import Row, restored, unpacked

ROWS = st.builds(
    Row,
    id=st.integers(1, 2**40),
    req_guid=st.text("0123456789abcdef", min_size=32, max_size=32),
    sent_time=st.integers(0, 2**62),
    wire=st.sampled_from(["PROTO", "JSON"]),
    frames=st.lists(st.binary(max_size=60), max_size=12),
    possible_duplicate=st.booleans(),
)


def columns(row: Row) -> list[Any]:
    """What SQLite gives back."""
    return [
        row.id,
        row.req_guid.encode(),
        row.sent_time,
        row.wire.encode(),
        row.failed_since,
        int(row.possible_duplicate),
        row.packed(),
    ]


@given(ROWS)
def test_a_row_comes_back_as_it_was_written(row: Row) -> None:
    assert restored(*columns(row)) == row
    assert unpacked(row.packed()) == row.frames


@given(ROWS, st.data())
def test_a_bit_that_flipped_is_noticed(row: Row, data: st.DataObject) -> None:
    given = columns(row)
    which = data.draw(st.sampled_from([1, 3, 6]))
    at = data.draw(st.integers(0, len(given[which]) * 8 - 1))
    flipped = bytearray(given[which])
    flipped[at // 8] ^= 1 << at % 8
    given[which] = bytes(flipped)
    with pytest.raises(SpoolError):
        restored(*given)


@given(ROWS, st.data())
def test_what_is_cut_off_is_noticed(row: Row, data: st.DataObject) -> None:
    given = columns(row)
    given[6] = given[6][: data.draw(st.integers(0, len(given[6]) - 1))]
    with pytest.raises(SpoolError):
        restored(*given)


@given(ROWS, st.data())
def test_a_column_of_another_kind_is_noticed(row: Row, data: st.DataObject) -> None:
    given = columns(row)
    which = data.draw(st.sampled_from([1, 2, 3, 6]))
    other = st.sampled_from([None, -1.5, 2**70, b"", 7])
    given[which] = data.draw(other.filter(lambda value: value != given[which]))
    with pytest.raises(SpoolError):
        restored(*given)


@pytest.mark.parametrize("since", [None, b"x", 1.5, -1, 5])
def test_a_failure_before_the_batch_was_sealed_is_none(since: Any) -> None:
    given = columns(Row(req_guid="a", sent_time=10, wire="JSON", frames=[b"x"]))
    given[4] = since
    assert restored(*given).failed_since == 0


def test_a_wire_of_the_future_is_not_guessed_at() -> None:
    with pytest.raises(SpoolError, match="a wire that this runtime does not know"):
        restored(*columns(Row(req_guid="a", sent_time=1, wire="CBOR", frames=[b"x"])))
