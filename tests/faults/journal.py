"""What programs under test write down, a line an entry, so that a kill loses no more than a line.

A program uses `Journal`; a row reads what all its processes wrote with `books`.
"""

from __future__ import annotations

import json
import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from raccoon_runtime import Ack, SendError, UndeliveredError
from raccoon_runtime.sync import SyncClient

from .books import Books, Ledger, Outcome


class Journal:
    """Appends to a file that other processes append to as well."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def accepted(self, number: int) -> None:
        """Note that `submit` has returned."""
        self._write({"accepted": number})

    def failed(self, number: int, error: SendError) -> None:
        """Note that an event failed, as its future says or `close()`."""
        self._write({"failed": number, "persisted": error.persisted})

    def follow(self, client: SyncClient) -> None:
        """Note every ack, in a thread, from now on."""
        acks = client.acks()
        threading.Thread(target=lambda: [self.ack(ack) for ack in acks], daemon=True).start()

    def ack(self, ack: Ack) -> None:
        """Note an answer."""
        if ack.ok:
            self._write({"ack": ack.req_guid, "flagged": ack.possible_duplicate})

    def _write(self, entry: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(entry).encode() + b"\n")


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """Give what was written so far; a line that was torn is passed over."""
    if path.exists():
        for line in path.read_bytes().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def books(path: Path, ledger: Ledger) -> Books:
    """Return the books of all processes together.

    An event of a process that was killed has the outcome that a later one was told of: its requests
    are those of the ledger, the acks those of the journal.
    """
    accepted: list[int] = []
    failed: dict[int, SendError] = {}
    acks: dict[str, bool] = defaultdict(bool)
    for entry in entries(path):
        if "accepted" in entry:
            accepted.append(entry["accepted"])
        elif "failed" in entry:
            failed[entry["failed"]] = UndeliveredError(persisted=entry["persisted"])
        else:
            acks[entry["ack"]] |= entry["flagged"]
    outcomes = {number: failed.get(number) or _outcome(number, ledger, acks) for number in accepted}
    return Books(outcomes, unsure=set(ledger) - set(outcomes))


def _outcome(number: int, ledger: Ledger, acks: dict[str, bool]) -> Outcome:
    guids = ledger.get(number, ())
    if not guids:
        return None
    known = [guid for guid in guids if guid in acks]
    # An ack that a kill kept from being written down may have had the flag.
    flagged = len(known) < len(guids) or any(acks[guid] for guid in known)
    return Ack((known or list(guids))[0], possible_duplicate=flagged)
