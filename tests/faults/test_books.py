"""The audit notices each lie that books can tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from raccoon_runtime import Ack, PublishError, RejectedError, UndeliveredError
from raccoon_runtime.delivery.stats import Latency, Stats

from .books import Audit, Books, Expected, Snapshots, audit


def stats(accepted: int, delivered: int, failed: int = 0, **more: Any) -> Stats:
    """A snapshot that adds up, unless told."""
    told: dict[str, Any] = {
        "pending": accepted - delivered - failed,
        "pending_bytes": 0,
        "oldest": 0.0,
        "in_flight": 0,
        "requests": 1,
        "retries": 0,
        "connections": 1,
        "possible_duplicates": 0,
        "acks_dropped": 0,
        "letters_dropped": 0,
        "failures": {"PublishError": failed} if failed else {},
        "latency": Latency(),
    }
    return Stats(accepted=accepted, delivered=delivered, failed=failed, **{**told, **more})


def honest() -> tuple[Books, dict[int, list[str]]]:
    """Books of three events that were delivered, one of them twice and flagged; their ledger."""
    outcomes = {
        1: Ack("a"),
        2: Ack("a"),
        3: Ack("b", attempts=2, possible_duplicate=True),
    }
    return Books(dict(outcomes), stats=stats(3, 3)), {1: ["a"], 2: ["a"], 3: ["b", "b"]}


def check(books: Books, ledger: dict[int, list[str]], **expected: Any) -> Audit:
    return audit([books], ledger, Expected(**expected))


def test_honest_books_pass() -> None:
    found = check(*honest())
    assert (found.events, found.lost, found.flagged, found.unflagged) == (3, 0, 1, 0)
    assert found.misses == []


def test_an_event_that_is_acknowledged_and_was_not_published_is_lost() -> None:
    books, ledger = honest()
    del ledger[2]
    found = check(books, ledger)
    assert found.lost == 1
    assert found.misses == ["1 acknowledged, but not in the ledger: 2"]


def test_such_a_loss_is_counted_only_where_it_is_documented() -> None:
    books, ledger = honest()
    del ledger[2]
    found = check(books, ledger, loses=True)
    assert (found.lost, found.misses) == (1, [])


def test_an_event_of_a_damaged_file_may_be_missing_and_no_other() -> None:
    books, ledger = honest()
    del ledger[2]
    books.outcomes[2] = None
    books.stats = None
    assert check(books, ledger, damaged={2}).misses == []
    assert check(books, ledger, damaged={3}).lost == 1


def test_the_request_that_was_acknowledged_is_the_one_that_counts() -> None:
    books, ledger = honest()
    ledger[1] = ["another"]
    assert check(books, ledger).lost == 1


def test_an_event_without_an_outcome_is_in_limbo() -> None:
    books, ledger = honest()
    books.outcomes[2] = None
    books.stats = stats(3, 2)
    assert check(books, ledger).misses == ["1 in limbo, without an outcome: 2"]


def test_a_failure_that_nobody_expected_is_a_loss() -> None:
    books, ledger = honest()
    books.outcomes[2] = PublishError(persisted="possibly")
    books.stats = stats(3, 2, 1)
    assert check(books, ledger).misses == ["1 failed with PublishError: 2"]
    assert check(books, ledger, failures={2: PublishError}).misses == []
    # Another error than the one that is due is as bad.
    assert check(books, ledger, failures={2: RejectedError}).lost == 1


def test_a_success_where_a_failure_is_due_is_noticed() -> None:
    books, ledger = honest()
    found = check(books, ledger, failures={1: PublishError})
    assert found.misses == ["1 acknowledged, where PublishError was due: 1"]


def test_an_error_that_says_not_published_is_held_to_it() -> None:
    books, ledger = honest()
    books.outcomes[1] = RejectedError(persisted="no")
    books.stats = stats(3, 2, 1)
    found = check(books, ledger, failures={1: RejectedError})
    assert found.misses == ["1 published, though RejectedError said that it was not: 1"]


def test_what_is_handed_back_has_to_be_allowed_and_really_handed_back() -> None:
    books, ledger = honest()
    books.outcomes[2], ledger[2] = UndeliveredError(), []
    books.stats = stats(3, 2, 1)
    assert check(books, ledger, hands_back=True).lost == 1
    books.handed_back.add(2)
    assert check(books, ledger, hands_back=True).misses == []
    assert check(books, ledger).lost == 1


def test_a_copy_that_is_not_flagged_is_noticed() -> None:
    books, ledger = honest()
    ledger[1] = ["a", "a", "a"]
    found = check(books, ledger)
    assert (found.flagged, found.unflagged) == (1, 2)
    assert found.misses == ["2 copies that nothing flagged"]


def test_a_published_event_that_nobody_accepted_is_noticed() -> None:
    books, ledger = honest()
    ledger[9] = ["c"]
    assert check(books, ledger).misses == ["published, but never accepted: 9"]


def test_events_of_cancelled_calls_may_have_been_accepted_but_are_counted() -> None:
    books, ledger = honest()
    books.unsure, ledger[9] = {9, 10}, ["c"]
    books.stats = stats(4, 4)
    assert check(books, ledger).misses == []
    books.stats = stats(5, 4)  # one of them was accepted, and is not to be found
    assert len(check(books, ledger).misses) == 1


@pytest.mark.parametrize("told", [(4, 3, 0), (3, 2, 0), (3, 2, 1)])
def test_books_that_differ_from_the_futures_are_noticed(told: tuple[int, int, int]) -> None:
    books, ledger = honest()
    books.stats = stats(*told)
    (miss,) = check(books, ledger).misses
    assert "the futures say" in miss


def looked(*taken: Stats) -> list[str]:
    snapshots = Snapshots(most_events=10, most_bytes=100)
    for one in taken:
        snapshots.look(one)
    return snapshots.problems


def test_snapshots_that_add_up_pass() -> None:
    assert looked(stats(1, 0), stats(5, 2, 1), stats(9, 8, 1)) == []


@pytest.mark.parametrize(
    "lie",
    [
        stats(5, 3, 1, pending=2),
        stats(5, 3, 1, failures={}),
        stats(20, 5),
        stats(5, 3, pending_bytes=101),
    ],
    ids=["sum", "failures", "events", "bytes"],
)
def test_a_snapshot_that_does_not_hold_is_noticed(lie: Stats) -> None:
    assert len(looked(lie)) == 1


def test_counts_that_go_back_are_noticed() -> None:
    assert len(looked(stats(5, 5), stats(5, 4))) == 1
    assert len(looked(stats(5, 5), replace(stats(5, 5), accepted=4, delivered=4))) == 1
