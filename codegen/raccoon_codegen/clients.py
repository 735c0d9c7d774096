"""The model's client: one method for each event."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from . import model
from .events import EventMessage
from .fields import Field
from .modules import Fields
from .names import CLIENT_NAMES
from .schema import Type
from .scope import Scope, relative
from .types import Shape

_DEPRECATED = re.compile(r"^Deprecated[:.]\s*(.+?)\s*(?:\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)
_TIMEOUT = "timeout"


def build(events: Sequence[EventMessage], fields: Fields) -> model.Client | None:
    """The client of these events; None when there is none."""
    if not events:
        return None
    foreign = {event.message for event in events}
    for event in events:
        foreign |= _named(fields[event.message])
    # In the class a method's name hides a message's.
    reserved = CLIENT_NAMES.union(event.method for event in events)
    scope = Scope((), frozenset(), foreign, reserved)
    builder = _Builder(scope)
    built = tuple(builder.event(event, fields[event.message]) for event in events)
    return model.Client(scope.imports, built)


def _named(fields: Iterable[Field]) -> set[Type]:
    targets = (field.shape.element.target for field in fields)
    return {target.top for target in targets if target is not None}


class _Builder:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._spelled: dict[Shape, tuple[str, str]] = {}

    def event(self, event: EventMessage, fields: Sequence[Field]) -> model.Event:
        message = event.message
        return model.Event(
            method=event.method,
            type=event.type,
            target=f"{relative((), message.file)}:{message.name}",
            cls=self._scope.type(message),
            keywords=tuple(self._keywords(fields)),
            doc=message.doc,
            deprecated=_warning(message) if message.deprecated else None,
        )

    def _keywords(self, fields: Sequence[Field]) -> Iterator[model.Keyword]:
        has_timeout = False
        for required in (True, False):
            for field in fields:
                if field.required is required:
                    annotation, default = self._spell(field.shape)
                    if required:
                        # None is what a required field is refused for.
                        annotation = annotation.removesuffix(" | None")
                    yield model.Keyword(field.name, annotation, None if required else default)
                    has_timeout = has_timeout or field.name == _TIMEOUT
        if not has_timeout:
            optional = f"{self._scope.standard('float')} | None"
            yield model.Keyword(_TIMEOUT, optional, "None")

    def _spell(self, shape: Shape) -> tuple[str, str]:
        spelled = self._spelled.get(shape)
        if spelled is None:
            spelled = shape.annotation(self._scope), shape.default(self._scope)
            self._spelled[shape] = spelled
        return spelled


def _warning(message: Type) -> str:
    """What its comment says of it, as Go and Google's style guide write it, else that it is so."""
    said = _DEPRECATED.search(message.doc)
    reason = " ".join(said[1].split()) if said else ""
    return f"{message.proto_name} is deprecated" + (f": {reason}" if reason else ".")
