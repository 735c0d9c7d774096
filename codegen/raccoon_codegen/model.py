"""What a template sees: frozen, with finished Python names and no descriptor left.

A `Package` is the whole output. Everything in it is in the order in which it is written, and every
string that is Python source already is; every string that is text (`doc`) is not yet quoted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

# What there is many of is a NamedTuple: as frozen as a dataclass and made faster.


class Import(NamedTuple):
    """`import module [as alias]`, or `from module import name [as alias]`."""

    module: str
    name: str | None = None
    alias: str | None = None


class Member(NamedTuple):
    """One enum value: `name = number`."""

    name: str
    number: int
    doc: str = ""


@dataclass(frozen=True)
class Enum:
    name: str
    base: str
    """How this module spells the runtime's `Enum`."""
    keywords: tuple[str, ...]
    """Class keywords, finished: `renamed={"mro_": "mro"}`."""
    members: tuple[Member, ...]
    doc: str = ""


class Field(NamedTuple):
    """One dataclass line: `name: annotation = call(arguments)`."""

    name: str
    annotation: str
    call: str
    """How this module spells the runtime's `field`."""
    arguments: tuple[str, ...]
    """Finished: `1`, `"string"`, `lambda: Money`, `repeated=True`."""
    doc: str = ""


@dataclass(frozen=True)
class Message:
    name: str
    decorator: str
    """How this module spells `dataclass`."""
    base: str
    keywords: tuple[str, ...]
    """Class keywords, finished: `proto="shop.v1.OrderEvent"`, `event="order"`."""
    enums: tuple[Enum, ...]
    messages: tuple[Message, ...]
    fields: tuple[Field, ...]
    doc: str = ""


@dataclass(frozen=True)
class Module:
    """One `.proto` file's dataclasses and enums."""

    path: str
    """Below the output directory, with slashes: `shop/v1/order_pb.py`."""
    source: str
    """The schema's path below its import root."""
    imports: tuple[Import, ...]
    enums: tuple[Enum, ...]
    messages: tuple[Message, ...]
    aliases: tuple[tuple[str, str], ...]
    """`_OrderEvent = OrderEvent` at the module's end, for names that a class body hides."""
    doc: str = ""


@dataclass(frozen=True)
class Face:
    """One `__init__.py`: what it exports, and from where; the root's exports the clients too.

    No name in it starts with an underscore: the face's own names can.
    """

    path: str
    names: tuple[tuple[str, str], ...]
    """(`OrderEvent`, `.order_pb`), sorted."""
    doc: str = ""


class Keyword(NamedTuple):
    """One keyword of a `send_*` method; without a default it is required."""

    name: str
    annotation: str
    default: str | None


@dataclass(frozen=True)
class Event:
    method: str
    """`send_order_event`."""
    type: str
    target: str
    """`.shop.v1.order_pb:OrderEvent`."""
    cls: str
    """How client.py spells the class."""
    keywords: tuple[Keyword, ...]
    """Required ones first; `timeout` included where the event has no field of that name."""
    doc: str = ""
    deprecated: str | None = None
    """The sentence of the warning."""


@dataclass(frozen=True)
class Client:
    imports: tuple[Import, ...]
    """Only for type checkers."""
    """No name of `names.CLIENT_NAMES` is among them: those are client.py's own."""
    events: tuple[Event, ...]
    """By method."""


@dataclass(frozen=True)
class Package:
    modules: tuple[Module, ...]
    kept: tuple[str, ...]
    """Paths of the modules that the caller has from an earlier run; they were not built."""
    faces: tuple[Face, ...]
    """The root's first."""
    client: Client | None
    """None when nothing is an event."""
