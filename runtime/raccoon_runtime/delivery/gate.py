"""Lets one batch at a time through while the server is away, or its broker in doubt."""

from __future__ import annotations

from collections.abc import Callable

from .batch import Batch


class Gate:
    """Open; or closed, and then one batch, the probe, passes each time that it is due."""

    def __init__(self) -> None:
        self.closed = False
        self.failures = 0
        """How often a probe failed since."""
        self.probe: Batch | None = None
        self._due = False
        self._out = False

    def close(self) -> None:
        """Close it, if it is not closed yet."""
        if not self.closed:
            self.closed = True
            self.failures = 0

    def guards(self, batch: Batch) -> bool:
        """Whether the batch is the probe, or may become it."""
        return self.probe is None or self.probe is batch

    def hold(self, batch: Batch | None) -> None:
        """Let this batch be the probe, or whichever is the next; it is not due yet."""
        self.probe = batch
        self._due = self._out = False

    def due(self) -> None:
        """Let the probe pass when it is next asked for."""
        self._due = True

    def take(self, following: Callable[[], Batch | None]) -> Batch | None:
        """Return the probe, or `following()` as such, once, when it is due."""
        if not self._due:
            return None
        self.probe = self.probe or following()
        if self.probe is not None:
            self._due, self._out = False, True
        return self.probe

    def open(self) -> Batch | None:
        """Open it; return the probe where that still waits."""
        waiting = None if self._out else self.probe
        self.closed = self._due = self._out = False
        self.probe = None
        return waiting
