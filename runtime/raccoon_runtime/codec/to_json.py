"""Writes the code that turns a message, or its fields, into ProtoJSON: into a dict, which orjson
makes text of.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any

import orjson

from . import blame, checks, json_out
from .anys import Types, any_to_json, mask_to_json
from .elements import Nested
from .enums import EnumNames
from .fill import new_uuid, now
from .functions import Body, count_levels, from_fields, from_message, one_of_each
from .json_out import OPTIONS
from .kinds import ANY, FIELD_MASK, TIMESTAMP, ZERO
from .plan import Field, Plan
from .source import Source


def write_to_json(plan: Plan, nested: Nested, types: Types, direction: str) -> Callable[..., Any]:
    """Compile `json(message, depth=0)` → the text, or at a depth the dict that is a part of
    another's. The direction says whether it is an event, with required checks and auto fields, and
    how its fields are named.
    """
    event, proto_names = "_event" in direction, "_proto_names" in direction
    told = blame.of_message(plan, event, _json_checks(types, proto_names))
    if plan.proto == ANY:
        return _whole(lambda found, depth: any_to_json(found, types, depth, proto_names), told)
    if plan.proto == FIELD_MASK:
        return _whole(lambda mask, depth: mask_to_json(mask), told)
    return from_message(plan, direction, _body(nested, types, event, proto_names), told)


def write_json_fields(
    plan: Plan, nested: Nested, types: Types, direction: str
) -> Callable[..., Any]:
    """Compile `json_fields(fields)` → the text of an event."""
    proto_names = "_proto_names" in direction
    told = blame.of_fields(plan, _json_checks(types, proto_names))
    return from_fields(plan, direction, _body(nested, types, True, proto_names), told)


def _whole(write: Callable[[Any, int], Any], told: blame.Blame) -> Callable[..., Any]:
    """Make the function of a message whose JSON is not that of its fields."""

    def to_json(message: Any, depth: int = 0) -> Any:
        try:
            found = write(message, depth)
            return found if depth else json_out.dumps(found)
        except Exception as error:
            if depth:
                raise
            raise told(message, error) from None

    return to_json


def _body(nested: Nested, types: Types, event: bool, proto_names: bool) -> Body:
    def write(source: Source, plan: Plan) -> None:
        count_levels(source)
        one_of_each(source, plan)
        source.add("__d = {}")
        writer = _Writer(source, nested, types, event, proto_names)
        for field in plan.fields:
            writer.write(field)
        dumps = source.use("__dumps", orjson.dumps)
        again = source.use("__dumps_again", json_out.dumps_again)
        source.add("if __depth: return __d")
        # As json_out.dumps, without the call.
        with source.block("try:"):
            source.add(f"return {dumps}(__d, None, {OPTIONS})")
        with source.block(f"except {source.use('__TypeError', TypeError)}:"):
            source.add(f"return {again}(__d)")

    return write


class _Writer:
    """Writes one field's lines: they set its key in `__d`."""

    def __init__(
        self, source: Source, nested: Nested, types: Types, event: bool, proto_names: bool
    ) -> None:
        self._source = source
        self._nested = nested
        self._types = types
        self._event = event
        self._proto_names = proto_names

    def write(self, field: Field) -> None:
        """Write the lines for the field's value, which is in a local of its name."""
        key = f"__d[{field.proto_name if self._proto_names else field.json_name!r}]"
        if field.key is not None:
            self._map(field, key)
        elif field.repeated:
            self._list(field, key)
        elif field.presence:
            with self._source.block(f"if {field.name} is not None:"):
                self._source.add(f"{key} = {self._element(field, field.name)}")
        elif field.kind == "enum":
            shown = self._enum(field, field.name, {0: None})
            self._source.add(f"if (__v := {shown}) is not None: {key} = __v")
        else:
            self._implicit(field, key)
        self._otherwise(field, key)

    def _otherwise(self, field: Field, key: str) -> None:
        """Write what an event does with a field that is not set."""
        if not self._event:
            return
        if field.auto == "uuid":
            self._source.add(f"else: {key} = {self._source.use('__uuid', new_uuid)}()")
        elif field.auto == "now":
            now_ = self._source.use("__now", now)
            self._source.add(
                f"else: {key} = {self._source.use('__timestamp', json_out.timestamp)}({now_}())"
            )
        elif field.required and field.refusable:
            error = self._source.use("__ValueError", ValueError)
            self._source.add(f'else: raise {error}("required")')

    def _list(self, field: Field, key: str) -> None:
        source, name = self._source, field.name
        with source.block(f"if {name}:"):
            if field.kind in json_out.LISTS:
                many = source.use(f"__{field.kind}_list", json_out.LISTS[field.kind])
                source.add(f"{key} = {many}({name})")
            elif self._counts_levels(field):
                listed = source.use("__listed", checks.listed)
                source.add(f"__many = {key} = []")
                with source.block(f"for __v in {listed}({name}):"):
                    source.add(f"__many.append({self._element(field, '__v')})")
            else:
                listed = source.use("__listed", checks.listed)
                source.add(f"{key} = [{self._element(field, '__v')} for __v in {listed}({name})]")
        self._unset(field, list, checks.listed)

    def _map(self, field: Field, key: str) -> None:
        source, name, value = self._source, field.name, self._element(field, "__v")
        mapped = source.use("__mapped", checks.mapped)
        with source.block(f"if {name}:"):
            if field.key and (field.key.name, field.kind) in json_out.MAPS:
                many = source.use(f"__{field.kind}_map", json_out.MAPS[field.key.name, field.kind])
                source.add(f"{key} = {many}({name})")
            elif self._counts_levels(field):
                source.add(f"__many = {key} = {{}}")
                with source.block(f"for __k, __v in {mapped}({name}).items():"):
                    source.add(f"__many[{self._key(field)}] = {value}")
            else:
                pairs = f"for __k, __v in {mapped}({name}).items()"
                source.add(f"{key} = {{{self._key(field)}: {value} {pairs}}}")
        self._unset(field, dict, checks.mapped)

    def _unset(self, field: Field, cls: type, check: Callable[[Any], Any]) -> None:
        """What is false is not shown, if it is of the right type and may be left out."""
        if self._event and field.required:
            return
        name = field.name
        checked = self._source.use(f"__{check.__name__}", check)
        exact = self._source.use(f"__{cls.__name__}", cls)
        self._source.add(f"elif {name}.__class__ is not {exact}: {checked}({name})")

    def _counts_levels(self, field: Field) -> bool:
        return field.kind == "message" or field.kind in json_out.NESTED

    def _key(self, field: Field) -> str:
        scalar = field.key
        assert scalar is not None
        other = self._source.once(f"__key_{field.number}", lambda: json_out.key(scalar))
        if scalar.name != "string":
            return f"{other}(__k)"
        return f"__k if __k.__class__ is {self._source.use('__str', str)} else {other}(__k)"

    def _implicit(self, field: Field, key: str) -> None:
        """A scalar without presence: its default is not shown."""
        source, name, kind = self._source, field.name, field.kind
        assert field.scalar is not None
        if field.scalar.integer:
            self._integer(field, key)
            return
        shown = f"{key} = {self._element(field, name)}"
        if kind == "string":
            source.add(f'if {name} != "": {shown}')
        elif kind == "bytes":
            source.add(f"if {name}: {shown}")
            self._unset(field, bytes, checks.octets)
        elif kind == "bool":
            source.add(f"if {name} is True: {key} = True")
            boolean = source.use("__boolean", checks.boolean)
            source.add(f"elif {name} is not False: {boolean}({name})")
        else:
            source.use("__zero_float", ZERO)
            negative = source.use("__negative_zero", json_out.negative_zero)
            source.add(f"if {name} is not __zero_float and ({name} or {negative}({name})): {shown}")

    def _integer(self, field: Field, key: str) -> None:
        source, name, scalar = self._source, field.name, field.scalar
        assert scalar is not None
        whole = source.use(f"__{scalar.name}", json_out.WHOLE[scalar.name])
        with source.block(f"if {name} is not {source.use('__zero_int', 0)}:"):
            source.add(f"if not ({self._small(name)}): {name} = {whole}({name})")
            shown = f'f"{{{name}}}"' if scalar.quoted else name
            source.add(f"if {name}: {key} = {shown}")

    def _small(self, value: str) -> str:
        """An expression: whether a value is an int that every kind can hold."""
        return f"{value}.__class__ is {self._source.use('__int', int)} and -1 < {value} < {1 << 30}"

    def _element(self, field: Field, value: str) -> str:
        """An expression: one element's JSON. What is common is told apart inline."""
        source, kind, scalar = self._source, field.kind, field.scalar
        if kind == "message":
            return self._message(field, value)
        if kind in json_out.NESTED:
            function = source.use(f"__json_{field.number}", json_out.NESTED[kind])
            return f"{function}({value}, __depth + {field.levels})"
        if kind == "enum" and not field.null:
            return self._enum(field, value, {})
        function = source.once(f"__json_{field.number}", lambda: json_out.element(field))
        other = f"{function}({value})"
        if scalar is not None and scalar.integer:
            same = f'f"{{{value}}}"' if scalar.quoted else value
            return f"{same} if {self._small(value)} else {other}"
        good = self._good(kind, value)
        return f"{good} else {other}" if good else other

    def _good(self, kind: str, value: str) -> str:
        """An expression: the JSON of a value if it is of the common form."""
        use = self._source.use
        if kind == "string":
            return f"{value} if {value}.__class__ is {use('__str', str)}"
        if kind == "double":
            # NaN and infinities are not their own difference from nothing.
            exact = use("__float", float)
            return f"{value} if {value}.__class__ is {exact} and {value} - {value} == 0"
        if kind == "bytes":
            base64 = f"{use('__base64', b2a_base64)}({value}, newline=False).decode()"
            return f"{base64} if {value}.__class__ is {use('__bytes', bytes)}"
        if kind == TIMESTAMP:
            exact, utc = use("__datetime", datetime), use("__utc", timezone.utc)
            plain = f"{value}.__class__ is {exact} and {value}.tzinfo is {utc}"
            # Six digits, which orjson writes as they should be.
            return f"{value} if {plain} and {value}.microsecond % 1000"
        return ""

    def _enum(self, field: Field, value: str, besides: Mapping[int, Any]) -> str:
        source = self._source
        cls = source.use(f"__class_{field.number}", field.cls)
        enumerated = source.use("__enumerated", checks.enumerated)
        names = source.once(f"__names_{field.number}", lambda: EnumNames(field.cls, besides))
        return f"{names}[{value} if {value}.__class__ is {cls} else {enumerated}({value}, {cls})]"

    def _message(self, field: Field, value: str) -> str:
        source = self._source
        cls = source.use(f"__class_{field.number}", field.cls)
        instance = source.use("__instance", checks.instance)
        checked = f"{value} if {value}.__class__ is {cls} else {instance}({value}, {cls})"
        if field.cls.__proto__ == ANY:
            # Its class knows only the well-known types; ours knows those of its package.
            find, function = source.use("__types", self._types), source.use("__any", any_to_json)
            return f"{function}({checked}, {find}, __depth + {field.levels}, {self._proto_names})"
        function = source.later(f"__to_json_{field.number}", lambda: self._nested(field.cls))
        return f"{function}({checked}, __depth + {field.levels})"


def _json_checks(types: Types, proto_names: bool) -> Mapping[str, blame.Check]:
    """Where JSON is narrower than the wire: what blame has to look at besides."""
    nested = {kind: partial(_at_once, check) for kind, check in json_out.NESTED.items()}
    return {**json_out.FLAT, **nested, **whole_checks(types, proto_names)}


def whole_checks(types: Types, proto_names: bool) -> Mapping[str, blame.Check]:
    """The same of the messages whose JSON is not that of their fields."""

    def message(value: Any) -> None:
        if value.__proto__ == ANY:
            any_to_json(value, types, 0, proto_names)
        elif value.__proto__ == FIELD_MASK:
            mask_to_json(value)

    return {"message": message}


def _at_once(check: Callable[[Any, int], Any], value: Any) -> Any:
    return check(value, 1)
