"""Writes the code that encodes a message: from the message itself, or straight from keywords."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

from . import checks
from .compiler import Source
from .enums import EnumBytes
from .fill import new_uuid_bytes, now_bytes
from .heads import SHORT, table, tag, wire_type
from .kinds import SIZED, VARINT, ZERO, Scalar
from .packed import packer
from .plan import Field
from .unwrapped import FLAT, NESTED
from .varints import ENCODERS, TABLE, TABLE_SIZE, varint

Nested = Callable[[Any], Callable[..., Any]]
"""A message class → its own function of the same direction."""


class FieldEncoder:
    """Writes one field's lines: they append to `__out` through `__add`."""

    def __init__(self, source: Source, nested: Nested, levels: bool) -> None:
        self.source = source
        self._nested = nested
        self._levels = levels
        self._oneofs: dict[str, str] = {}
        source.use("__len", len)
        source.use("__ValueError", ValueError)
        source.use("__varint", varint)
        source.use("__V", TABLE)

    def write(self, field: Field, event: bool) -> None:
        """Write the lines for the field's value, which is in a local of the field's name."""
        if field.key is not None:
            self._map(field)
        elif field.repeated:
            self._repeated(field)
        else:
            self._single(field, event)
        if event and field.required and field.refusable and field.auto is None:
            with self.source.block("else:"):
                self.source.add('raise __ValueError("required")')

    def _single(self, field: Field, event: bool) -> None:
        source, name = self.source, field.name
        if field.presence:
            with source.block(f"if {name} is not None:"):
                self._oneof(field)
                self._tagged(field, name, tag(field.number, wire_type(field)))
        elif field.kind == "enum":
            self._implicit_enum(field)
        else:
            self._implicit(field)
        if event and field.auto is not None:
            with source.block("else:"):
                head = tag(field.number, SIZED)
                if field.auto == "uuid":
                    source.use("__new_uuid", new_uuid_bytes)
                    source.add(f"__add({head + TABLE[36]!r})", "__add(__new_uuid())")
                else:
                    source.use("__now", now_bytes)
                    source.add("__b = __now()")
                    self._sized(head)

    def _oneof(self, field: Field) -> None:
        if field.oneof is not None:
            flag = self._oneofs[field.oneof]
            with self.source.block(f"if {flag}:"):
                self.source.add('raise __ValueError("oneof")')
            self.source.add(f"{flag} = True")

    def flags(self, oneofs: list[str]) -> None:
        """Write the locals that say that a member of a oneof was seen."""
        self._oneofs = {oneof: f"__oneof_{index}" for index, oneof in enumerate(oneofs)}
        for flag in self._oneofs.values():
            self.source.add(f"{flag} = False")

    def _implicit(self, field: Field) -> None:
        """A scalar without presence: its default is not written."""
        source, name = self.source, field.name
        scalar = field.scalar
        assert scalar is not None
        head = tag(field.number, scalar.wire)
        if scalar.name == "string":
            with source.block(f'if {name} != "":'):
                self._tagged(field, name, head)
        elif scalar.name == "bytes":
            octets = source.use("__octets", checks.octets)
            source.add(f"if {name}.__class__ is not __bytes: {name} = {octets}({name})")
            source.use("__bytes", bytes)
            with source.block(f"if {name}:"):
                self._tagged(field, name, head)
        elif scalar.name == "bool":
            boolean = source.use("__boolean", checks.boolean)
            source.add(f"if {name} is True: __add({head + TABLE[1]!r})")
            source.add(f"elif {name} is not False: {boolean}({name})")
        elif scalar.integer:
            source.use("__zero", 0)
            source.use("__int", int)
            integer = source.use("__integer", checks.integer)
            is_int = f"({name}.__class__ is __int or ({name} := {integer}({name})))"
            with source.block(f"if {name} is not __zero and {is_int}:"):
                self._tagged(field, name, head)
        else:
            source.use("__zero_float", ZERO)
            with source.block(f"if {name} is not __zero_float:"):
                source.add(f"__b = {self.body(field, name)}")
                with source.block(f"if __b != {Struct('<' + scalar.format).pack(0)!r}:"):
                    source.add(f"__add({head!r})", "__add(__b)")

    def _implicit_enum(self, field: Field) -> None:
        source, name = self.source, field.name
        first = field.cls._value2member_map_.get(0)
        condition = (
            f"{name} is not {source.use(f'__{name}_first', first)}" if first is not None else "True"
        )
        with source.block(f"if {condition}:"):
            numbers = EnumBytes(field.cls, tag(field.number, VARINT), skip_zero=True)
            source.add(f"__b = {self._enum(field, name, numbers)}", "if __b: __add(__b)")

    def _repeated(self, field: Field) -> None:
        source, name = self.source, field.name
        source.use("__list", list)
        listed = source.use("__listed", checks.listed)
        source.add(f"if {name}.__class__ is not __list: {name} = {listed}({name})")
        with source.block(f"if {name}:"):
            if field.packed:
                pack = source.use(f"__{name}_pack", packer(field))
                source.add(f"__b = {pack}({name})")
                self._sized(tag(field.number, SIZED))
            else:
                with source.block(f"for __v in {name}:"):
                    self._tagged(field, "__v", tag(field.number, wire_type(field)))

    def _map(self, field: Field) -> None:
        source, name = self.source, field.name
        source.use("__dict", dict)
        mapped = source.use("__mapped", checks.mapped)
        assert field.key is not None
        source.add(f"if {name}.__class__ is not __dict: {name} = {mapped}({name})")
        with source.block(f"if {name}:"), source.block(f"for __k, __v in {name}.items():"):
            if field.key.wire == SIZED:
                source.add("__k = __k.encode()", "__n = __len(__k)")
                source.add(f"__k = {self._head(tag(1, SIZED))} + __k")
            else:
                source.add(f"__k = {tag(1, field.key.wire)!r} + {self._scalar(field.key, '__k')}")
            wire = wire_type(field)
            source.add(f"__b = {self.body(field, '__v')}")
            if wire == SIZED:
                source.add("__n = __len(__b)", f"__b = {self._head(tag(2, SIZED))} + __b")
            else:
                source.add(f"__b = {tag(2, wire)!r} + __b")
            source.add("__n = __len(__k) + __len(__b)")
            source.add(f"__add({self._head(tag(field.number, SIZED))})", "__add(__k)", "__add(__b)")

    def _tagged(self, field: Field, value: str, head: bytes) -> None:
        """Write one element behind its tag."""
        source = self.source
        if field.kind == "enum":
            numbers = EnumBytes(field.cls, head)
            source.add(f"__add({self._enum(field, value, numbers)})")
        elif wire_type(field) == SIZED:
            source.add(f"__b = {self.body(field, value)}")
            self._sized(head)
        else:
            source.add(f"__add({head!r})", f"__add({self.body(field, value)})")

    def _sized(self, head: bytes) -> None:
        self.source.add("__n = __len(__b)", f"__add({self._head(head)})", "__add(__b)")

    def _head(self, head: bytes) -> str:
        """An expression: the tag, with the length `__n` behind it."""
        if len(head) > 1:
            return f"{head!r} + (__V[__n] if __n < {TABLE_SIZE} else __varint(__n))"
        heads = self.source.use(f"__T{head[0]}", table(head))
        return f"({heads}[__n] if __n < {SHORT} else {head!r} + __varint(__n))"

    def body(self, field: Field, value: str) -> str:
        """An expression: one element's bytes, without tag and length."""
        if field.kind == "enum":
            return self._enum(field, value, EnumBytes(field.cls, b""))
        if field.kind == "message":
            return self._message(field, value)
        if field.kind in NESTED:
            function = self.source.use("__" + field.kind.rpartition(".")[2], NESTED[field.kind])
            level = "__depth + 1" if self._levels else "1"
            return f"{function}({value}, {level})"
        if field.kind in FLAT:
            function = self.source.use("__" + field.kind.rpartition(".")[2], FLAT[field.kind])
            return f"{function}({value})"
        assert field.scalar is not None
        return self._scalar(field.scalar, value)

    def _scalar(self, scalar: Scalar, value: str) -> str:
        source = self.source
        if scalar.name == "string":
            return f"{value}.encode()"
        if scalar.name == "bytes":
            source.use("__bytes", bytes)
            octets = source.use("__octets", checks.octets)
            return f"({value} if {value}.__class__ is __bytes else {octets}({value}))"
        if scalar.name == "bool":
            boolean = source.use("__boolean", checks.boolean)
            return f"({TABLE[1]!r} if {boolean}({value}) else {TABLE[0]!r})"
        exact, check = ("__int", checks.integer) if scalar.integer else ("__float", checks.number)
        source.use(exact, int if scalar.integer else float)
        if scalar.format:
            checked = source.use(f"__{check.__name__}", check)
            pack = source.use(f"__pack_{scalar.format}", Struct("<" + scalar.format).pack)
            return f"{pack}({value} if {value}.__class__ is {exact} else {checked}({value}))"
        encoder = source.use(f"__{scalar.name}", ENCODERS[scalar.name])
        index, size = (
            (f"{value} << 1", TABLE_SIZE // 2) if scalar.name[0] == "s" else (value, TABLE_SIZE)
        )
        small = f"{value}.__class__ is __int and 0 <= {value} < {size}"
        return f"(__V[{index}] if {small} else {encoder}({value}))"

    def _enum(self, field: Field, value: str, numbers: EnumBytes) -> str:
        source = self.source
        cls = source.use(f"__{field.name}_class", field.cls)
        table_name = source.use(f"__{field.name}_numbers", numbers)
        enumerated = source.use("__enumerated", checks.enumerated)
        number = f"{value} if {value}.__class__ is {cls} else {enumerated}({value}, {cls})"
        return f"{table_name}[{number}]"

    def _message(self, field: Field, value: str) -> str:
        source = self.source
        cls = source.use(f"__{field.name}_class", field.cls)
        encode = source.later(f"__{field.name}_encode", lambda: self._nested(field.cls))
        instance = source.use("__instance", checks.instance)
        level = "__depth + 1" if field.deep else "1"
        checked = f"{value} if {value}.__class__ is {cls} else {instance}({value}, {cls})"
        return f"{encode}({checked}, {level})"
