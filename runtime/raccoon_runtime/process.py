"""Forks: noticing one, and leaving alone what the child inherited.

A child shares the parent's epoll with it: closing an inherited loop, or a connection of one, takes
it away from the parent too. So a child starts anew and never lets what it inherited be finalised.
"""

from __future__ import annotations

import os
import threading

_generation = 0
_lock = threading.Lock()
_inherited: list[object] = []


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


def _forked() -> None:
    global _generation, _lock
    _generation += 1
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
