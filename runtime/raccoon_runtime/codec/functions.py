"""The functions that turn a message's fields into something else: how they come by the fields, and
how they fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..deprecation import warn_caller
from .blame import MISSING, Blame, unexpected
from .kinds import MAX_DEPTH
from .plan import Field, Plan
from .source import Source, compiled
from .spec import default
from .wire import too_deep

Body = Callable[[Source, Plan], None]
"""Writes the lines that make the result of the fields, which are locals of their names, and return
it.
"""


def from_message(plan: Plan, direction: str, body: Body, blame: Blame) -> Callable[..., Any]:
    """Compile `direction(message, depth=0)`; deeper down, errors are left to the outermost."""
    source = Source()
    source.use("__Exception", Exception)
    source.use("__blame", blame)
    with source.block(f"def {direction}(__m, __depth=0):"):
        with source.block("try:"):
            source.add(*(f"{field.name} = __m.{field.name}" for field in plan.fields))
            body(source, plan)
        with source.block("except __Exception as __error:"):
            source.add("if __depth: raise", "raise __blame(__m, __error) from None")
    return compiled(source, plan, direction)


def from_fields(plan: Plan, direction: str, body: Body, blame: Blame) -> Callable[..., Any]:
    """Compile `direction(fields)`, for a dict of fields by name; an unknown name, or a required one
    that is not there, is a TypeError.
    """
    source = Source()
    source.use("__Exception", Exception)
    source.use("__ValueError", ValueError)
    source.use("__blame", blame)
    source.use("__unexpected", unexpected(plan))
    source.use("__defaults", {field.name: _default(plan, field) for field in plan.fields})
    # In the order of the defaults; a name that is not among them comes behind, and is one too many.
    names = ", ".join(field.name for field in plan.fields)
    with source.block(f"def {direction}(__fields):"):
        with source.block("try:"):
            source.add(f"[{names}] = {{**__defaults, **__fields}}.values()")
        with source.block("except __ValueError:"):
            source.add("raise __unexpected(__fields) from None")
        source.add("__depth = 0")
        _deprecated(source, plan)
        with source.block("try:"):
            body(source, plan)
        with source.block("except __Exception as __error:"):
            source.add("raise __blame(__fields, __error) from None")
    return compiled(source, plan, direction)


def _default(plan: Plan, field: Field) -> Any:
    if field.required and not field.auto:
        return MISSING
    return default(plan.cls, field.name)


def _deprecated(source: Source, plan: Plan) -> None:
    for field in plan.fields:
        if field.deprecated:
            source.use("__warn", warn_caller)
            text = f"{plan.proto}.{field.proto_name} is deprecated"
            given = f"{field.name} != __defaults[{field.name!r}]"
            source.add(f"if {given}: __warn({text!r}, {plan.root!r})")


def count_levels(source: Source) -> None:
    """Write the check that messages are not nested too deeply."""
    source.use("__too_deep", too_deep)
    source.add(f"if __depth > {MAX_DEPTH}: __too_deep()")


def one_of_each(source: Source, plan: Plan) -> None:
    """Write the check that of each oneof at most one member is set."""
    for members in plan.oneofs.values():
        if len(members) > 1:
            source.use("__ValueError", ValueError)
            count = _sum([f"({field.name} is not None)" for field in members])
            source.add(f'if {count} > 1: raise __ValueError("oneof")')


def _sum(terms: list[str]) -> str:
    """Some terms' sum, in groups: a compiler goes as deep as a sum is long."""
    while len(terms) > 50:
        terms = [f"({' + '.join(terms[i : i + 50])})" for i in range(0, len(terms), 50)]
    return " + ".join(terms)
