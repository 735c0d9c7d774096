"""Expressions of the bytes of one element: a value behind its tag."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import checks
from .kinds import SIZED, Scalar, form
from .plan import Field
from .source import Source
from .tables import KEPT, VARINTS, Members, heads, integers, tag
from .unwrapped import FLAT, NESTED
from .varints import MORE

Nested = Callable[[Any], Callable[..., Any]]
"""A message class → its own function of the same direction."""


class Elements:
    """Gives expressions, and the names that they use to the source.

    A `value` is an expression that may be written twice. `implicit` is for fields without presence,
    whose default is not written.
    """

    def __init__(self, source: Source, nested: Nested) -> None:
        self._source = source
        self._nested = nested
        source.use("__len", len)

    def tagged(self, field: Field, value: str, number: int | None = None) -> list[str]:
        """Return what is behind one another: the tag (of that number) with the value, or with the
        length and then the value.
        """
        head = tag(number or field.number, field.wire)
        if field.kind == "enum":
            return [self.enum(field, value, head)]
        if field.wire == SIZED:
            return self.sized(head, self.body(field, value))
        assert field.scalar is not None
        return [self.scalar(field.scalar, value, head)]

    def sized(self, head: bytes, body: str) -> list[str]:
        return [f"{self.heads(head)}[__len(__b := {body})]", "__b"]

    def heads(self, head: bytes, implicit: bool = False) -> str:
        """Return the name of the table of lengths behind a tag."""
        return self._source.use(_name("size", head, implicit), heads(head, implicit))

    def key(self, scalar: Scalar) -> str:
        """Return a map's key, `__k`, as one expression."""
        head = tag(1, scalar.wire)
        if scalar.wire == SIZED:
            return f"{self.heads(head)}[__len(__k := __k.encode())] + __k"
        return self.scalar(scalar, "__k", head)

    def scalar(self, scalar: Scalar, value: str, head: bytes, implicit: bool = False) -> str:
        """Return a scalar that is not text or bytes, with its tag."""
        if scalar.name == "bool":
            no = b"" if implicit else head + b"\x00"
            boolean = self._source.use("__boolean", checks.boolean)
            yes = head + b"\x01"
            no_or_wrong = f"{no!r} if {value} is False else {boolean}({value})"
            return f"({yes!r} if {value} is True else {no_or_wrong})"
        if scalar.format:
            return self._fixed(scalar, value, head, implicit)
        return self._varint(scalar, value, head, implicit)

    def _varint(self, scalar: Scalar, value: str, head: bytes, implicit: bool) -> str:
        """A number below KEPT is in the table. A longer one is put together of two here: prices and
        counts are seldom seen twice, and to have the table miss costs three times as much.
        """
        source, more, rest = self._source, value, f"{value} >> 7"
        if scalar.zigzag:
            more, rest = f"{value} << 1", f"{value} >> 6"
        source.use("__more", MORE)
        source.use("__varints", VARINTS)
        name = _name(scalar.name, head, implicit)
        table = source.use(name, integers(scalar.name, head, implicit))
        exact, check = source.use("__int", int), source.use("__integer", checks.integer)
        long = f"{head!r} + __more[{more} & 127] + __varints[{rest}]"
        return (
            f"(({table}[{value}] if {value} < {KEPT} else {long})"
            f" if {value}.__class__ is {exact} and -1 < {value} < {KEPT << 7}"
            f" else {table}[{check}({value})])"
        )

    def _fixed(self, scalar: Scalar, value: str, head: bytes, implicit: bool) -> str:
        pack = form(f"{len(head)}s{scalar.format}").pack
        name = self._source.use(f"__pack_{len(head)}{scalar.format}", pack)
        packed = f"{name}({head!r}, {self._exact(scalar, value)})"
        if not implicit:
            return packed
        default = self._source.use(f"__zero_{scalar.python.__name__}", scalar.default)
        zero = pack(head, scalar.default)
        return f'b"" if {value} is {default} or (__b := {packed}) == {zero!r} else __b'

    def _exact(self, scalar: Scalar, value: str) -> str:
        check = checks.integer if scalar.integer else checks.number
        exact = self._source.use(f"__{scalar.python.__name__}", scalar.python)
        checked = self._source.use(f"__{check.__name__}", check)
        return f"{value} if {value}.__class__ is {exact} else {checked}({value})"

    def enum(self, field: Field, value: str, head: bytes, implicit: bool = False) -> str:
        cls = self._source.use(f"__class_{field.number}", field.cls)
        enumerated = self._source.use("__enumerated", checks.enumerated)
        members = self._source.once(
            f"__members_{field.number}", lambda: Members(field.cls, head, implicit)
        )
        return f"{members}[{value} if {value}.__class__ is {cls} else {enumerated}({value}, {cls})]"

    def body(self, field: Field, value: str) -> str:
        """Return the value alone of what is behind a length."""
        source = self._source
        if field.kind == "string":
            return f"{value}.encode()"
        if field.kind == "bytes":
            return self.octets(value)
        if field.kind == "message":
            return self._message(field, value)
        name = "__" + field.kind.rpartition(".")[2]
        if field.kind in NESTED:
            return f"{source.use(name, NESTED[field.kind])}({value}, __depth + {field.levels})"
        return f"{source.use(name, FLAT[field.kind])}({value})"

    def octets(self, value: str) -> str:
        exact, octets = self._source.use("__bytes", bytes), self._source.use(
            "__octets", checks.octets
        )
        return f"{value} if {value}.__class__ is {exact} else {octets}({value})"

    def _message(self, field: Field, value: str) -> str:
        source = self._source
        cls = source.use(f"__class_{field.number}", field.cls)
        encode = source.later(f"__encode_{field.number}", lambda: self._nested(field.cls))
        instance = source.use("__instance", checks.instance)
        checked = f"{value} if {value}.__class__ is {cls} else {instance}({value}, {cls})"
        return f"{encode}({checked}, __depth + {field.levels})"


def _name(what: str, head: bytes, implicit: bool) -> str:
    number = int.from_bytes(head, "little")
    return f"__{what}_{number}_if_any" if implicit else f"__{what}_{number}"
