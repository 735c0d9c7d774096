"""Writes the code that decodes a message: one pass over its fields in the order in which encoders
write them, repeated while there are bytes left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import checks, wire
from .functions import count_levels
from .kinds import SIZED
from .overlong import decode_again
from .plan import Field, Plan
from .read import unpacker
from .reading import Codecs, Reading
from .source import Source, compiled
from .tables import tag
from .targets import Targets


def write_decode(plan: Plan, codecs: Codecs) -> Callable[..., Any]:
    """Compile `decode(data, pos=0, end=-1, depth=0) → message`."""
    source = Source()
    targets = Targets(source, plan)
    source.use("__new", object.__new__)
    source.use("__cls", plan.cls)
    source.use("__len", len)
    source.use("__bytes", bytes)
    source.use("__Exception", Exception)
    source.use("__again", decode_again(plan, codecs))
    octets = source.use("__octets", checks.octets)
    with source.block("def decode(__data, __pos=0, __end=-1, __depth=0):"):
        with source.block("try:"):
            with source.block("if __end < 0:"):
                source.add(f"if __data.__class__ is not __bytes: __data = {octets}(__data)")
                source.add("__end = __len(__data)")
            targets.begin()
            _body(source, plan, codecs, targets)
            source.add("__m = __new(__cls)")
            targets.end()
            source.add("if __unknown: __m._unknown_fields = __bytes(__unknown)", "return __m")
        with source.block("except __Exception as __error:"):
            source.add("if __depth: raise", "return __again(__data, __error)")
    return compiled(source, plan, "decode")


def write_merge(plan: Plan, codecs: Codecs) -> Callable[..., Any]:
    """Compile `merge(message, data, pos, end, depth)`: what is there is kept where the bytes say
    nothing.
    """
    source = Source()
    targets = Targets(source, plan)
    source.use("__merge_unknown", merge_unknown)
    with source.block("def merge(__m, __data, __pos, __end, __depth):"):
        targets.begin_again()
        _body(source, plan, codecs, targets)
        targets.end()
        source.add("if __unknown: __merge_unknown(__m, __unknown)")
    return compiled(source, plan, "merge")


def merge_unknown(message: Any, unknown: bytearray) -> None:
    """Add to a message's unknown fields, in place from the second time on: it may come to many."""
    before = message._unknown_fields
    if before.__class__ is bytearray:
        before += unknown
    else:
        message._unknown_fields = bytearray(before) + unknown


def _body(source: Source, plan: Plan, codecs: Codecs, targets: Targets) -> None:
    source.use("__bytearray", bytearray)
    source.use("__truncated", wire.truncated)
    source.use("__skip", wire.skip_unknown)
    source.use("__known", frozenset(known_tags(plan)))
    count_levels(source)
    source.add("__unknown = None")
    fields = _Fields(source, plan, codecs, targets)
    with source.block("while __pos < __end:"):
        source.add("__start = __pos", "__tag = __data[__pos]")
        for field in plan.fields:
            fields.write(field)
        with source.block("if __pos == __start:"):
            source.add("__pos = __skip(__data, __pos, __end, __known, __depth)")
            source.add("if __unknown is None: __unknown = __bytearray()")
            source.add("__unknown += __data[__start:__pos]")
    source.add("if __pos != __end: __truncated()")


def known_tags(plan: Plan) -> dict[int, Field]:
    """Return the tags by which a message's fields may come."""
    found: dict[int, Field] = {}
    for field in plan.fields:
        found[field.number << 3 | (field.wire if field.key is None else SIZED)] = field
        if field.repeated and field.wire != SIZED:
            found[field.number << 3 | SIZED] = field
    return found


class _Fields:
    """Writes one field's lines: they read at `__pos`, and leave the next tag's first byte in
    `__tag`.
    """

    def __init__(self, source: Source, plan: Plan, codecs: Codecs, targets: Targets) -> None:
        self._source = source
        self._plan = plan
        self._targets = targets
        self._reading = Reading(source, codecs)

    def write(self, field: Field) -> None:
        """Write what reads the field, if its tag is the next."""
        if field.key is not None:
            self._map(field)
        elif field.repeated:
            self._repeated(field)
        else:
            self._single(field)

    def _single(self, field: Field) -> None:
        target, reading = self._targets[field], self._reading
        with reading.matching("if", tag(field.number, field.wire)):
            reading.element(field, target, target if field.presence else None)
            self._targets.unset_others(field, self._plan.oneofs.get(field.oneof or "", ()))
            reading.next("__end")

    def _repeated(self, field: Field) -> None:
        target, reading = self._targets[field], self._reading
        with reading.matching("while", tag(field.number, field.wire)):
            reading.element(field, "__v", None)
            self._source.add(f"{target}.append(__v)")
            reading.next("__end")
        self._source.add("if __pos >= __end: break")
        if field.wire != SIZED:
            with reading.matching("if", tag(field.number, SIZED)):
                reading.size()
                unpack = self._source.once(f"__unpack_{field.number}", lambda: unpacker(field))
                self._source.add(f"{target} += {unpack}(__data, __pos, __pos + __n)")
                self._source.add("__pos += __n")
                reading.next("__end")

    def _map(self, field: Field) -> None:
        source, target, reading = self._source, self._targets[field], self._reading
        key = field.key
        assert key is not None
        with reading.matching("while", tag(field.number, SIZED)):
            reading.size()
            source.add("__last = __pos + __n", f"__k = {key.default!r}")
            source.add(f"__v = {reading.default(field)}")
            with source.block("while __pos < __last:"):
                source.add("__entry = __pos", "__tag = __data[__pos]")
                with reading.matching("if", tag(1, key.wire)):
                    reading.scalar(key, "__k")
                    reading.next("__last")
                with reading.matching("if", tag(2, field.wire)):
                    reading.element(field, "__v", "__v")
                    reading.next("__last")
                with source.block("if __pos == __entry:"):
                    entry = source.use(
                        f"__entry_{field.number}",
                        frozenset({1 << 3 | key.wire, 2 << 3 | field.wire}),
                    )
                    source.add(f"__pos = __skip(__data, __pos, __last, {entry}, __depth + 1)")
            source.add("if __pos != __last: __truncated()")
            whole = (
                f"__v if __v is not None else {reading.empty(field)}"
                if field.kind == "message"
                else "__v"
            )
            source.add(f"{target}[__k] = {whole}")
            reading.next("__end")
        source.add("if __pos >= __end: break")
