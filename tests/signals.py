"""Signals as programs find them that are started by hand."""

from __future__ import annotations

import signal

USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}


def hear_signals() -> None:
    """Let the programs that are started from here hear them: what a shell begins in the background,
    or `nohup` does, ignores one, and so would they.
    """
    for number, handler in USUAL.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
