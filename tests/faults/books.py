"""The audit: what a client's books say, held against what the server published.

Pure: it is given the books and the ledger, so that its own tests can hand it books that lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from raccoon_runtime import Ack, SendError, UndeliveredError
from raccoon_runtime.delivery.stats import Stats

Outcome = Ack | SendError | None
Ledger = Mapping[int, Sequence[str]]
"""The requests in which each event was published, by the event's number; a guid may be unknown."""

NO_GUID = ""


@dataclass
class Snapshots:
    """Looks at each snapshot of one client as it is taken, and keeps what was wrong with it."""

    most_events: int
    most_bytes: int
    taken: int = 0
    problems: list[str] = field(default_factory=list)
    last: Stats | None = None

    def look(self, stats: Stats) -> None:
        """Check one."""
        self.taken += 1
        if stats.accepted != stats.delivered + stats.failed + stats.pending:
            self._say(f"accepted is not delivered + failed + pending in {_counts(stats)}")
        if stats.failed != sum(stats.failures.values()):
            self._say(f"failures do not add up in {_counts(stats)}: {dict(stats.failures)}")
        if stats.pending > self.most_events:
            self._say(f"{stats.pending} events pending, of at most {self.most_events}")
        # A lone event is let in, however large.
        if stats.pending > 1 and stats.pending_bytes > self.most_bytes:
            self._say(f"{stats.pending_bytes} bytes pending, of at most {self.most_bytes}")
        if self.last is not None and _went_back(self.last, stats):
            self._say(f"counts went back, from {_counts(self.last)} to {_counts(stats)}")
        self.last = stats

    def _say(self, problem: str) -> None:
        if len(self.problems) < 3:  # one shows what is wrong; a thousand hide it
            self.problems.append(problem)


@dataclass
class Books:
    """What one client, or one process of a program, was given and what it said became of it.

    `unsure` are events whose call was cancelled, so that nobody knows whether they were accepted;
    `handed_back` are those that `close()` returned. `stats` is the last snapshot, None where
    a program could not give one.
    """

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    unsure: set[int] = field(default_factory=set)
    handed_back: set[int] = field(default_factory=set)
    stats: Stats | None = None


@dataclass(frozen=True)
class Expected:
    """What a row may do to events: everything else has to be delivered.

    `failures` have to fail, each with that error. With `hands_back` an event may come back from
    `close()`; with `loses` (the server acknowledges before it publishes) a delivered event may be
    missing, and is counted only. `damaged` lay in a file that was damaged: they may be missing.
    """

    failures: Mapping[int, type[SendError]] = field(default_factory=dict)
    hands_back: bool = False
    loses: bool = False
    damaged: Set[int] = frozenset()


@dataclass
class Audit:
    """The result. `misses` is empty when all is well."""

    events: int = 0
    lost: int = 0
    flagged: int = 0
    unflagged: int = 0
    misses: list[str] = field(default_factory=list)


def audit(books: Sequence[Books], ledger: Ledger, expected: Expected) -> Audit:
    """Return what was lost and doubled, and every promise that was broken."""
    found = Audit(events=sum(len(one.outcomes) for one in books))
    lost: dict[str, list[int]] = {}
    for one in books:
        for number, outcome in one.outcomes.items():
            how = _lost(number, outcome, one, ledger, expected)
            if how is not None:
                lost.setdefault(how, []).append(number)
            _count_copies(found, number, outcome, ledger)
        _balance(found, one, ledger)
    for how, numbers in lost.items():
        found.lost += len(numbers)
        if how != MISSING or not expected.loses:
            found.misses.append(f"{len(numbers)} {how}: {_some(numbers)}")
    if found.unflagged:
        found.misses.append(f"{found.unflagged} copies that nothing flagged")
    strangers = ledger.keys() - {n for one in books for n in one.outcomes.keys() | one.unsure}
    if strangers:
        found.misses.append(f"published, but never accepted: {_some(sorted(strangers))}")
    return found


MISSING = "acknowledged, but not in the ledger"


def _lost(
    number: int, outcome: Outcome, books: Books, ledger: Ledger, expected: Expected
) -> str | None:
    """Return in which way an event was lost, or None."""
    copies, due = ledger.get(number, ()), expected.failures.get(number)
    if outcome is None:
        return None if number in expected.damaged else "in limbo, without an outcome"
    if isinstance(outcome, Ack):
        if due is not None:
            return f"acknowledged, where {due.__name__} was due"
        # In the very request that was acknowledged, where the ledger knows requests.
        return None if {outcome.req_guid, NO_GUID} & set(copies) else MISSING
    if outcome.persisted == "no" and copies:
        return f"published, though {type(outcome).__name__} said that it was not"
    if due is not None and isinstance(outcome, due):
        return None
    if isinstance(outcome, UndeliveredError) and number in books.handed_back:
        return None if expected.hands_back else "handed back, with time enough to deliver it"
    return f"failed with {type(outcome).__name__}"


def _count_copies(found: Audit, number: int, outcome: Outcome, ledger: Ledger) -> None:
    copies = len(ledger.get(number, ())) - 1
    if copies > 0:
        if isinstance(outcome, Ack):
            flagged = outcome.possible_duplicate
        else:
            flagged = outcome is None or outcome.persisted == "possibly"
        found.flagged += copies * flagged
        found.unflagged += copies * (not flagged)


def _balance(found: Audit, books: Books, ledger: Ledger) -> None:
    """Compare the last snapshot with what the futures say, and what was cancelled."""
    stats, outcomes = books.stats, books.outcomes.values()
    if stats is None:
        return
    # What nobody waited for was delivered, if it was accepted.
    unsure = len(books.unsure & ledger.keys())
    delivered = sum(isinstance(outcome, Ack) for outcome in outcomes) + unsure
    failed = sum(isinstance(outcome, SendError) for outcome in outcomes)
    accepted = len(outcomes) + unsure
    told = (accepted, delivered, failed, accepted - delivered - failed)
    counted = (stats.accepted, stats.delivered, stats.failed, stats.pending)
    if told != counted:
        found.misses.append(
            f"the futures say accepted, delivered, failed, pending {told}, the books {counted}"
        )


def _went_back(earlier: Stats, later: Stats) -> bool:
    return (
        later.accepted < earlier.accepted
        or later.delivered < earlier.delivered
        or later.failed < earlier.failed
    )


def _counts(stats: Stats) -> tuple[int, int, int, int]:
    return stats.accepted, stats.delivered, stats.failed, stats.pending


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (", …" if len(numbers) > 5 else "")
