"""What a generation is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Override:
    """What `[tool.raccoon-codegen.overrides."shop.v1.OrderEvent"]` may say about one event."""

    name: str | None = None
    """The method is `send_<name>_event`."""
    type: str | None = None
    """The event's type, part of its topic's name."""
    place: str = field(default="", compare=False)
    """`file:line:col` of these settings, when they stand in a file."""
    places: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)
    """Likewise of each, by the names above."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a generation is made from; relative paths start at the working directory."""

    schemas: tuple[Path, ...]
    """Files and directories. A directory is searched for `*.proto` and is an import root."""
    import_roots: tuple[Path, ...] = ()
    """`-I`: where imports are looked for besides."""
    events: tuple[str, ...] = ()
    """Globs over full proto names: what matches is an event too."""
    exclude_events: tuple[str, ...] = ()
    """Globs over full proto names: what matches is no event, unless an override names it."""
    overrides: Mapping[str, Override] = field(default_factory=dict[str, Override])
    """Full proto name of a message → its event's name or type. It makes the message an event."""
    places: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)
    """Name of a field → `file:line:col`, when the setting stands in a file."""

    def at(self, setting: str) -> str:
        """What an error about a setting begins with: its place, if it has one."""
        return f"{place}: " if (place := self.places.get(setting)) else ""
