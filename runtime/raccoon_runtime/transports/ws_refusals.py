"""Whose request it was that the server could not read, when its answer does not say."""

from __future__ import annotations

from collections.abc import Iterable


class Refusals:
    """Blames requests for answers that name none.

    Each such answer is to one of the requests that were unanswered when it came, and to another
    than every other such answer. So when of the first n answers' suspects n are left without an
    answer of their own, it was those. New requests need not wait for that; and since all others are
    answered in the end, or their connection is given up, it comes out.
    """

    def __init__(self) -> None:
        self.suspects: list[set[str]] = []
        """For each answer whose request is not known yet, those that it may be to."""

    def add(self, unanswered: Iterable[str]) -> set[str]:
        """Take one more, which came while these were unanswered; return who is to blame now."""
        self.suspects.append(set(unanswered))
        return self._found()

    def answered(self, req_guid: str) -> set[str]:
        """Clear one that has its own answer; return who is to blame now."""
        for suspects in self.suspects:
            suspects.discard(req_guid)
        return self._found()

    def _found(self) -> set[str]:
        blamed: set[str] = set()
        count = 0
        # Each set holds all that is left of the one before it, so the first that is small enough is
        # the smallest.
        while count < len(self.suspects):
            count += 1
            if len(self.suspects[count - 1]) <= count:
                blamed |= self.suspects[count - 1]
                self.suspects = [left - blamed for left in self.suspects[count:]]
                count = 0
        return blamed
