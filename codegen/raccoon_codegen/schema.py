"""The schemas as one thing: files, the types in them by full name, and which are generated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from . import comments, features, names
from .comments import Path, Places
from .errors import Problem
from .names import Identifier
from .sources import Sources
from .well_known import CLASSES, UNWRAPPED

_MESSAGES_OF_FILE, _ENUMS_OF_FILE = 4, 5
_MESSAGES, _ENUMS = 3, 4


@dataclass(eq=False)
class File:
    """One schema file."""

    proto: FileDescriptorProto
    generated: bool
    """Whether it was given, not only found as an import."""
    directories: tuple[str, ...]
    module: str
    """`order_pb`."""
    types: list[Type] = field(default_factory=list["Type"])
    """The messages and enums at its top."""

    @property
    def package(self) -> str:
        return self.proto.package

    @property
    def path(self) -> str:
        """Where its module goes: `shop/v1/order_pb.py`."""
        return "/".join((*self.directories, f"{self.module}.py"))

    @cached_property
    def places(self) -> Places:
        return Places(self.proto)

    @cached_property
    def comments(self) -> comments.Comments:
        return comments.Comments(self.proto)


@dataclass(eq=False)
class Type:
    """A message or an enum."""

    file: File
    path: Path
    proto_name: str
    """`shop.v1.OrderEvent.Item`."""
    name: Identifier
    """`Item`."""
    parent: Type | None
    features: features.Features
    message: DescriptorProto | None = None
    enum: EnumDescriptorProto | None = None
    types: list[Type] = field(default_factory=list["Type"])
    """The messages and enums in it; map entries are left out."""

    @cached_property
    def top(self) -> Type:
        return self if self.parent is None else self.parent.top

    @cached_property
    def inner_path(self) -> str:
        """What follows its top type's name: `.Item`, nothing for a top type itself."""
        return f"{self.parent.inner_path}.{self.name}" if self.parent else ""

    @property
    def raw_name(self) -> str:
        return self.proto_name.rpartition(".")[2]

    @cached_property
    def members(self) -> tuple[tuple[Identifier, int], ...]:
        """The values of an enum as Python names them; aliases are among them."""
        if self.enum is None:
            return ()
        taken = {value.name for value in self.enum.value}
        members: list[tuple[Identifier, int]] = []
        for value in self.enum.value:
            name = names.spelled_member(value.name, self.name)
            if name != value.name:
                # With an underscore more, `_1` would mean something to Python again.
                name = names.spelled_member(names.free(name, taken), self.name)
                name = names.free(name, taken)
                taken.add(name)
            members.append((Identifier(name), value.number))
        return tuple(members)

    @property
    def doc(self) -> str:
        return self.file.comments.of(self.path)

    @property
    def deprecated(self) -> bool:
        proto = self.message or self.enum
        assert proto is not None
        return proto.options.deprecated or self.file.proto.options.deprecated


class Schema:
    """All files of a run."""

    def __init__(self, files: FileDescriptorSet, sources: Sources) -> None:
        self.sources = sources
        given = frozenset(sources.files)
        self.files = [_file(proto, proto.name in given) for proto in files.file]
        self.files.sort(key=lambda file: file.proto.name)
        self.types: dict[str, Type] = {}
        """By full name, with the leading dot that a field's type has."""
        self.maps: dict[str, DescriptorProto] = {}
        """Map entries, likewise."""
        self.problems: list[Problem] = []
        for file in self.files:
            self._index(file)

    def report(self, file: File, path: Path, message: str, hint: str = "") -> None:
        """Note a problem at the declaration of that path."""
        line, column = file.places.of(path)
        where = self.sources.shown(file.proto.name)
        self.problems.append(Problem(where, line, column, message, hint))

    def where(self, file: File, path: Path) -> str:
        """`file:line:col` of a declaration."""
        line, column = file.places.of(path)
        return f"{self.sources.shown(file.proto.name)}:{line}:{column}"

    def needed(self) -> dict[Type, frozenset[Type]]:
        """The top types to generate, each with the top types that its fields name.

        They are those of the files given, and of other files what these need, directly or not.
        """
        waiting = [t for file in self.files if file.generated for t in file.types]
        needed: dict[Type, frozenset[Type]] = {}
        while waiting:
            top = waiting.pop()
            if top not in needed:
                needed[top] = frozenset(self._named_by(top))
                waiting += needed[top]
        return needed

    def _named_by(self, type: Type) -> Iterator[Type]:
        if type.message is None:
            return
        for proto in type.message.field:
            if name := self._target(proto):
                yield self.types[name].top
        for inner in type.types:
            yield from self._named_by(inner)

    def _target(self, proto: FieldDescriptorProto) -> str:
        """The generated type that a field, or the value of a map, names."""
        name = proto.type_name
        if name in self.maps:
            name = self.maps[name].field[1].type_name
        return "" if name in UNWRAPPED or name in CLASSES else name

    def _index(self, file: File) -> None:
        prefix = f".{file.package}" if file.package else ""
        of_file = features.of_file(file.proto)
        for i, message in enumerate(file.proto.message_type):
            path = (_MESSAGES_OF_FILE, i)
            type = self._message(file, path, f"{prefix}.{message.name}", message, None, of_file)
            file.types.append(type)
        for i, enum in enumerate(file.proto.enum_type):
            path = (_ENUMS_OF_FILE, i)
            type = self._enum(file, path, f"{prefix}.{enum.name}", enum, None, of_file)
            file.types.append(type)

    def _message(
        self,
        file: File,
        path: Path,
        full: str,
        message: DescriptorProto,
        parent: Type | None,
        around: features.Features,
    ) -> Type:
        within = around.within(message.options.features)
        name = _class_name(message.name, parent)
        type = Type(file, path, full[1:], name, parent, within, message=message)
        self.types[full] = type
        for i, nested in enumerate(message.nested_type):
            inner = f"{full}.{nested.name}"
            if nested.options.map_entry:
                self.maps[inner] = nested
                continue
            at = (*path, _MESSAGES, i)
            type.types.append(self._message(file, at, inner, nested, type, within))
        for i, enum in enumerate(message.enum_type):
            at = (*path, _ENUMS, i)
            inner = f"{full}.{enum.name}"
            type.types.append(self._enum(file, at, inner, enum, type, within))
        return type

    def _enum(
        self,
        file: File,
        path: Path,
        full: str,
        enum: EnumDescriptorProto,
        parent: Type | None,
        around: features.Features,
    ) -> Type:
        name = _class_name(enum.name, parent)
        type = self.types[full] = Type(file, path, full[1:], name, parent, around, enum=enum)
        return type


def _file(proto: FileDescriptorProto, generated: bool) -> File:
    return File(
        proto,
        generated,
        names.package_directories(proto.package),
        names.module_name(proto.name, proto.package),
    )


def _class_name(name: str, parent: Type | None) -> Identifier:
    spelled = names.spelled_class(name, nested=parent is not None)
    if spelled == name or parent is None or parent.message is None:
        return Identifier(spelled)
    # All that a message declares shares one namespace in the schema too.
    taken: set[str] = {inner.name for inner in parent.types}
    taken.update(nested.name for nested in parent.message.nested_type)
    taken.update(enum.name for enum in parent.message.enum_type)
    taken.update(f.name for f in parent.message.field)
    return names.free(spelled, taken)
