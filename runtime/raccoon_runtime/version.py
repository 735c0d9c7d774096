"""Which version of the distribution this is."""

from __future__ import annotations

import importlib.metadata


def installed() -> str:
    """Return the version; where the packages were copied without their metadata, "unknown"."""
    try:
        return importlib.metadata.version("raccoon-codegen")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
