"""From the model to sources: a template for each kind of file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from . import header, model
from .snippets import FILTERS

INTERFACE = 1
"""Of the runtime, for which the templates write; a test holds it against the runtime's own."""

Piece = model.Module | model.Face | model.Client | None
"""What one file is made from; None for `py.typed`, which is empty."""


def render(package: model.Package) -> dict[str, str]:
    """Every file's content by its path below the output directory."""
    return {path: render_file(path, piece) for path, piece in files(package)}


def files(package: model.Package) -> Iterator[tuple[str, Piece]]:
    """Every path of the output, and what its content is made from."""
    yield "py.typed", None
    for face in package.faces:
        yield face.path, face
    if package.client is not None:
        yield "client.py", package.client
    for module in package.modules:
        yield module.path, module


def render_file(path: str, piece: Piece) -> str:
    """The content of the file at `path`; it depends on nothing else."""
    if piece is None:
        return ""
    if isinstance(piece, model.Module):
        source = _template("module").render(module=piece)
    elif isinstance(piece, model.Face):
        interface = INTERFACE if path == "__init__.py" else None
        source = _template("face").render(face=piece, interface=interface)
    else:
        source = _template("client").render(client=piece)
    return f"{source.rstrip()}\n"


@lru_cache
def _template(name: str) -> Template:
    return _environment().get_template(f"{name}.py.j2")


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_templates()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(FILTERS)
    constants: dict[str, Any] = {"mark": header.MARK, "leave_alone": header.LEAVE_ALONE}
    environment.globals.update(constants)
    return environment


def _templates() -> str:
    """Beside this package when installed, at the repository's top in a checkout."""
    here = os.path.dirname(os.path.abspath(__file__))
    installed = os.path.join(here, "templates")
    if os.path.isdir(installed):
        return installed
    return os.path.join(os.path.dirname(os.path.dirname(here)), "templates")
