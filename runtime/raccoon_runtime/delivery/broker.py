"""What code-3 answers say of the broker: is it out, or does one event poison its batch?

The server answers code 3 for a whole batch when it could not publish one event of it, and publishes
the others. So a batch that goes on failing while others succeed holds a poisonous event, and is cut
in halves until that stands alone; when nothing succeeds, the broker is out.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from .batch import Batch

DOUBT = 3
"""Code-3 answers in a row after which one probe at a time goes out."""
STRIKES = 8
"""Code-3 answers to a lone event, each after something else succeeded, after which it fails."""


class Verdict(Enum):
    """What to do with a batch that was answered code 3."""

    RETRY = auto()
    """Send it again, later."""
    SPLIT = auto()
    """Cut it in halves, which go on beside the others."""
    PROBE = auto()
    """Cut it in halves, and let one of them alone out."""
    WAIT = auto()
    """It stands alone: let it, or a lone event of another type, be the probe."""
    FAIL = auto()
    """It is the poisonous one."""


class Broker:
    """Judges batches by the answers so far."""

    def __init__(self) -> None:
        self.in_doubt = False
        self.out = False
        """Whether lone events of every type at hand were refused."""
        self._refused_types: set[str] = set()
        self._refusals = 0
        self._successes = 0

    def published(self) -> None:
        """Note a success, which ends a doubt."""
        self._successes += 1
        self._refusals = 0
        if self.in_doubt:
            self.in_doubt = self.out = False
            self._refused_types.clear()

    def refused(self, batch: Batch) -> Verdict:
        """Note a code 3, and return what to do with the batch."""
        others_succeed = batch.refusals > 0 and self._successes > batch.successes
        batch.refusals += 1
        batch.successes = self._successes
        batch.strikes += others_succeed
        self._refusals += 1
        if self._refusals >= DOUBT:
            self.in_doubt = True
        # In doubt, too: several poisonous events in a row look like an outage, again and again.
        if batch.count == 1 and batch.strikes >= STRIKES:
            return Verdict.FAIL
        if self.in_doubt:
            if batch.count > 1:
                return Verdict.PROBE
            self._refused_types.update(batch.types())
            return Verdict.WAIT
        return Verdict.SPLIT if others_succeed and batch.count > 1 else Verdict.RETRY

    def unlike(self, batches: Iterable[Batch]) -> tuple[Batch, int] | None:
        """Return an event, as batch and index, of a type that no lone event was refused of."""
        for batch in batches:
            for index, type in enumerate(batch.types()):
                if type not in self._refused_types:
                    return batch, index
        return None
