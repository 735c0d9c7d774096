"""`to_dict` and `to_json` as betterproto2 has them; what no codec is compiled for goes field by
field here.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from . import blame, json_out
from .anys import Types, any_to_json, mask_to_json, types_of, unwrapped_to_json
from .codec import of
from .json_elements import takes_null
from .kinds import ANY, FIELD_MASK, UNWRAPPED, Scalar
from .plan import Field
from .to_json import whole_checks


def to_dict(message: Any, *, python: bool, proto_names: bool, defaults: bool) -> Any:
    """Return a message as a dict, of ProtoJSON or with `python` of Python's values.

    With `defaults` what is not set is there too: a field with presence as None, unless that is a
    value of it.
    """
    codec = message.__codec__
    # The codec checks what it writes; what goes field by field is not looked at again.
    written = codec.encode(message) if python else codec.to_json(proto_names)(message)
    if not python and not defaults:
        return orjson.loads(written)
    types = types_of(type(message), of)
    try:
        found = _Values(types, python, proto_names, defaults).message(message)
        return found if python else orjson.loads(json_out.dumps(found))
    except (TypeError, ValueError) as error:
        told = blame.of_message(codec.plan, False, whole_checks(types, proto_names))
        raise told(message, error) from None


def dump_json(message: Any, *, indent: int | str | None, proto_names: bool, defaults: bool) -> str:
    """Return a message as ProtoJSON; `indent` is that of `json.dumps`."""
    if indent is None and not defaults:
        text: bytes = message.__codec__.to_json(proto_names)(message)
        return text.decode()
    found = to_dict(message, python=False, proto_names=proto_names, defaults=defaults)
    compact = (",", ":") if indent is None else None
    return json.dumps(found, indent=indent, separators=compact, ensure_ascii=False)


class _Values:
    def __init__(self, types: Types, python: bool, proto_names: bool, defaults: bool) -> None:
        self._types = types
        self._python = python
        self._proto_names = proto_names
        self._defaults = defaults

    def message(self, message: Any, depth: int = 0) -> Any:
        # These two are in both forms what they are in JSON.
        if message.__proto__ == ANY:
            return any_to_json(message, self._types, depth, self._proto_names)
        if message.__proto__ == FIELD_MASK:
            return mask_to_json(message)
        found: dict[str, Any] = {}
        for field in message.__codec__.plan.fields:
            value = getattr(message, field.name)
            # Null would come back as a value where it is one.
            shown = self._defaults and not (value is None and takes_null(field))
            if shown or message.is_set(field.name):
                key = field.proto_name if self._proto_names else field.json_name
                found[key] = self._field(field, value, depth)
        return found

    def _field(self, field: Field, value: Any, depth: int) -> Any:
        if value is None:
            return None
        if field.key is not None:
            key = field.key
            return {self._key(key, k): self._element(field, v, depth) for k, v in value.items()}
        if field.repeated:
            return [self._element(field, item, depth) for item in value]
        return self._element(field, value, depth)

    def _key(self, kind: Scalar, key: Any) -> Any:
        return key if self._python else json_out.key(kind)(key)

    def _element(self, field: Field, value: Any, depth: int) -> Any:
        if field.kind == "message":
            return self.message(value, depth + field.levels)
        if self._python:
            return value
        if field.kind in UNWRAPPED:
            return unwrapped_to_json(field.kind, value, depth + field.levels)
        return json_out.element(field)(value)
