"""Writes raccoon/options.proto out, for tools that do not know where this package keeps it."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import OutputError

_NAME = os.path.join("raccoon", "options.proto")
_PACKAGE = b"\npackage raccoon;\n"


def options(directory: Path) -> Path:
    """Write the file below `directory`, over an older one of ours; give back where it is."""
    content = (Path(__file__).parent / "proto" / _NAME).read_bytes()
    target = directory / _NAME
    try:
        if target.exists() and _PACKAGE not in target.read_bytes():
            raise OutputError(f"{target}: is somebody else's; it was left as it is")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{error.filename or target}: {error.strerror}") from error
    return target
