"""Lines that read one element from the wire."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from . import wire
from .enums import EnumMembers
from .kinds import ENUM, SIZED, Scalar, form
from .plan import Field
from .read import reader, show_default
from .source import Source

Codecs = Callable[[Any], Any]
"""A message class → its codec."""


class Reading:
    """Writes lines that read at `__pos`, and leave it behind what they read."""

    def __init__(self, source: Source, codecs: Codecs) -> None:
        self._source = source
        self._codecs = codecs
        self._behind = 1
        """How far behind `__pos` the value begins: the length of the tag."""
        source.use("__varint", wire.read_varint)
        source.use("__length", wire.read_length)

    def matching(self, word: str, head: bytes) -> AbstractContextManager[None]:
        """Open a block, an `if` or a `while`, for the field with that tag."""
        condition = f"__tag == {head[0]}"
        for index, byte in enumerate(head[1:], 1):
            condition += f" and __data[__pos + {index}] == {byte}"
        self._behind = len(head)
        return self._source.block(f"{word} {condition}:")

    def next(self, end: str) -> None:
        """Go on to the next tag, or leave the loop."""
        self._source.add(f"if __pos >= {end}: break", "__tag = __data[__pos]")

    def size(self) -> None:
        """Read a length into `__n`; `__pos` is the value's then."""
        self._number("__n", "__n", "__length")

    def element(self, field: Field, target: str, previous: str | None) -> None:
        """Read one value into `target`; a message seen before, in `previous`, is merged into."""
        source, scalar = self._source, field.scalar
        if field.kind == "enum":
            members = source.once(f"__members_{field.number}", lambda: EnumMembers(field.cls))
            self._number("__i", _signed("__i", ENUM))
            source.add(f"{target} = {members}[__i]")
        elif scalar is not None:
            self.scalar(scalar, target)
        elif field.kind == "message":
            self._message(field, target, previous)
        else:
            self.size()
            read = source.once(f"__read_{field.number}", lambda: reader(field))
            span = "__data, __pos, (__pos := __pos + __n)"
            source.add(f"{target} = {read}({span}, __depth + {field.levels}, {previous})")

    def scalar(self, scalar: Scalar, target: str) -> None:
        """Read a scalar into `target`."""
        if scalar.wire == SIZED:
            self.size()
            decoded = ".decode()" if scalar.name == "string" else ""
            self._source.add(f"{target} = __data[__pos:(__pos := __pos + __n)]{decoded}")
        elif scalar.format:
            fixed = form(scalar.format)
            unpack = self._source.use(f"__unpack_{scalar.format}", fixed.unpack_from)
            self._source.add(f"{target}, = {unpack}(__data, __pos + {self._behind})")
            self._source.add(f"__pos += {self._behind + fixed.size}")
        elif scalar.name == "bool":
            self._number("__i", "__i")
            self._source.add(f"{target} = __i != 0")
        elif scalar.zigzag:
            self._number("__i", _signed("__i", scalar))
            self._source.add(f"{target} = __i >> 1 ^ -(__i & 1)")
        else:
            self._number(target, _signed(target, scalar))

    def _number(self, target: str, wide: str, read: str = "__varint") -> None:
        """Read a varint; `wide` is what one of more than seven bits means, as `read` gives it."""
        source, step = self._source, self._behind
        source.add(f"{target} = __data[__pos + {step}]")
        source.add(f"if {target} < 128: __pos += {step + 1}")
        with source.block("else:"):
            source.add(f"{target}, __pos = {read}(__data, __pos + {step})")
            if wide != target:
                source.add(f"{target} = {wide}")

    def _message(self, field: Field, target: str, previous: str | None) -> None:
        source = self._source
        self.size()
        inside = f"__data, __pos, (__pos := __pos + __n), __depth + {field.levels}"
        read = f"{target} = {self._decode(field)}({inside})"
        if previous is None:
            source.add(read)
            return
        merge = source.later(f"__merge_{field.number}", lambda: self._codecs(field.cls).merge)
        source.add(f"if {previous} is None: {read}")
        source.add(f"else: {merge}({previous}, {inside})")

    def _decode(self, field: Field) -> str:
        return self._source.later(
            f"__decode_{field.number}", lambda: self._codecs(field.cls).decode
        )

    def default(self, field: Field) -> str:
        """Return the expression of what a map's value is before anything is read into it."""
        return "None" if field.kind == "message" else show_default(self._source, field)

    def empty(self, field: Field) -> str:
        """Return the expression of a message of which nothing was read."""
        return f'{self._decode(field)}(b"", 0, 0, 1)'


def _signed(value: str, scalar: Scalar) -> str:
    """Return the expression of what an unsigned number of 64 bits means."""
    if scalar.high >> 32:
        return value if scalar.low == 0 or scalar.zigzag else f"({value} ^ {1 << 63}) - {1 << 63}"
    narrow = f"{value} & {0xFFFFFFFF}"
    return narrow if scalar.low == 0 or scalar.zigzag else f"({narrow} ^ {1 << 31}) - {1 << 31}"
