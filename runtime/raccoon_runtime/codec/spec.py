"""What a message class was declared with, field by field."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from typing import Any, Literal

from .kinds import MAP_KEYS, SCALARS, Scalar

METADATA = "raccoon"
"""The key of a dataclass field's metadata that holds its `Spec`."""

_MAP = re.compile(r"map<([a-z0-9]+), ([A-Za-z0-9_.]+)>")


@dataclass(frozen=True)
class Spec:
    """What `field()` was told."""

    number: int
    type: str
    of: Callable[[], builtins.type[Any]] | None = None
    repeated: bool = False
    optional: bool = False
    oneof: str | None = None
    packed: bool = True
    name: str | None = None
    json: str | None = None
    required: bool = False
    auto: Literal["uuid", "now"] | None = None
    deprecated: bool = False

    @property
    def is_map(self) -> bool:
        return self.type.startswith("map<")

    @property
    def presence(self) -> bool:
        """Whether None says that it is not set."""
        if self.repeated or self.is_map:
            return False
        return self.optional or self.oneof is not None or not self.is_scalar

    @property
    def is_scalar(self) -> bool:
        return self.type in SCALARS or self.type == "enum"


def specs(cls: type[Any]) -> dict[str, Spec]:
    """Return what a message class's fields were declared with, by Python name."""
    return {
        name: field.metadata[METADATA]
        for name, field in cls.__dataclass_fields__.items()
        if METADATA in field.metadata
    }


def default(cls: type[Any], name: str) -> Any:
    """Return what a message class's field is when it is left out."""
    declared = cls.__dataclass_fields__[name]
    if declared.default is not MISSING:
        return declared.default
    return declared.default_factory()


def element_kind(spec: Spec) -> tuple[str, Scalar | None]:
    """Return the kind of one element and of the map's keys, if it is a map."""
    if not spec.is_map:
        return spec.type, None
    match = _MAP.fullmatch(spec.type)
    if match is None or match[1] not in MAP_KEYS:
        raise TypeError(f"{spec.type!r} is no map type")
    return match[2], SCALARS[match[1]]


def display_name(cls: type[Any]) -> str:
    """Return a class's name with its outer classes, without the function that it was made in."""
    return cls.__qualname__.rpartition("<locals>.")[2]
