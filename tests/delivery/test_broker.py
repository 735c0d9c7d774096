"""What code-3 answers are taken for, answer by answer."""

from __future__ import annotations

from raccoon_runtime.delivery.batch import Batch
from raccoon_runtime.delivery.broker import DOUBT, STRIKES, Broker, Verdict
from raccoon_runtime.wires import PROTO_WIRE


def batch(*types: str) -> Batch:
    made = Batch(PROTO_WIRE)
    for type in types:
        frame = PROTO_WIRE.frame(type, b"x")
        made.add(frame, len(frame))
    made.seal()
    return made


def test_a_first_refusal_is_tried_again_whole() -> None:
    assert Broker().refused(batch("a", "b")) is Verdict.RETRY


def test_a_batch_that_fails_while_others_succeed_is_cut() -> None:
    broker, suspect = Broker(), batch("a", "b")
    broker.refused(suspect)
    broker.published()
    assert broker.refused(suspect) is Verdict.SPLIT
    # Nothing succeeded in between, so this says nothing new of it.
    assert broker.refused(suspect) is Verdict.RETRY


def test_a_lone_event_fails_when_others_succeeded_after_each_of_its_refusals() -> None:
    broker, culprit = Broker(), batch("a")
    assert broker.refused(culprit) is Verdict.RETRY
    for _ in range(STRIKES - 1):
        broker.published()
        assert broker.refused(culprit) is Verdict.RETRY
    broker.published()
    assert broker.refused(culprit) is Verdict.FAIL


def test_a_part_inherits_what_is_known_of_the_whole() -> None:
    broker, whole = Broker(), batch("a", "a")
    broker.refused(whole)
    broker.published()
    broker.refused(whole)
    culprit, _ = whole.split([0], [1])
    for _ in range(STRIKES - 2):
        broker.published()
        assert broker.refused(culprit) is Verdict.RETRY
    broker.published()
    assert broker.refused(culprit) is Verdict.FAIL


def test_refusals_in_a_row_are_a_doubt_and_halve_the_probe() -> None:
    broker = Broker()
    for _ in range(DOUBT - 1):
        assert broker.refused(batch("a", "b")) is Verdict.RETRY
    assert broker.refused(batch("a", "b")) is Verdict.PROBE
    assert broker.in_doubt
    assert broker.refused(batch("a")) is Verdict.WAIT
    broker.published()
    assert not broker.in_doubt
    assert broker.refused(batch("a", "b")) is Verdict.RETRY


def test_an_event_of_another_type_is_looked_for_once_one_was_refused_alone() -> None:
    broker = Broker()
    for _ in range(DOUBT):
        broker.refused(batch("a"))
    mixed = batch("a", "a", "b")
    assert broker.unlike([batch("a"), mixed]) == (mixed, 2)
    broker.refused(batch("b"))
    assert broker.unlike([batch("a"), mixed]) is None


def test_refusals_without_success_never_fail_an_event() -> None:
    """An outage looks like this, and is a matter of the budget alone."""
    broker, innocent = Broker(), batch("a")
    assert Verdict.FAIL not in {broker.refused(innocent) for _ in range(100)}


def test_halves_keep_types_together() -> None:
    first, second = batch("b", "a", "b", "a", "a").halves()
    assert (list(first), list(second)) == ([1, 3, 4], [0, 2])
    first, second = batch(*"aaaaaaaaab").halves()
    assert (len(first), len(second)) == (9, 1)
    first, second = batch(*"aaaaa").halves()
    assert (list(first), list(second)) == ([0, 1], [2, 3, 4])
