"""One module of the model: a file's messages and enums as Python will have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from . import comments, model
from .fields import Field
from .names import BUILTINS, literal
from .schema import File, Type
from .scope import MODULE_NAMES, Scope
from .types import Shape

_ONEOFS = 8

Fields = Mapping[Type, Sequence[Field]]
"""Of every generated message, nested ones too."""


def build(
    file: File,
    tops: Sequence[Type],
    foreign: Iterable[Type],
    fields: Fields,
    events: Mapping[Type, str],
) -> model.Module:
    """The module of `file` with these of its types, which name `foreign` ones of other files."""
    own = frozenset(_names(tops, fields))
    scope = Scope(file.directories, own, foreign, MODULE_NAMES)
    builder = _Builder(scope, fields, events)
    enums = tuple(builder.enum(top) for top in tops if top.enum)
    ordered = [top for top in tops if top.message]
    early = frozenset(top.name for top in ordered if top.name in BUILTINS)
    messages: list[model.Message] = []
    for top in ordered:
        early -= {top.name}
        messages.append(builder.message(top, early))
    return model.Module(
        path=file.path,
        source=file.proto.name,
        imports=scope.imports,
        enums=enums,
        messages=tuple(messages),
        aliases=scope.aliases,
        doc=comments.of_file(file.proto),
    )


def _names(types: Iterable[Type], fields: Fields) -> Iterator[str]:
    """Every name that the module's own schema uses."""
    for type in types:
        yield type.name
        if type.enum is not None:
            yield from (name for name, _ in type.members)
        else:
            yield from (field.name for field in fields[type])
            yield from _names(type.types, fields)


class _Builder:
    def __init__(self, scope: Scope, fields: Fields, events: Mapping[Type, str]) -> None:
        self._scope = scope
        self._fields = fields
        self._events = events
        self._plain: dict[Shape, str] = {}

    def message(self, type: Type, early: frozenset[str]) -> model.Message:
        """`early` are the classes below it that a type checker takes for builtins there."""
        scope = self._scope
        fields = self._fields[type]
        hidden = early.union((f.name for f in fields), (t.name for t in type.types))
        return model.Message(
            name=type.name,
            decorator=scope.standard("dataclass"),
            base=scope.standard("Message"),
            keywords=tuple(self._message_keywords(type)),
            enums=tuple(self.enum(inner) for inner in type.types if inner.enum),
            messages=tuple(self.message(inner, early) for inner in type.types if inner.message),
            fields=tuple(self._field(field, hidden) for field in fields),
            doc=_doc(type, *_oneof_docs(type)),
        )

    def enum(self, type: Type) -> model.Enum:
        assert type.enum is not None
        values = type.enum.value
        members: list[model.Member] = []
        renamed: list[str] = []
        for i, (name, number) in enumerate(type.members):
            doc = type.file.comments.of((*type.path, 2, i))
            if name != values[i].name:
                renamed.append(f"{literal(name)}: {literal(values[i].name)}")
                doc = _joined(doc, f"Named `{values[i].name}` in the schema.")
            doc = _joined(doc, _deprecated(doc, values[i].options.deprecated))
            members.append(model.Member(name, number, doc))
        return model.Enum(
            name=type.name,
            base=self._scope.standard("Enum"),
            keywords=(f"renamed={{{', '.join(renamed)}}}",) if renamed else (),
            members=tuple(members),
            doc=_doc(type, _deprecated(type.doc, type.deprecated)),
        )

    def _message_keywords(self, type: Type) -> Iterator[str]:
        yield f"proto={literal(type.proto_name)}"
        if type in self._events:
            yield f"event={literal(self._events[type])}"
        if type.deprecated:
            yield "deprecated=True"

    def _field(self, field: Field, hidden: frozenset[str]) -> model.Field:
        shape, scope = field.shape, self._scope
        arguments: tuple[str, ...] = (str(field.number), shape.type_argument)
        of = shape.element.of(scope, hidden)
        if of is None:
            annotation = self._plain.get(shape)
            if annotation is None:
                annotation = self._plain[shape] = shape.annotation(scope)
        else:
            annotation = shape.annotation(scope, hidden)
            arguments += (f"lambda: {of}",)
        return model.Field(
            field.name,
            annotation,
            scope.standard("field"),
            arguments + field.keywords,
            field.doc,
        )


def _doc(type: Type, *more: str) -> str:
    renamed = f"Named `{type.raw_name}` in the schema." if type.name != type.raw_name else ""
    return _joined(type.doc, *more, renamed)


def _deprecated(doc: str, is_so: bool) -> str:
    """What an enum cannot warn of when it is used, said where its comment does not."""
    return "Deprecated." if is_so and "deprecated" not in doc.lower() else ""


def _oneof_docs(type: Type) -> Iterator[str]:
    """What the schema says of a oneof; it has no place of its own in Python."""
    assert type.message is not None
    for i, oneof in enumerate(type.message.oneof_decl):
        if doc := type.file.comments.of((*type.path, _ONEOFS, i)):
            yield f"`{oneof.name}`: {doc}"


def _joined(*parts: str) -> str:
    return "\n\n".join(filter(None, parts))
