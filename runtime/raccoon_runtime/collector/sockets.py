"""The sockets under both servers: listening, and ending a connection the hard way."""

from __future__ import annotations

import asyncio
import socket
import struct


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; an OSError that names the address when it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        told = f"cannot listen on {host}:{port}: {error.strerror or error}"
        raise OSError(error.errno, told) from error


def reset(transport: asyncio.BaseTransport | None) -> None:
    """End a connection with RST."""
    sock = None if transport is None else transport.get_extra_info("socket")
    if sock is not None:
        linger = struct.pack("ii", 1, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    if isinstance(transport, asyncio.Transport):
        transport.abort()
