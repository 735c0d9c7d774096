"""What nobody has closed yet: held on purpose, for it is not to vanish without a word."""

from __future__ import annotations

from logging import Logger
from typing import Protocol

from .. import exits, process
from ..plural import were
from .stats import Stats


class Unclosed(Protocol):
    """What may hold events when the process ends."""

    logger: Logger

    def stats(self) -> Stats:
        """Return the counts as they are."""
        ...


_unclosed: dict[Unclosed, int] = {}


def hold(one: Unclosed) -> None:
    """Report it at the end of the process, should it hold events still."""
    _unclosed[one] = process.generation()
    process.leave_to_parent(one)
    exits.expect()


def held(one: Unclosed) -> bool:
    """Whether it was not closed yet."""
    return one in _unclosed


def let_go(one: Unclosed) -> None:
    """Forget it: it was closed."""
    _unclosed.pop(one, None)


@exits.at_exit
def _report() -> None:
    for one, generation in list(_unclosed.items()):
        if generation == process.generation():
            _report_one(one)


def _report_one(one: Unclosed) -> None:
    stats = one.stats()
    if lost := stats.pending - stats.spooled:
        told = "the interpreter ended before %d event%s acknowledged; close the client first"
        one.logger.error(told, lost, were(lost))
    if stats.spooled:
        told = "%d event%s left in the spool for the next process when the interpreter ended"
        one.logger.warning(told, stats.spooled, were(stats.spooled))
