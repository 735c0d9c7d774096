"""Which messages are events, and under which method and type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import translate

from . import names, options
from .comments import Path
from .conflicts import Claim, check
from .errors import Problem, UsageError
from .inputs import Inputs, Override
from .names import Identifier
from .options import EventOptions
from .schema import Schema, Type

_NAME, _OPTIONS = 1, 7
_SUFFIX = "Event"
_TYPE = re.compile(r"[A-Za-z0-9._-]+")
_METHOD = re.compile(r"[A-Za-z0-9_]+")
_EMPTY = Override()


@dataclass(frozen=True, eq=False)
class EventMessage:
    """A message that is an event."""

    message: Type
    method: Identifier
    type: str


def find(schema: Schema, inputs: Inputs) -> tuple[EventMessage, ...]:
    """The events of the files given, by method name; problems go to `schema`.

    A setting from outside for the very message wins; then `--exclude-events`, then `skip`; then any
    of `--events`, the option and the name's ending makes an event.
    """
    tops = [t for f in schema.files if f.generated for t in f.types if t.message]
    _check_outside(tops, inputs)
    wanted, unwanted = _matcher(inputs.events), _matcher(inputs.exclude_events)
    claims: list[Claim] = []
    events: list[EventMessage] = []
    for top in tops:
        said = _said(top, schema)
        override = inputs.overrides.get(top.proto_name)
        if override is None and not _chosen(top, said, wanted, unwanted):
            continue
        event, claim = _event(top, said or EventOptions(), override or _EMPTY, schema)
        events.append(event)
        claims.append(claim)
    for file in schema.files:
        if file.generated:
            _no_nested(file.types, schema)
    check(claims, schema)
    return tuple(sorted(events, key=lambda event: event.method))


def default_name(message: str) -> str:
    """`UserSignedUpEvent` → `user_signed_up`; a message named just `Event` is `event`."""
    return names.snake(message.removesuffix(_SUFFIX)) or names.snake(message) or message


def _chosen(
    top: Type,
    said: EventOptions | None,
    wanted: re.Pattern[str],
    unwanted: re.Pattern[str],
) -> bool:
    if unwanted.fullmatch(top.proto_name) or (said is not None and said.skip):
        return False
    if said is not None or wanted.fullmatch(top.proto_name):
        return True
    # A message named just `Event` says nothing: there is no name in it.
    stem = top.raw_name.removesuffix(_SUFFIX)
    return stem != top.raw_name and stem.strip("_") != ""


def _matcher(globs: Iterable[str]) -> re.Pattern[str]:
    """Of full names that match one of the globs, in which `*` crosses dots."""
    return re.compile("|".join(map(translate, globs)) or r"(?!)")


def _said(top: Type, schema: Schema) -> EventOptions | None:
    assert top.message is not None
    if not top.message.HasField("options"):
        return None
    said = options.of_event(top.message)
    if said is not None and said.skip and (said.type is not None or said.name is not None):
        path = (*top.path, _OPTIONS, options.EVENT, options.EVENT_SKIP)
        message = "skip leaves no event to give a name or a type"
        schema.report(top.file, path, message, "Drop skip, or the name and the type.")
    return said


def _event(
    top: Type, said: EventOptions, override: Override, schema: Schema
) -> tuple[EventMessage, Claim]:
    default = default_name(top.raw_name)
    name, name_at = _first(top, override.name, said.name, options.EVENT_NAME, default)
    type, type_at = _first(top, override.type, said.type, options.EVENT_TYPE, default)

    def report(setting: str, at: Path, message: str, hint: str) -> None:
        if place := override.places.get(setting):
            schema.problems.append(Problem(place, 0, 0, message, hint))
        else:
            schema.report(top.file, at, message, hint)

    if not _METHOD.fullmatch(name):
        report(
            "name",
            name_at,
            f"an event cannot be named {name!r}",
            "The method is send_<name>_event: letters, digits and `_`.",
        )
    if not _TYPE.fullmatch(type):
        report(
            "type",
            type_at,
            f"an event cannot have the type {type!r}",
            "A type is part of a topic's name: letters, digits, `.`, `_` and `-`.",
        )
    method = Identifier("send_event" if name == "event" else f"send_{name}_event")
    claim = Claim(top, default, name, type, method, name_at, type_at, override.place)
    return EventMessage(top, method, type), claim


def _first(
    top: Type, outside: str | None, said: str | None, number: int, default: str
) -> tuple[str, Path]:
    """A setting and the place that is to blame for it."""
    if outside is None and said is not None:
        return said, (*top.path, _OPTIONS, options.EVENT, number)
    return (default if outside is None else outside), (*top.path, _NAME)


def _no_nested(types: Iterable[Type], schema: Schema) -> None:
    for top in types:
        for inner in top.types:
            if inner.message and options.of_event(inner.message) is not None:
                schema.report(
                    inner.file,
                    (*inner.path, _OPTIONS, options.EVENT),
                    "only a top-level message can be an event",
                    f"Move {inner.raw_name} out of {top.raw_name}, or drop the option.",
                )
        _no_nested(top.types, schema)


def _check_outside(tops: Iterable[Type], inputs: Inputs) -> None:
    """Settings from outside mean some message."""
    known = [top.proto_name for top in tops]
    globs = [("events", glob) for glob in inputs.events]
    globs += [("exclude_events", glob) for glob in inputs.exclude_events]
    for setting, glob in globs:
        if glob != "*" and not any(map(_matcher([glob]).fullmatch, known)):
            said = f"{inputs.at(setting) or '--'}{setting.replace('_', '-')} {glob!r}"
            nested = any(map(_matcher([glob]).fullmatch, _nested(tops)))
            hint = "; those inside of others are no events" if nested else ""
            raise UsageError(f"{said} matches no message of the schemas{hint}")
    for name, override in inputs.overrides.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            said = f"{override.place and f'{override.place}: '}settings for an event {name}"
            raise UsageError(f"{said}: no such message at the top of a schema{hint}")


def _nested(types: Iterable[Type]) -> Iterator[str]:
    for top in types:
        for inner in top.types:
            if inner.message:
                yield inner.proto_name
        yield from _nested(top.types)
