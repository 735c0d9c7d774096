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
        self._suspects: list[set[str]] = []

    def __bool__(self) -> bool:
        """Whether there is one whose request is not known yet."""
        return bool(self._suspects)

    def add(self, unanswered: Iterable[str]) -> set[str]:
        """Take one more, which came while these were unanswered; return who is to blame now."""
        self._suspects.append(set(unanswered))
        return self._found()

    def answered(self, req_guid: str) -> set[str]:
        """Clear one that has its own answer; return who is to blame now."""
        for suspects in self._suspects:
            suspects.discard(req_guid)
        return self._found()

    def _found(self) -> set[str]:
        blamed: set[str] = set()
        count = 0
        # Each set holds all that is left of the one before it, so the first that is small enough is
        # the smallest.
        while count < len(self._suspects):
            count += 1
            if len(self._suspects[count - 1]) <= count:
                blamed |= self._suspects[count - 1]
                self._suspects = [left - blamed for left in self._suspects[count:]]
                count = 0
        return blamed
