"""A few blocks that are kept back, so that a full disk can still be emptied: to remove rows takes
room.
"""

from __future__ import annotations

import os
from pathlib import Path

from .directory import RESERVE

SIZE = 256 << 10


class Reserve:
    """A file of zeros beside a spool file."""

    def __init__(self, path: Path) -> None:
        self._path = Path(f"{path}{RESERVE}")

    def lay_by(self) -> bool:
        """Make it if it is not there; whether the disk has room for it."""
        if self._path.exists():
            return True
        try:
            with open(self._path, "wb") as file:
                file.write(bytes(SIZE))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self.give_up()
            return False
        return True

    def give_up(self) -> None:
        """Remove it."""
        self._path.unlink(missing_ok=True)
