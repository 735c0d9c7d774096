"""Enums by number and by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NOTHING: Mapping[int, Any] = {}


class EnumMembers(dict[int, Any]):
    """Number → member; an unknown number makes a value of the enum each time."""

    def __init__(self, cls: Any) -> None:
        super().__init__(cls._value2member_map_)
        self._cls = cls

    def __missing__(self, number: int) -> Any:
        return self._cls(number)


class EnumNames(dict[int, Any]):
    """Number → its name in ProtoJSON, or itself when it has none; `besides` goes first."""

    def __init__(self, cls: Any, besides: Mapping[int, Any] = _NOTHING) -> None:
        members = cls._value2member_map_.values()
        super().__init__({**{member: member.proto_name for member in members}, **besides})

    def __missing__(self, number: int) -> int:
        if not -0x80000000 <= number <= 0x7FFFFFFF:
            raise ValueError("out of range for an enum")
        return int(number)


def members_by_name(cls: Any) -> dict[str, Any]:
    """Return every proto name of an enum, aliases too, with its member."""
    renamed = cls.__renamed__
    return {renamed.get(name, name): member for name, member in cls.__members__.items()}
