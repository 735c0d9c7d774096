"""google.protobuf.Any and FieldMask in ProtoJSON: the two messages whose JSON is not that of their
fields.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.abc import InspectLoader
from importlib.util import find_spec
from typing import Any, cast

from ..interface import lazy, package_path
from . import json_in, json_out, unwrapped
from .checks import listed, octets, text
from .json_text import Intake, keys_in
from .kinds import ANY, EMPTY, FIELD_MASK, MAX_DEPTH, UNWRAPPED
from .plan import plan_of
from .read import READERS
from .wire import too_deep

Codecs = Callable[[Any], Any]
"""A message class → its codec."""

_TYPE, _VALUE = "@type", "value"


class Types:
    """Finds message classes by their full proto names: each is a path below one generated package's
    root.
    """

    def __init__(self, root: str, codecs: Codecs) -> None:
        self._root = root
        self._found: dict[str, Any] = {}
        self.codec = codecs

    def find(self, name: str) -> Any:
        """Return the class of that full name; a ValueError when the package has none."""
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._look_up(name)
        return found

    def _look_up(self, name: str) -> Any:
        if name in (ANY, FIELD_MASK, EMPTY):
            return getattr(
                importlib.import_module("raccoon_runtime.well_known"), name.rpartition(".")[2]
            )
        parts = name.split(".")
        if self._root in sys.modules and all(map(str.isidentifier, parts)):
            packages = [self._root, *self._packages(parts[:-1])]
            for depth in reversed(range(len(packages))):
                holder: Any = importlib.import_module(packages[depth])
                for end in range(depth + 1, len(parts) + 1):
                    holder = _member(holder, parts[end - 1], ".".join(parts[:end]))
                if hasattr(holder, "__codec__"):
                    return holder
        raise ValueError(f"an Any of {name[:80]!r}, whose class is not known here")

    def _packages(self, parts: Iterable[str]) -> Iterator[str]:
        """The generated packages on the way down; what else lies there is not imported."""
        package = self._root
        for part in parts:
            package = f"{package}.{package_path(part)}"
            if not _is_face(package):
                return
            yield package


def _member(holder: Any, name: str, proto: str) -> Any:
    """The type of that full proto name in a package or a class, however Python spells it there:
    `None_`, `Item` for `_Item`, `X1` for `_1`.
    """
    bare = name.strip("_")
    for spelled in (name, *dir(holder)):
        if spelled.strip("_") in (bare, f"X{bare}"):
            found = getattr(holder, spelled, None)
            if getattr(found, "__proto__", None) == proto:
                return found
    return None


def _is_face(package: str) -> bool:
    """Whether a package is a generated one, or empty; it is not run to find out."""
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        return False
    try:
        code = cast(InspectLoader, spec.loader).get_code(package)
    except (AttributeError, ImportError, SyntaxError):
        return False
    return code is not None and (not code.co_names or lazy.__module__ in code.co_names)


def types_of(cls: Any, codecs: Codecs) -> Types:
    """Return what finds classes beside a message class: below the root that its module and its full
    name tell.
    """
    return _types(plan_of(cls).root, codecs)


@lru_cache
def _types(root: str, codecs: Codecs) -> Types:
    return Types(root, codecs)


def type_name(url: str) -> str:
    """Return the full name in a type URL: what follows its last slash."""
    name = url.rpartition("/")[2]
    if not name or "/" not in url:
        raise ValueError("an Any whose type is no URL with a message's name at its end")
    return name


def any_to_json(value: Any, types: Types, depth: int, proto_names: bool) -> dict[str, Any]:
    """Return an Any as the JSON of what it holds, with its type in it."""
    if depth > MAX_DEPTH:
        too_deep()
    url, data = text(value.type_url), octets(value.value)
    if not url:
        if data:
            raise ValueError("an Any with a value and without a type")
        return {}
    name = type_name(url)
    if name in UNWRAPPED:
        held = READERS[name](data, 0, len(data), depth + 1, None)
        return {_TYPE: url, _VALUE: unwrapped_to_json(name, held, depth + 1)}
    cls = types.find(name)
    message = types.codec(cls).decode(data)
    if name == ANY:
        return {_TYPE: url, _VALUE: any_to_json(message, types, depth + 1, proto_names)}
    if name == FIELD_MASK:
        return {_TYPE: url, _VALUE: mask_to_json(message)}
    return {_TYPE: url, **types.codec(cls).to_json(proto_names)(message, depth + 1)}


def unwrapped_to_json(name: str, value: Any, depth: int) -> Any:
    if name in json_out.FLAT:
        return json_out.FLAT[name](value)
    return json_out.NESTED[name](value, depth)


def any_from_json(cls: Any, types: Types, value: Any, intake: Intake, depth: int) -> Any:
    """Return the Any that its JSON describes."""
    if depth > MAX_DEPTH:
        too_deep()
    said = json_in.mapping(value)
    if not said:
        return cls()
    if _TYPE not in said:
        raise ValueError("an Any without @type")
    url = text(said[_TYPE])
    name = type_name(url)
    if name in UNWRAPPED or name in (ANY, FIELD_MASK):
        return cls(type_url=url, value=_value_bytes(cls, types, name, said, intake, depth + 1))
    rest = {key: item for key, item in said.items() if key != _TYPE}
    if name == EMPTY and rest == {_VALUE: {}}:  # as Go writes it
        rest = {}
    intake.keys += len(said) - len(rest)
    codec = types.codec(types.find(name))
    return cls(type_url=url, value=codec.encode(codec.parse_dict(rest, intake, depth + 1)))


def _value_bytes(
    cls: Any, types: Types, name: str, said: Mapping[str, Any], intake: Intake, depth: int
) -> bytes:
    """Return the bytes of a message whose JSON is no object of its fields; it lies beside its type,
    as `value`.
    """
    if _VALUE not in said:
        raise ValueError(f"an Any of {name} without value")
    for key, item in said.items():
        if key not in (_TYPE, _VALUE):
            if not intake.ignore_unknown:
                raise ValueError(f"an Any of {name} with {key[:80]!r}")
            intake.keys += keys_in(item)
    intake.keys += len(said)
    value = said[_VALUE]
    if name == ANY:
        inner = any_from_json(cls, types, value, intake, depth)
        return cast(bytes, types.codec(cls).encode(inner))
    if name == FIELD_MASK:
        mask = types.find(name)
        return cast(bytes, types.codec(mask).encode(mask_from_json(mask, value)))
    intake.keys += keys_in(value)
    if name in unwrapped.FLAT:
        return unwrapped.FLAT[name](json_in.FLAT[name](value))
    return unwrapped.NESTED[name](json_in.NESTED[name](value, depth), depth)


_CAMEL_PATH = re.compile(r"[A-Za-z0-9.]*")
_SNAKE_PATH = re.compile(r"(?:[a-z0-9.]|_[a-z])*")


def mask_to_json(mask: Any) -> str:
    """Return a FieldMask as its paths in camel case; a ValueError for a path that would not come
    back the same.
    """
    paths: list[str] = []
    for path in listed(mask.paths):
        if not _SNAKE_PATH.fullmatch(text(path)):
            raise ValueError("a path that JSON's camel case cannot hold")
        paths.append(re.sub("_([a-z])", lambda found: found[1].upper(), path))
    if paths == [""]:
        raise ValueError("an empty path alone, which in JSON is no path")
    return ",".join(paths)


def mask_from_json(cls: Any, value: Any) -> Any:
    """Return the FieldMask that its JSON describes."""
    said = text(value)
    paths = said.split(",") if said else []
    if not all(map(_CAMEL_PATH.fullmatch, paths)):
        raise ValueError("a path that is not in camel case")
    return cls(
        paths=[re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", path) for path in paths]
    )
