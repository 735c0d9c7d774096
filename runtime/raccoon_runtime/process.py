"""Forks: noticing one, and leaving alone what the child inherited.

A child shares the parent's epoll with it: closing an inherited loop, or a connection of one, takes
it away from the parent too. So a child starts anew and never lets what it inherited be finalised.
"""

from __future__ import annotations

import concurrent.futures.thread
import contextlib
import functools
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Generator
from weakref import WeakSet

_generation = 0
_lock = threading.RLock()
_inherited: list[object] = []
_private: set[int] = set()
_ours: WeakSet[object] = WeakSet()
_busy: Counter[int] = Counter()
_forking: set[int] = set()
_quiet = threading.Condition()
_PATIENCE = 5.0  # seconds for which a fork waits for a thread that is held up


def generation() -> int:
    """Return a number that is another after a fork."""
    return _generation


def lock() -> threading.RLock:
    """Return the lock under which clients begin and end; a fork's child has another, which nobody
    holds. A signal's handler may come in between, and take it again.
    """
    return _lock


def leave_alone(*things: object) -> None:
    """Keep these for the life of the process, its shutdown included: their finalisers would reach
    into the parent.
    """
    _inherited.extend(things)
    keep = _keeper()
    for thing in things:
        keep(thing)


@functools.cache
def _keeper() -> Callable[[object], object]:
    """What keeps a thing for ever."""
    try:
        import ctypes
    except ImportError:  # without it they live until the module goes, which is nearly as long
        return id
    return lambda thing: ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def leave_to_parent(thing: object) -> None:
    """Have a fork's child leave this alone, should it be there still."""
    with undivided():
        _keeper()  # imports, which the child must not
    _ours.add(thing)


@contextlib.contextmanager
def undivided() -> Generator[None]:
    """Let no fork come in between: a C library's own locks, or those of an import, would stay held
    in the child for ever.

    A fork of another thread waits for the end of this, and the next to begin this waits for the
    fork: for five seconds at most.
    """
    me = threading.get_ident()
    with _quiet:
        if me not in _busy:
            _quiet.wait_for(lambda: _forking <= {me}, _PATIENCE)
        _busy[me] += 1
    try:
        yield
    finally:
        with _quiet:
            depth = _busy.pop(me, 0) - 1
            if depth > 0:
                _busy[me] = depth
            _quiet.notify_all()


def _others_busy() -> bool:
    me = threading.get_ident()
    return any(thread != me for thread in _busy)


def _before_fork() -> None:
    _quiet.acquire()
    _forking.add(threading.get_ident())
    _quiet.wait_for(lambda: not _others_busy(), _PATIENCE)


def _after_fork() -> None:
    _forking.discard(threading.get_ident())
    _quiet.notify_all()
    _quiet.release()


def close_in_child(descriptor: int) -> None:
    """Have a fork's child close this descriptor at once: a lock on it would outlive us there."""
    _private.add(descriptor)


def close(descriptor: int) -> None:
    """Close a descriptor that `close_in_child` was told of."""
    _private.discard(descriptor)
    os.close(descriptor)


def _forked() -> None:
    global _generation, _lock, _quiet
    _generation += 1
    _lock = threading.RLock()
    _quiet = threading.Condition()
    _busy.clear()
    _forking.clear()
    leave_alone(*_ours)
    _ours.clear()
    for descriptor in _private:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _private.clear()


# A fork calls first what was registered last. These two take their locks before it, and with them
# in hand nobody must wait for a thread that may need them.
_EARLIER = (logging, concurrent.futures.thread)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_forked)
