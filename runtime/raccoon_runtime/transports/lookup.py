"""Where a host is: asked anew for each connection, and remembered for when nobody can be asked."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple

# Python imports these when a name is first looked up, in a thread; a fork amid an import leaves its
# lock held in the child.
for _early in ("concurrent.futures.thread", "encodings.idna"):
    with contextlib.suppress(RuntimeError):  # once the main thread has ended it refuses the first
        importlib.import_module(_early)


class Place(NamedTuple):
    """One address of a host."""

    family: int
    ip: str
    port: int


class Lookup:
    """Looks hosts up, and answers what it found last while the system cannot say.

    That is so when no name server answers, and at interpreter exit, where an event loop has no
    threads any more to ask in. What was not found before is then asked for without one.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, int], list[Place]] = {}

    async def places(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> list[Place]:
        """Return the addresses of a host, in the system's order; OSError when there are none."""
        key = (host, port, family)
        loop = asyncio.get_running_loop()
        try:
            infos = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
            self._found[key] = _places(infos)
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                raise
            if key not in self._found:
                raise OSError(None, "the host cannot be looked up now") from error
        except RuntimeError as error:
            if key not in self._found:
                self._found[key] = _ask_here(host, port, family, error)
        return self._found[key]


def _ask_here(host: str, port: int, family: int, error: RuntimeError) -> list[Place]:
    """Ask without a thread: the loop waits meanwhile, but there is little left that it could do."""
    try:
        return _places(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM))
    except OSError:
        raise OSError(None, "the host cannot be looked up now") from error


def _places(infos: Sequence[tuple[Any, ...]]) -> list[Place]:
    return [Place(info[0], str(info[4][0]), int(info[4][1])) for info in infos]
