"""Ports of loopback that the system gives to nobody else while a test runs."""

from __future__ import annotations

from raccoon_runtime.collector.sockets import Place

_places: list[Place] = []  # as long as this process lives


def own_port() -> int:
    """Return a port for a server that is still to start."""
    _places.append(Place("127.0.0.1", 0))
    return _places[-1].port


SILENT_PORT = own_port()
"""Nobody listens here."""
