"""Ports of loopback that the system gives to nobody else while a test runs."""

from __future__ import annotations

from raccoon_runtime.collector.sockets import Port

_ports: list[Port] = []  # as long as this process lives


def own_port() -> int:
    """Return a port for a server that is still to start."""
    _ports.append(Port("127.0.0.1", 0))
    return _ports[-1].number


SILENT_PORT = own_port()
"""Nobody listens here."""
