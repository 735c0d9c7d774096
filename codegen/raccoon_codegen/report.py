"""What the command says: progress and a summary to people, errors and differences to everybody."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from keyword import iskeyword

import click

from .errors import UsageError
from .run import Outcome

_CLEAR_LINE = "\r\x1b[K"


class Report:
    """Speaks of one run. Summaries are for a terminal, or for those who asked."""

    def __init__(self, out: str, *, quiet: bool, verbose: bool) -> None:
        self._out = out
        self._quiet = quiet
        self._terminal = sys.stderr is not None and sys.stderr.isatty() and not quiet
        self._verbose = verbose
        self._speaks = self._terminal or verbose

    @contextmanager
    def progress(self) -> Generator[Callable[[str], None], None, None]:
        """Gives a function that shows what is going on; the line is gone afterwards."""
        try:
            yield self._step if self._terminal else _silent
        finally:
            if self._terminal:
                click.echo(_CLEAR_LINE, err=True, nl=False)

    def _step(self, text: str) -> None:
        click.echo(f"{_CLEAR_LINE}{text} …", err=True, nl=False)

    def done(self, outcome: Outcome, seconds: float, *, failing: bool) -> None:
        """What was written."""
        self._note_name()
        if self._verbose:
            for change in outcome.changes:
                verb = "removed" if change.new is None else "wrote"
                _say(f"{verb} {os.path.join(self._out, change.path)}")
        if failing and outcome.changes:
            _say(f"{self._out}: {_written(outcome)}; add what changed to the commit")
        elif self._speaks:
            _say(f"{self._out}: {_written(outcome)} ({seconds:.1f} s)")

    def _note_name(self) -> None:
        name = os.path.basename(os.path.abspath(self._out))
        if self._quiet or (name.isidentifier() and not iskeyword(name)):
            return
        other = re.sub(r"\W", "_", name)
        other = other if other.isidentifier() and not iskeyword(other) else f"events_{other}"
        _say(
            f"note: Python can import {self._out} only after renaming it; "
            f"-o {os.path.join(os.path.dirname(self._out), other)} would be a package"
        )

    def differences(self, outcome: Outcome, *, show: bool, failing: bool) -> None:
        """What would be written."""
        if show:
            _show(change.diff(self._out) for change in outcome.changes)
        if failing and outcome.changes:
            differ = _counted(len(outcome.changes), "file differs", "files differ")
            _say(f"{self._out} is not what the schemas give: {differ}; generate and commit")
        elif self._speaks:
            _say(f"{self._out}: {_to_write(outcome)}")


def _show(texts: Iterable[str]) -> None:
    """Write to standard output, until who reads it has enough."""
    try:
        for text in texts:
            click.echo(text, nl=False)
    except OSError as error:
        # What is in the buffer yet would fail once more when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise UsageError(f"standard output: {error.strerror}") from error


def _silent(text: str) -> None:
    pass


def _say(text: str) -> None:
    click.echo(text, err=True)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _written(outcome: Outcome) -> str:
    removed = sum(change.new is None for change in outcome.changes)
    written = len(outcome.changes) - removed
    if not outcome.changes:
        return f"{_counted(outcome.files, 'file', 'files')}, up to date"
    parts = [_counted(written, "file written", "files written")]
    parts += [f"{removed:,} removed"] if removed else []
    parts += [f"{left:,} as before"] if (left := outcome.files - written) else []
    return ", ".join(parts)


def _to_write(outcome: Outcome) -> str:
    if not outcome.changes:
        return f"{_counted(outcome.files, 'file', 'files')}, up to date"
    return _counted(len(outcome.changes), "file would change", "files would change")
