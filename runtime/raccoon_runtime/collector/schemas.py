"""A generated client to decode events with, from an importable package or from schemas."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from ..client import EventMethods
from ..errors import ConfigError

PACKAGE = "raccoon_collector_events"
NEEDED = ("raccoon_codegen", "grpc_tools")


def from_package(package: str) -> type[EventMethods[Any]]:
    """Return the client of a generated package, which is told by its import name or its directory;
    ConfigError when there is none.
    """
    where, name = os.path.split(os.path.normpath(package))
    if where:
        sys.path.insert(0, os.path.abspath(where))
    try:
        client = importlib.import_module(f"{name}.client").AsyncEventClient
    except (ImportError, AttributeError) as error:
        told = f"{package!r} is no package that raccoon-codegen generated: {error}"
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            told = (
                f"there is no package {package!r}: its directory belongs here, or its import name "
                "if PYTHONPATH leads to it"
            )
        raise ConfigError(told, argument="--package") from error
    return cast("type[EventMethods[Any]]", client)


@contextmanager
def from_schemas(
    schemas: Sequence[str], import_roots: Sequence[str] = ()
) -> Generator[type[EventMethods[Any]]]:
    """Generate a package into a temporary folder, and give its client while the folder lasts."""
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        told = (
            "decoding by .proto files needs more than the runtime: "
            "pip install 'raccoon-codegen[codegen]'; --package NAME needs no more"
        )
        raise ConfigError(told, argument="--schemas")
    with TemporaryDirectory(prefix="raccoon-collector-") as folder:
        out = Path(folder) / PACKAGE
        command = [sys.executable, "-m", "raccoon_codegen", *schemas, "--quiet", "-o", str(out)]
        command += [f"--import-root={root}" for root in import_roots]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ConfigError((done.stderr or done.stdout).strip().removeprefix("Error: "))
        sys.path.insert(0, folder)
        try:
            importlib.invalidate_caches()
            yield from_package(PACKAGE)
        finally:
            sys.path.remove(folder)
