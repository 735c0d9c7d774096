"""From schemas to the model: the one door into the front half of the generator."""

from __future__ import annotations

from . import model
from .inputs import Inputs, Override

__all__ = ["Inputs", "Override", "build"]


def build(inputs: Inputs) -> model.Package:
    """The finished model of all that `inputs` give.

    It is the same whatever the order of the inputs and the working directory. Raises `SchemaError` (every problem found,
    each at its place) or `UsageError` (a path that is not there, an option that means nothing).
    """
    raise NotImplementedError
