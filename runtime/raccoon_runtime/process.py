"""Forks: noticing one, and leaving alone what the child inherited.

A child shares the parent's epoll with it: closing an inherited loop, or a connection of one, takes
it away from the parent too. So a child starts anew and never lets what it inherited be finalised.
"""

from __future__ import annotations

import contextlib
import os
import threading

_generation = 0
_lock = threading.Lock()
_inherited: list[object] = []
_private: set[int] = set()


def generation() -> int:
    """Return a number that is another after a fork."""
    return _generation


def lock() -> threading.Lock:
    """Return the lock under which clients begin; a fork's child has another, which nobody holds."""
    return _lock


def leave_alone(*things: object) -> None:
    """Keep these for the life of the process, its shutdown included: their finalisers would reach
    into the parent.
    """
    _inherited.extend(things)
    try:
        import ctypes
    except ImportError:  # without it they live until the module goes, which is nearly as long
        return
    for thing in things:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def close_in_child(descriptor: int) -> None:
    """Have a fork's child close this file descriptor at once: a lock on it would outlive us there."""
    _private.add(descriptor)


def close(descriptor: int) -> None:
    """Close a descriptor that `close_in_child` was told of."""
    _private.discard(descriptor)
    os.close(descriptor)


def _forked() -> None:
    global _generation, _lock
    _generation += 1
    _lock = threading.Lock()
    for descriptor in _private:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _private.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
