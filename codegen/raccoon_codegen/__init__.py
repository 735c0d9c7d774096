"""Typed event clients for Raccoon from .proto files."""

from .config import Config
from .errors import OutputError, Problem, RaccoonCodegenError, SchemaError, UsageError
from .inputs import Inputs, Override
from .run import generate

__all__ = [
    "Config",
    "Inputs",
    "OutputError",
    "Override",
    "Problem",
    "RaccoonCodegenError",
    "SchemaError",
    "UsageError",
    "generate",
]
