"""Deprecation warnings that point at the line that a user can change."""

from __future__ import annotations

import sys
import warnings
from types import FrameType


def warn_caller(text: str, package: str | None = None) -> None:
    """Warn that something is deprecated, at the first frame that is neither ours nor of the
    generated `package`.
    """
    level = 2
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # nothing else gives it
    while frame.f_back is not None and _is_ours(frame, package):
        frame = frame.f_back
        level += 1
    warnings.warn(text, DeprecationWarning, stacklevel=level)


def _is_ours(frame: FrameType, package: str | None) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    if _within(module, "raccoon_runtime") or (package is not None and _within(module, package)):
        return True
    # A dataclass's __init__ is compiled from a string, in its class's own module.
    return frame.f_code.co_name == "__init__" and frame.f_code.co_filename == "<string>"


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")
