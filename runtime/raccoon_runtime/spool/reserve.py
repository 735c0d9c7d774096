"""A few blocks that are kept back, so that a full disk can still be emptied: to remove rows takes
room.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .directory import RESERVE

SIZE = 256 << 10


class Reserve:
    """A file of zeros beside a spool file."""

    def __init__(self, path: Path) -> None:
        self._path = Path(f"{path}{RESERVE}")

    def lay_by(self) -> OSError | None:
        """Make it if it is not there; why the disk does not take it, if it does not."""
        try:
            if not self._path.exists():
                with open(self._path, "wb") as file:
                    file.write(bytes(SIZE))
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            self.give_up()
            return error
        return None

    def give_up(self) -> None:
        """Remove it, if that can be."""
        with contextlib.suppress(OSError):
            self._path.unlink()
