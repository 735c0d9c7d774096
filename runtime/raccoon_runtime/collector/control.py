"""Telling a collector in another process what should go wrong: lines of JSON, one answer each.

    {"do": "add", "fault": "Unpublishable", "type": "page", "times": 2}  → {"done": "add", "id": 1}
    {"do": "remove", "id": 1}                                            → {"done": "remove"}
    {"do": "clear"}                    no fault applies any more         → {"done": "clear"}
    {"do": "sever", "reset": true}     end all connections, by RST       → {"done": "sever"}
    {"do": "forget"}                   what was received, and count anew → {"done": "forget"}
    {"do": "stats"}
        → {"done": "stats", "received": 3, "stored": 5, "connections": 1, "faults": 0}

The faults are the classes of `raccoon_runtime.collector`, and their fields the keywords: a status
or a code by its name, `containing` as text. What cannot be done is answered {"error": "…"}.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

import orjson
from grpclib import Status

from ..envelope import Code
from . import faults
from .faults import Fault

if TYPE_CHECKING:
    from .collector import Collector

FAULTS: dict[str, type[Fault]] = {
    kind.__name__: kind
    for kind in (
        faults.Answered,
        faults.Close,
        faults.Delay,
        faults.Double,
        faults.Foreign,
        faults.Full,
        faults.GoAway,
        faults.GrpcStatus,
        faults.HttpStatus,
        faults.LateError,
        faults.Mute,
        faults.NoAnswer,
        faults.NoUpgrade,
        faults.Reorder,
        faults.Taken,
        faults.Unpublishable,
    )
}

# Of what type each field is.
KINDS: dict[str, type | tuple[type, ...]] = {
    "times": int,
    "transport": str,
    "type": str,
    "containing": bytes,
    "identity": str,
    "published": bool,
    "reset": bool,
    "status": int,
    "body": str,
    "headers": dict,
    "message": str,
    "reason": str,
    "code": Code,
    "req_guid": str,
    "seconds": (int, float),
    "hold": int,
}
TRANSPORTS = ("ws", "rest", "grpc")


class ControlError(ValueError):
    """A line that asks for nothing that can be done."""


class Control:
    """Carries out what lines ask of a collector, in its event loop."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._added: dict[int, Fault] = {}
        self._do: dict[str, Callable[..., dict[str, object] | None]] = {
            "add": self._add,
            "remove": self._remove,
            "clear": self._clear,
            "sever": self._sever,
            "forget": self._collector.clear,
            "stats": self._stats,
        }

    def answer(self, line: bytes | str) -> str:
        """Do what the line asks, and return the line that answers it."""
        try:
            asked: Any = orjson.loads(line)
            if not isinstance(asked, dict):
                raise ControlError("an object belongs here")
            told = self._carry_out(cast("dict[str, Any]", asked))
        except (ValueError, TypeError) as error:
            told = {"error": str(error)}
        return orjson.dumps(told).decode()

    def _carry_out(self, asked: dict[str, Any]) -> dict[str, object]:
        name = asked.pop("do", None)
        do = self._do.get(name)
        if do is None:
            raise ControlError(f"no such thing to do: {name!r}; there are {', '.join(self._do)}")
        return {"done": name, **(do(**asked) or {})}

    def _add(self, **fields: Any) -> dict[str, object]:
        fault = decode(fields)
        number = len(self._added) + 1
        self._added[number] = fault
        self._collector.faults.add(fault)
        return {"id": number}

    def _remove(self, id: int) -> None:
        if id not in self._added:
            raise ControlError(f"no fault was added as {id!r}")
        self._collector.faults.remove(self._added[id])

    def _clear(self) -> None:
        self._collector.faults.clear()

    def _sever(self, reset: bool = False) -> None:
        _check("reset", reset)
        self._collector.sever(reset=reset)

    def _stats(self) -> dict[str, object]:
        return {
            "received": self._collector.received_count,
            "stored": self._collector.stored_count,
            "connections": self._collector.connections,
            "faults": len(self._collector.faults),
        }


def encode(fault: Fault) -> dict[str, Any]:
    """Return a fault as JSON can hold it, for `add`."""
    found: dict[str, Any] = {"fault": type(fault).__name__}
    for field in dataclasses.fields(fault):
        value = getattr(fault, field.name)
        if isinstance(value, Enum):
            value = value.name
        elif isinstance(value, bytes):
            value = value.decode()
        if value is not None:
            found[field.name] = value
    return found


def decode(found: dict[str, Any]) -> Fault:
    """Return the fault; ControlError when there is no such one."""
    fields = dict(found)
    kind = FAULTS.get(fields.pop("fault", ""))
    if kind is None:
        raise ControlError(f"no such fault; there are {', '.join(FAULTS)}")
    try:
        if "containing" in fields:
            fields["containing"] = fields["containing"].encode()
        if "code" in fields:
            fields["code"] = Code[fields["code"]]
        if kind is faults.GrpcStatus:
            fields["status"] = Status[fields["status"]]
        for name, value in fields.items():
            _check(name, value)
        return kind(**fields)
    except (AttributeError, KeyError, TypeError) as error:
        raise ControlError(f"{kind.__name__}: {error}") from error


def _check(name: str, value: object) -> None:
    fits = isinstance(value, (KINDS.get(name, object), Status))
    if not fits or (name == "transport" and value not in TRANSPORTS):
        raise TypeError(f"{name} cannot be {value!r}")
