"""What generated packages import besides messages and clients: their version check and their lazy
faces.
"""

from __future__ import annotations

import importlib
import keyword
import sys
from collections.abc import Callable, Mapping
from typing import Any

INTERFACE = 1
"""The version of what generated code and this runtime expect of each other."""

_ROOT_MODULES = frozenset({"client"})


def require(interface: int, package: str) -> None:
    """Check that `package` was generated for this runtime; an ImportError says which of the two to
    update.
    """
    if interface == INTERFACE:
        return
    if interface > INTERFACE:
        remedy = "update raccoon-codegen where this package is used"
    else:
        remedy = f"generate {package} again with the installed raccoon-codegen"
    raise ImportError(
        f"{package} was generated for runtime interface {interface}, this runtime has {INTERFACE}: "
        f"{remedy}",
        name=package,
    )


def package_path(package: str) -> str:
    """Return the dotted Python path of a proto package below the generated root: `import.client` →
    `import_.client_`.
    """
    return ".".join(
        part + "_" if keyword.iskeyword(part) or part in _ROOT_MODULES else part
        for part in package.split(".")
    )


def lazy(
    package: str, modules: Mapping[str, str]
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` of a package whose names live in modules below
    it.

    `modules` maps each module, relative to the package, to the names that are exported from it,
    with spaces between. A module is imported when a name of it is first asked for.
    """
    places = {name: module for module, names in modules.items() for name in names.split()}
    exported = sorted(places)

    def find(name: str) -> Any:
        module = places.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name)
        value = getattr(importlib.import_module(module, package), name)
        vars(sys.modules[package])[name] = value
        return value

    def listing() -> list[str]:
        return sorted({*vars(sys.modules[package]), *exported})

    return exported, find, listing
