"""The sockets under both servers: listening, and ending a connection the hard way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
from typing import cast

from .source import Source

FAREWELL = 1.0
"""How long a connection lingers at most, in seconds."""

_STEPS = 5
"""More turns of the loop than asyncio takes from an accepted socket to its protocol."""


class AddressError(OSError):
    """An address on which it cannot listen."""

    def __str__(self) -> str:
        return str(self.args[1])


class Port:
    """A port to listen on; an AddressError names it when that cannot be.

    It stays ours also while nobody listens there: clients are refused, and no other socket is given
    it, a client's neither. What keeps it is a socket that is bound and does not listen; Linux alone
    lets another one listen beside it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._keeper: socket.socket | None = None
        if sys.platform == "linux":
            self._keeper = self._bound()

    @property
    def number(self) -> int:
        """Its number; 0 until the system has chosen it."""
        return self._address[1]

    def listen(self) -> socket.socket:
        """Return a socket that listens here."""
        sock = self._bound()
        try:
            sock.listen()
        except OSError as error:
            sock.close()
            raise self._refused(error) from error
        return sock

    def _bound(self) -> socket.socket:
        host, port = self._address
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            if os.name != "nt":  # where it would share a port with who listens there
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if ":" in host:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((host, port))
        except OSError as error:
            sock.close()
            raise self._refused(error) from error
        self._address = host, int(sock.getsockname()[1])
        return sock

    def _refused(self, error: OSError) -> AddressError:
        host, port = self._address
        return AddressError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}")

    def close(self) -> None:
        """Leave it to others."""
        if self._keeper is not None:
            self._keeper.close()

    __del__ = close


async def stop_listening(server: asyncio.Server) -> None:
    """Close a server when all that it has accepted is let in.

    Up to Python 3.11 a connection on its way in would be left open, for a server that is closed
    takes none.
    """
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # as on Windows, whose loop has no readers
        for sock in server.sockets:
            loop.remove_reader(sock.fileno())
    for _ in range(_STEPS):
        await asyncio.sleep(0)
    server.close()


async def linger(source: Source, writer: asyncio.StreamWriter) -> None:
    """End this side's half of a connection, and give the last words time to arrive.

    What the other side sends to a closed socket resets the connection, and the reset can overtake
    them.
    """
    if writer.can_write_eof() and not writer.is_closing():
        # Where it is reset already, its end is an OSError of its own: it is not connected.
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            writer.write_eof()
            await asyncio.wait_for(source.drained(), FAREWELL)


def end(transport: asyncio.Transport) -> None:
    """End a connection by EOF: at once, also when the other side does not read what is left."""
    transport.abort() if transport.get_write_buffer_size() else transport.close()


def reset(transport: asyncio.BaseTransport | None) -> None:
    """End a connection with RST."""
    sock = None if transport is None else transport.get_extra_info("socket")
    if sock is not None:
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    if transport is not None:
        cast(asyncio.Transport, transport).abort()  # uvloop's transports are no subclass of it
