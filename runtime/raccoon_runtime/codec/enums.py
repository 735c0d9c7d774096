"""Enum values to bytes and back, through tables that fill themselves with the enum's own members
only.
"""

from __future__ import annotations

from typing import Any

from .varints import varint


class EnumBytes(dict[int, bytes]):
    """Number → its varint behind a prefix (a tag, or nothing)."""

    def __init__(self, cls: Any, prefix: bytes, skip_zero: bool = False) -> None:
        super().__init__()
        self._known = cls._value2member_map_
        self._prefix = prefix
        if skip_zero:
            self[0] = b""

    def __missing__(self, number: int) -> bytes:
        # A member may be an unknown number that nobody range-checked.
        if not -0x80000000 <= number <= 0x7FFFFFFF:
            raise ValueError("out of range for an enum")
        made = self._prefix + varint(int(number) & 0xFFFFFFFFFFFFFFFF)
        if number in self._known:
            self[int(number)] = made
        return made


class EnumMembers(dict[int, Any]):
    """Number → member; an unknown number makes a value of the enum each time."""

    def __init__(self, cls: Any) -> None:
        super().__init__(cls._value2member_map_)
        self._cls = cls

    def __missing__(self, number: int) -> Any:
        return self._cls(number)


class EnumNames(dict[int, Any]):
    """Number → its name in ProtoJSON, or the number itself when it has none."""

    def __init__(self, cls: Any) -> None:
        super().__init__(
            (int(member), member.proto_name) for member in cls._value2member_map_.values()
        )

    def __missing__(self, number: int) -> int:
        if not -0x80000000 <= number <= 0x7FFFFFFF:
            raise ValueError("out of range for an enum")
        return int(number)


def members_by_name(cls: Any) -> dict[str, Any]:
    """Return every proto name of an enum, aliases too, with its member."""
    renamed = cls.__renamed__
    return {renamed.get(name, name): member for name, member in cls.__members__.items()}
