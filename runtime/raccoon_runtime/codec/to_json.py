"""Writes the code that turns a message, or keywords, into the dict of its ProtoJSON."""

from __future__ import annotations

from math import copysign

from . import checks, json_out
from .anys import Types, any_to_json, mask_to_json
from .compiler import Source
from .encode import Nested
from .enums import EnumNames
from .fill import new_uuid, now_json
from .kinds import ANY, FIELD_MASK, ZERO, Scalar
from .plan import Field
from .varints import ranged


class FieldToJson:
    """Writes one field's lines: they set its key in `__d`."""

    def __init__(self, source: Source, nested: Nested, types: Types, proto_names: bool) -> None:
        self.source = source
        self._nested = nested
        self._types = types
        self._proto_names = proto_names
        self._oneofs: dict[str, str] = {}
        source.use("__ValueError", ValueError)

    def flags(self, oneofs: list[str]) -> None:
        """Write the locals that say that a member of a oneof was seen."""
        self._oneofs = {oneof: f"__oneof_{index}" for index, oneof in enumerate(oneofs)}
        for flag in self._oneofs.values():
            self.source.add(f"{flag} = False")

    def write(self, field: Field, event: bool) -> None:
        """Write the lines for the field's value, which is in a local of the field's name."""
        source, name = self.source, field.name
        key = f"__d[{(field.proto_name if self._proto_names else field.json_name)!r}]"
        if field.key is not None:
            self._checked(name, dict, "__mapped", checks.mapped)
            value = f"{{{self._key(field.key)}: {self.element(field, '__v')} for __k, __v in {name}.items()}}"
            source.add(f"if {name}: {key} = {value}")
        elif field.repeated:
            self._checked(name, list, "__listed", checks.listed)
            source.add(f"if {name}: {key} = [{self.element(field, '__v')} for __v in {name}]")
        else:
            with source.block(f"if {self._present(field)}:"):
                if field.oneof is not None:
                    flag = self._oneofs[field.oneof]
                    source.add(f'if {flag}: raise __ValueError("oneof")', f"{flag} = True")
                source.add(f"{key} = {self.element(field, name)}")
        if event and field.auto is not None:
            fill = (
                source.use("__new_uuid", new_uuid)
                if field.auto == "uuid"
                else source.use("__now", now_json)
            )
            source.add(f"else: {key} = {fill}()")
        elif event and field.required and field.refusable:
            source.add('else: raise __ValueError("required")')

    def _checked(self, name: str, cls: type, check_name: str, check: object) -> None:
        exact = self.source.use(f"__{cls.__name__}", cls)
        check_name = self.source.use(check_name, check)
        self.source.add(f"if {name}.__class__ is not {exact}: {name} = {check_name}({name})")

    def _present(self, field: Field) -> str:
        """An expression: whether the field has a value to show. What is no value at all counts as
        one and fails later.
        """
        source, name = self.source, field.name
        if field.presence:
            return f"{name} is not None"
        if field.kind == "enum":
            enumerated = source.use("__enumerated", checks.enumerated)
            cls = source.use(f"__{name}_class", field.cls)
            return f"{name} != 0 or {enumerated}({name}, {cls})"
        scalar = field.scalar
        assert scalar is not None
        if scalar.name == "string":
            return f'{name} != ""'
        if scalar.name == "bytes":
            octets = source.use("__octets", checks.octets)
            return f"({name} := {octets}({name}))"
        if scalar.name == "bool":
            boolean = source.use("__boolean", checks.boolean)
            return f"{name} is True or {boolean}({name})"
        if scalar.integer:
            source.use("__zero", 0)
            source.use("__int", int)
            integer = source.use("__integer", checks.integer)
            return f"{name} is not __zero and ({name}.__class__ is __int or ({name} := {integer}({name})))"
        source.use("__zero_float", ZERO)
        number = source.use("__number", checks.number)
        sign = source.use("__copysign", copysign)
        return f"{name} is not __zero_float and ({number}({name}) != 0 or {sign}(1, {name}) < 0)"

    def _key(self, key: Scalar) -> str:
        if key.name == "string":
            return self._exact("__k", "__str", str, "__text", checks.text)
        function = self.source.use(f"__{key.name}_key", json_out.map_key(key))
        return f"{function}(__k)"

    def _exact(self, value: str, cls_name: str, cls: type, check_name: str, check: object) -> str:
        cls_name, check_name = self.source.use(cls_name, cls), self.source.use(check_name, check)
        return f"({value} if {value}.__class__ is {cls_name} else {check_name}({value}))"

    def element(self, field: Field, value: str) -> str:
        """An expression: one element's JSON."""
        source = self.source
        if field.kind == "message":
            return self._message(field, value)
        if field.kind == "enum":
            return self._enum(field, value)
        if field.kind in json_out.NESTED:
            function = source.use(f"__{field.name}_json", json_out.NESTED[field.kind])
            return f"{function}({value}, __depth + 1)"
        if field.kind in json_out.FLAT:
            function = source.use(f"__{field.name}_json", json_out.FLAT[field.kind])
            return f"{function}({value})"
        assert field.scalar is not None
        return self._scalar(field.scalar, value)

    def _scalar(self, scalar: Scalar, value: str) -> str:
        source = self.source
        if scalar.name == "string":
            return self._exact(value, "__str", str, "__text", checks.text)
        if scalar.integer:
            source.use("__int", int)
            check = source.use("__ranged", ranged)
            good = f"{value}.__class__ is __int and {scalar.low} <= {value} <= {scalar.high}"
            number = f"({value} if {good} else {check}({scalar.name!r}, {value}))"
            return f"{source.use('__str', str)}({number})" if scalar.quoted else number
        if scalar.name == "double":
            source.use("__float", float)
            double = source.use("__double", json_out.double)
            # NaN and infinities are not their own difference from nothing.
            return f"({value} if {value}.__class__ is __float and {value} - {value} == 0 else {double}({value}))"
        function = source.use(f"__{scalar.name}_json", json_out.scalar(scalar))
        return f"{function}({value})"

    def _enum(self, field: Field, value: str) -> str:
        source = self.source
        cls = source.use(f"__{field.name}_class", field.cls)
        enumerated = source.use("__enumerated", checks.enumerated)
        number = f"{value} if {value}.__class__ is {cls} else {enumerated}({value}, {cls})"
        if field.null:
            return f"(None if {enumerated}({value}, {cls}) is not None else None)"
        names = source.use(f"__{field.name}_names", EnumNames(field.cls))
        return f"{names}[{number}]"

    def _message(self, field: Field, value: str) -> str:
        source = self.source
        cls = source.use(f"__{field.name}_class", field.cls)
        instance = source.use("__instance", checks.instance)
        checked = f"{value} if {value}.__class__ is {cls} else {instance}({value}, {cls})"
        if field.cls.__proto__ == ANY:
            source.use("__types", self._types)
            function = source.use("__any", any_to_json)
            return f"{function}({checked}, __types, __depth + 1, {self._proto_names})"
        if field.cls.__proto__ == FIELD_MASK:
            return f"{source.use('__mask', mask_to_json)}({checked})"
        function = source.later(f"__{field.name}_json", lambda: self._nested(field.cls))
        return f"{function}({checked}, __depth + 1)"
