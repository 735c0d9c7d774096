"""Writes the code that decodes a message: one pass over its fields in the order in which encoders
write them, repeated while there are bytes left.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

from . import checks, wire
from .compiler import Source, compiled
from .enums import EnumMembers
from .explain import explain_wire
from .heads import tag, wire_type
from .kinds import MAX_DEPTH, SIZED, Scalar
from .plan import Field, Plan
from .read import default_of, reader, unpacker

Codecs = Callable[[Any], Any]
"""A message class → its codec."""


def write_decode(plan: Plan, codecs: Codecs) -> Callable[..., Any]:
    """Compile `decode(data, pos=0, end=-1, depth=0) → message`."""
    source = Source()
    source.use("__new", object.__new__)
    source.use("__cls", plan.cls)
    with source.block("def decode(__data, __pos=0, __end=-1, __depth=0):"):
        with source.block("if __end < 0:"):
            source.use("__bytes", bytes)
            source.use("__octets", checks.octets)
            source.add("if __data.__class__ is not __bytes: __data = __octets(__data)")
            source.add("__end = __len(__data)")
        with source.block("try:"):
            for field in plan.fields:
                source.add(f"{field.name} = {initial(source, field)}")
            _body(source, plan, codecs)
            source.add("__m = __new(__cls)")
            for field in plan.fields:
                source.add(f"__m.{field.name} = {field.name}")
            source.add('if __unknown: __m._unknown_fields = b"".join(__unknown)')
            source.add("return __m")
        _failure(source, plan)
    return compiled(source, plan, "decode", "decode")


def write_merge(plan: Plan, codecs: Codecs) -> Callable[..., Any]:
    """Compile `merge(message, data, pos, end, depth) → message`: what is there is kept where the
    bytes say nothing.
    """
    source = Source()
    with source.block("def merge(__m, __data, __pos, __end, __depth):"):
        for field in plan.fields:
            source.add(f"{field.name} = __m.{field.name}")
        _body(source, plan, codecs)
        for field in plan.fields:
            source.add(f"__m.{field.name} = {field.name}")
        source.add('if __unknown: __m._unknown_fields += b"".join(__unknown)')
        source.add("return __m")
    return compiled(source, plan, "merge", "merge")


def _failure(source: Source, plan: Plan) -> None:
    source.use("__Exception", Exception)
    source.use("__explain", explain_wire(plan))
    with source.block("except __Exception as __error:"):
        source.add("if __depth: raise", "raise __explain(__data, __error) from None")


def _body(source: Source, plan: Plan, codecs: Codecs) -> None:
    source.use("__len", len)
    source.use("__varint", wire.read_varint)
    source.use("__truncated", wire.truncated)
    source.use("__skip", wire.skip_field)
    source.use("__plain", wire.plain_tags)
    source.use("__known", frozenset(_tags(plan)))
    source.add("__unknown = []")
    if plan.deep:
        source.add(f"if __depth > {MAX_DEPTH}: __too_deep()")
        source.use("__too_deep", wire.too_deep)
    decoder = FieldDecoder(source, plan, codecs)
    with source.block("while __pos < __end:"):
        source.add("__start = __pos", "__tag = __data[__pos]")
        for field in plan.fields:
            decoder.write(field)
        with source.block("if __pos == __start:"):
            depth = "__depth" if plan.deep else "0"
            source.add(f"__pos = __skip(__data, __start, __end, __known, {depth})")
            with source.block("if __pos < 0:"):
                source.add(f"__data = __plain(__data, __start, __end, {depth})")
                source.add("__pos = 0", "__end = __len(__data)")
            with source.block("else:"):
                source.add("__unknown.append(__data[__start:__pos])")
    source.add("if __pos != __end: __truncated()")


def _tags(plan: Plan) -> set[int]:
    found: set[int] = set()
    for field in plan.fields:
        found.add(field.number << 3 | (wire_type(field) if field.key is None else SIZED))
        if field.repeated and wire_type(field) != SIZED:
            found.add(field.number << 3 | SIZED)
    return found


def initial(source: Source, field: Field) -> str:
    """An expression: what a field is before anything is read into it."""
    if field.repeated:
        return "[]"
    if field.key is not None:
        return "{}"
    if field.presence:
        return "None"
    return default_of(source, field)


class FieldDecoder:
    """Writes one field's lines: each reads at `__pos`, and leaves the next tag's first byte in
    `__tag`.
    """

    def __init__(self, source: Source, plan: Plan, codecs: Codecs) -> None:
        self.source = source
        self._plan = plan
        self._codecs = codecs
        self._behind = 1
        """How far behind `__pos` the value begins: the length of the tag."""

    def write(self, field: Field) -> None:
        """Write what reads the field, if its tag is the next."""
        if field.key is not None:
            with self._matching("while", tag(field.number, SIZED)):
                self._map(field)
            self.source.add("if __pos >= __end: break")
        elif field.repeated:
            with self._matching("while", tag(field.number, wire_type(field))):
                self._element(field, "__v", None)
                self.source.add(f"{field.name}.append(__v)")
                self._next("__end")
            self.source.add("if __pos >= __end: break")
            if wire_type(field) != SIZED:
                with self._matching("if", tag(field.number, SIZED)):
                    self._size()
                    unpack = self.source.use(f"__{field.name}_unpack", unpacker(field))
                    self.source.add(f"{field.name} += {unpack}(__data, __pos, __stop)")
                    self.source.add("__pos = __stop")
                    self._next("__end")
        else:
            with self._matching("if", tag(field.number, wire_type(field))):
                self._element(field, field.name, field.name if field.presence else None)
                if field.oneof is not None:
                    others = [
                        other.name for other in self._plan.oneofs[field.oneof] if other is not field
                    ]
                    if others:
                        self.source.add(" = ".join(others) + " = None")
                self._next("__end")

    def _matching(self, word: str, head: bytes) -> Any:
        """Open a block for the field with that tag, and step over the tag."""
        condition = f"__tag == {head[0]}"
        for index, byte in enumerate(head[1:], 1):
            condition += f" and __data[__pos + {index}] == {byte}"
        block = self.source.block(f"{word} {condition}:")
        self._behind = len(head)
        return block

    def _next(self, end: str) -> None:
        self.source.add(f"if __pos >= {end}: break", "__tag = __data[__pos]")

    def _size(self) -> None:
        """Write what reads a length: `__pos` and `__stop` are the value's then."""
        step = self._behind
        self.source.add(f"__stop = __data[__pos + {step}]")
        with self.source.block("if __stop < 128:"):
            self.source.add(f"__pos += {step + 1}", "__stop += __pos")
        with self.source.block("else:"):
            self.source.add(f"__stop, __pos = __varint(__data, __pos + {step})", "__stop += __pos")

    def _element(self, field: Field, target: str, previous: str | None) -> None:
        """Write what reads one value into `target`; a message seen before, in `previous`, is merged
        into.
        """
        scalar = field.scalar
        source = self.source
        if field.kind == "enum":
            members = source.use(f"__{field.name}_members", EnumMembers(field.cls))
            self._varint("__v", "((__v & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000")
            source.add(f"{target} = {members}[__v]")
        elif scalar is not None:
            self._scalar(scalar, target)
        elif field.kind == "message":
            self._message(field, target, previous)
        else:
            self._size()
            read = source.use(f"__{field.name}_read", reader(field))
            depth = "__depth + 1" if self._plan.deep else "1"
            source.add(
                f"{target} = {read}(__data, __pos, __stop, {depth}, {previous})", "__pos = __stop"
            )

    def _scalar(self, scalar: Scalar, target: str) -> None:
        source = self.source
        if scalar.wire == SIZED:
            self._size()
            decoded = ".decode()" if scalar.name == "string" else ""
            source.add(f"{target} = __data[__pos:__stop]{decoded}", "__pos = __stop")
        elif scalar.format:
            step = self._behind
            size = Struct("<" + scalar.format).size
            unpack = source.use(
                f"__unpack_{scalar.format}", Struct("<" + scalar.format).unpack_from
            )
            source.add(f"{target}, = {unpack}(__data, __pos + {step})", f"__pos += {step + size}")
        else:
            self._varint(target, _WIDE[scalar.name].replace("__v", target))
            if scalar.name == "bool":
                source.add(f"{target} = {target} != 0")
            elif scalar.name[0] == "s":
                source.add(f"{target} = {target} >> 1 ^ -({target} & 1)")

    def _varint(self, target: str, wide: str) -> None:
        """Write what reads a varint; `wide` is what more than seven bits mean."""
        source, step = self.source, self._behind
        source.add(f"{target} = __data[__pos + {step}]")
        with source.block(f"if {target} < 128:"):
            source.add(f"__pos += {step + 1}")
        with source.block("else:"):
            source.add(f"{target}, __pos = __varint(__data, __pos + {step})")
            if wide != target:
                source.add(f"{target} = {wide}")

    def _message(self, field: Field, target: str, previous: str | None) -> None:
        source = self.source
        depth = "__depth + 1" if field.deep else "1"
        self._size()
        decode = source.later(f"__{field.name}_decode", lambda: self._codecs(field.cls).decode)
        read = f"{target} = {decode}(__data, __pos, __stop, {depth})"
        if previous is None:
            source.add(read)
        else:
            merge = source.later(f"__{field.name}_merge", lambda: self._codecs(field.cls).merge)
            source.add(f"if {previous} is None: {read}")
            source.add(f"else: {merge}({previous}, __data, __pos, __stop, {depth})")
        source.add("__pos = __stop")

    def _map(self, field: Field) -> None:
        source, key = self.source, field.key
        assert key is not None
        self._size()
        whole = "message" if field.kind == "message" else ""
        source.add("__last = __stop")
        source.add(
            f"__k = {key.default!r}", f"__x = {'None' if whole else default_of(source, field)}"
        )
        with source.block("while __pos < __last:"):
            source.add("__entry = __pos", "__tag = __data[__pos]")
            with self._matching("if", tag(1, key.wire)):
                self._scalar(key, "__k")
                self._next("__last")
            with self._matching("if", tag(2, wire_type(field))):
                self._element(field, "__x", "__x")
                self._next("__last")
            with source.block("if __pos == __entry:"):
                depth = "__depth" if self._plan.deep else "0"
                source.add(f"__pos = __skip(__data, __entry, __last, (), {depth})")
        source.add("if __pos != __last: __truncated()")
        if whole:
            empty = source.later(f"__{field.name}_decode", lambda: self._codecs(field.cls).decode)
            source.add(f'{field.name}[__k] = {empty}(b"") if __x is None else __x')
        else:
            source.add(f"{field.name}[__k] = __x")
        self._next("__end")


_WIDE = {
    "int32": "((__v & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000",
    "int64": "(__v ^ 0x8000000000000000) - 0x8000000000000000",
    "uint32": "__v & 0xFFFFFFFF",
    "uint64": "__v",
    "sint32": "__v & 0xFFFFFFFF",
    "sint64": "__v",
    "bool": "__v",
}
"""What a varint of more than seven bits means."""
