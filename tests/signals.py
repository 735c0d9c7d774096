"""Signals as programs find them that are started by hand."""

from __future__ import annotations

import signal


def hear_interrupts() -> None:
    """Let the programs that are started from here hear SIGINT: what a shell begins in the
    background ignores it, and so would they.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
