"""From schemas to the model: the one door into the front half of the generator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from . import checks, clients, events, fields, layout, model, modules, protoc
from .errors import SchemaError, UsageError
from .inputs import Inputs, Override
from .schema import File, Schema, Type
from .sources import Sources, bundled_roots, find

__all__ = ["Inputs", "Loaded", "Override", "build", "link", "load"]

_EXTENSIONS_OF_FILE = 7


@dataclass(frozen=True)
class Loaded:
    """The schemas, read and parsed."""

    sources: Sources
    descriptors: FileDescriptorSet

    def paths(self) -> tuple[str, ...]:
        """Every file that was read, absolute: the schemas and what they import, not the bundled."""
        bundled = bundled_roots()
        found = (self.sources.locate(file.name) for file in self.descriptors.file)
        return tuple(p for p in found if p is not None and not p.startswith(bundled))


def build(inputs: Inputs) -> model.Package:
    """The finished model of all that `inputs` give.

    It is the same whatever the order of the inputs and the working directory. Raises `SchemaError`
    (every problem found, each at its place) or `UsageError` (a path that is not there, an option
    that means nothing).
    """
    return link(load(inputs), inputs)


def load(inputs: Inputs) -> Loaded:
    """The first step of `build`: find the schemas and have protoc read them."""
    try:
        sources = find(inputs)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    return Loaded(sources, protoc.compile(sources))


def link(
    loaded: Loaded, inputs: Inputs, has: Callable[[File], bool] = lambda _: False
) -> model.Package:
    """The second step of `build`: check all of it, and name all of it.

    Of files that the caller `has` modules of already, no module is built.
    """
    schema = Schema(loaded.descriptors, loaded.sources)
    needed = schema.needed()
    tops = _by_file(needed, schema)
    kept = frozenset(filter(has, tops))
    found = events.find(schema, inputs)
    sent = {event.message for event in found}
    reader = fields.Reader(schema)
    all_fields = {
        type: reader.of_message(type)
        for top in needed
        if top.file not in kept or top in sent
        for type in _with_nested(top)
        if type.message
    }
    _check_extensions(schema)
    layout.check(tops, schema, client=bool(found))
    if schema.problems:
        raise SchemaError(schema.problems)

    types = {event.message: event.type for event in found}
    return model.Package(
        modules=tuple(
            modules.build(file, of_file, _foreign(of_file, needed), all_fields, types)
            for file, of_file in sorted(tops.items(), key=lambda item: item[0].path)
            if file not in kept
        ),
        kept=tuple(sorted(file.path for file in kept)),
        faces=layout.faces(tops, client=bool(found)),
        client=clients.build(found, all_fields),
    )


def _with_nested(type: Type) -> Iterator[Type]:
    yield type
    for inner in type.types:
        yield from _with_nested(inner)


def _by_file(needed: Iterable[Type], schema: Schema) -> dict[File, list[Type]]:
    """The needed types of each file that has any, in the order of the schema."""
    wanted = frozenset(needed)
    by_file = {file: [t for t in file.types if t in wanted] for file in schema.files}
    return {file: types for file, types in by_file.items() if types}


def _foreign(types: Iterable[Type], needed: dict[Type, frozenset[Type]]) -> set[Type]:
    """What these types of one file name of other files."""
    return {other for type in types for other in needed[type] if other.file is not type.file}


def _check_extensions(schema: Schema) -> None:
    for file in schema.files:
        if file.generated:
            for i, extension in enumerate(file.proto.extension):
                checks.extends_options(file, (_EXTENSIONS_OF_FILE, i), extension, schema)
