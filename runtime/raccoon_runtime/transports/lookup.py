"""Where a host is: asked anew for each connection, and remembered for when nobody can be asked."""

from __future__ import annotations

import asyncio
import importlib
import socket
import sys
import threading
from concurrent.futures import Future
from typing import Any, NamedTuple

from .. import process

# Python imports it when a name is first looked up, in a thread; a fork amid an import leaves its
# lock held in the child.
importlib.import_module("encodings.idna")


class Place(NamedTuple):
    """One address of a host; that of a link has its scope in it, as in `fe80::1%2`."""

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
        self._asking: dict[tuple[object, ...], Future[list[Place]]] = {}

    async def places(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> list[Place]:
        """Return the addresses of a host, in the system's order; OSError when there are none."""
        key = (host, port, family)
        try:
            self._found[key] = await asyncio.wrap_future(self._ask(*key))
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                raise
            if key not in self._found:
                raise OSError(None, "the host cannot be looked up now") from error
        except RuntimeError as error:
            if key not in self._found:
                self._found[key] = _ask_here(host, port, family, error)
        return self._found[key]

    def _ask(self, host: str, port: int, family: int) -> Future[list[Place]]:
        """Ask, or wait with those who do; RuntimeError when no thread can be started for it."""
        key = (process.generation(), host, port, family)  # a fork leaves its threads behind
        asked = self._asking.get(key)
        if asked is None:
            asked = self._asking[key] = _asked(host, port, family)
            asked.add_done_callback(lambda _: self._asking.pop(key))
        return asked


def _asked(host: str, port: int, family: int) -> Future[list[Place]]:
    """Ask in a thread that nobody waits for.

    Those of an event loop are waited for at the end of the process, and where no name server
    answers that takes half a minute.
    """
    if sys.is_finalizing():  # before 3.12 it would be waited for, and never run
        raise RuntimeError("the interpreter is ending")
    answer: Future[list[Place]] = Future()
    answer.set_running_or_notify_cancel()  # who stops waiting does not stop it for the others

    def ask() -> None:
        try:
            answer.set_result(_resolved(host, port, family))
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=ask, name="raccoon-lookup", daemon=True).start()
    return answer


def _ask_here(host: str, port: int, family: int, error: RuntimeError) -> list[Place]:
    """Ask without a thread: the loop waits meanwhile, but there is little left that it could do."""
    try:
        return _resolved(host, port, family)
    except OSError:
        raise OSError(None, "the host cannot be looked up now") from error


def _resolved(host: str, port: int, family: int) -> list[Place]:
    infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    return [_place(info[0], info[4]) for info in infos]


def _place(family: int, address: tuple[Any, ...]) -> Place:
    ip, port = str(address[0]), int(address[1])
    scope = address[3] if family == socket.AF_INET6 else 0
    return Place(family, f"{ip}%{scope}" if scope else ip, port)
