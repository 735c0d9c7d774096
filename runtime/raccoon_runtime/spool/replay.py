"""Delivering what is left in a spool, with a file for what the server refuses for good."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..delivery import Delivery, Undelivered
from ..delivery.batch import Batch
from ..envelope import Ack
from ..errors import SendError, UndeliveredError
from ..sync import SyncClient

_FAREWELL = 1.0
"""Seconds for what is on its way when the time is over, or at Ctrl-C."""


class Replaying(SyncClient):
    """A client that keeps what failed in a file before the spool lets it go.

    When the file does not take it, it stays in the spool, and the client closes; `trouble` says
    why.
    """

    _keeping: _Keeping

    def _make_delivery(self, *arguments: Any) -> Delivery:
        self._keeping = _Keeping(*arguments)
        return self._keeping

    def keep_in(self, failed: Failed) -> None:
        """Say which file; before anything is sent."""
        self._keeping.failed = failed

    @property
    def trouble(self) -> OSError | None:
        """Why something could not be kept."""
        return self._keeping.trouble

    def farewell(self) -> None:
        """Close it."""
        self.close(_FAREWELL)


class _Keeping(Delivery):
    failed: Failed | None = None
    trouble: OSError | None = None

    def _settled(self, batch: Batch, outcome: Ack | SendError) -> None:
        # What only was not sent in time stays in the spool anyway.
        if self.failed and isinstance(outcome, SendError) and not _is_left(outcome):
            try:
                self.failed.keep(self._undelivered(batch, outcome))
            except OSError as error:
                self.trouble = error
                self.close_later(_FAREWELL)
                return
        super()._settled(batch, outcome)


def _is_left(error: SendError) -> bool:
    return isinstance(error, UndeliveredError)


class Failed:
    """Keeps what failed for good, as lines of JSON."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, letters: Sequence[Undelivered]) -> None:
        """Append these; they are on the disk then. OSError when they are not."""
        torn = _is_torn(self.path)
        with open(self.path, "a", encoding="utf-8", opener=_private) as file:
            file.write("\n" * torn)
            for letter in letters:
                told = {**described(letter.type, letter.data), "error": letter.error.brief()}
                file.write(f"{json.dumps(told)}\n")
            file.flush()
            # A pipe, say, has no disk.
            with suppress(OSError):
                os.fsync(file.fileno())


def _is_torn(path: Path) -> bool:
    """Whether its last line was not written to the end, on a full disk say."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)  # events tell of people


def described(type: str, data: bytes) -> dict[str, Any]:
    """Return an event as JSON has it."""
    return {"type": type, "data": b64encode(data).decode()}
