"""A generated client to decode events with, from an importable package or from schemas."""

from __future__ import annotations

import importlib
import importlib.util
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
    """Return the client of a generated package; ConfigError when there is none."""
    try:
        client = importlib.import_module(f"{package}.client").AsyncEventClient
    except (ImportError, AttributeError) as error:
        told = f"{package!r} is no package that raccoon-codegen generated: {error}"
        raise ConfigError(told, argument="--package") from error
    return cast("type[EventMethods[Any]]", client)


@contextmanager
def from_schemas(schemas: Sequence[str]) -> Generator[type[EventMethods[Any]]]:
    """Generate a package into a temporary folder, and give its client while the folder lasts."""
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        told = (
            "decoding by .proto files needs more than the runtime: "
            "pip install 'raccoon-codegen[codegen]'; --package NAME needs no more"
        )
        raise ConfigError(told, argument="--schemas")
    with TemporaryDirectory(prefix="raccoon-collector-") as folder:
        out = Path(folder) / PACKAGE
        command = [sys.executable, "-m", "raccoon_codegen", *schemas, "--quiet"]
        done = subprocess.run(
            [*command, "-o", str(out)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ConfigError(
                (done.stderr or done.stdout).strip().removeprefix("raccoon-codegen: ")
            )
        sys.path.insert(0, folder)
        try:
            importlib.invalidate_caches()
            yield from_package(PACKAGE)
        finally:
            sys.path.remove(folder)
