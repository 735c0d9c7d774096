"""A few blocks that are kept back, so that a full disk can still be emptied: to remove rows takes
room.
"""

from __future__ import annotations

import os
from pathlib import Path

SIZE = 256 << 10


class Reserve:
    """A file of zeros beside a spool file."""

    def __init__(self, path: Path) -> None:
        self._path = Path(f"{path}-reserve")

    def lay_by(self) -> None:
        """Make it, if it is not there and the disk has room."""
        if self._path.exists():
            return
        try:
            with open(self._path, "wb") as file:
                file.write(bytes(SIZE))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self.give_up()

    def give_up(self) -> None:
        """Remove it."""
        self._path.unlink(missing_ok=True)
