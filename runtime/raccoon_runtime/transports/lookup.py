"""Where a host is: asked anew for each connection, and remembered for when nobody can be asked."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import socket
import sys
import threading
from typing import NamedTuple

# Python imports it when a name is first looked up, in a thread; a fork amid an import leaves its
# lock held in the child.
importlib.import_module("encodings.idna")


class Place(NamedTuple):
    """One address of a host."""

    family: int
    ip: str
    port: int


class Lookup:
    """Looks hosts up, and answers what it found last while the system cannot say.

    That is so when no name server answers, and at interpreter exit, where no thread can be started
    any more to ask in. What was not found before is then asked for without one.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, int], list[Place]] = {}

    async def places(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> list[Place]:
        """Return the addresses of a host, in the system's order; OSError when there are none."""
        key = (host, port, family)
        try:
            self._found[key] = await _ask(host, port, family)
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                raise
            if key not in self._found:
                raise OSError(None, "the host cannot be looked up now") from error
        except RuntimeError as error:
            if key not in self._found:
                self._found[key] = _ask_here(host, port, family, error)
        return self._found[key]


async def _ask(host: str, port: int, family: int) -> list[Place]:
    """Ask in a thread that nobody waits for; RuntimeError when none can be started.

    Those of an event loop are waited for at the end of the process, and where no name server
    answers that takes half a minute.
    """
    if sys.is_finalizing():  # before 3.12 it would be waited for, and never run
        raise RuntimeError("the interpreter is ending")
    answer: concurrent.futures.Future[list[Place]] = concurrent.futures.Future()
    answer.set_running_or_notify_cancel()  # it cannot be taken back

    def ask() -> None:
        try:
            answer.set_result(_resolved(host, port, family))
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=ask, name="raccoon-lookup", daemon=True).start()
    return await asyncio.wrap_future(answer)


def _ask_here(host: str, port: int, family: int, error: RuntimeError) -> list[Place]:
    """Ask without a thread: the loop waits meanwhile, but there is little left that it could do."""
    try:
        return _resolved(host, port, family)
    except OSError:
        raise OSError(None, "the host cannot be looked up now") from error


def _resolved(host: str, port: int, family: int) -> list[Place]:
    infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    return [Place(info[0], str(info[4][0]), int(info[4][1])) for info in infos]
