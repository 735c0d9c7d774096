"""Counts in words."""

from __future__ import annotations


def were(count: int) -> str:
    """Return the end of "1 event was", "2 events were": " was" or "s were"."""
    return " was" if count == 1 else "s were"
