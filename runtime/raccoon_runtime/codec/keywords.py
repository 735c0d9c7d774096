"""The signature of a function that takes a message's fields as keywords."""

from __future__ import annotations

from typing import Any

from ..deprecation import warn_caller
from .compiler import Source
from .plan import Field, Plan


def write_signature(source: Source, plan: Plan) -> str:
    """Open such a function, named like the class so that Python's own TypeErrors read well; return
    its name.
    """
    name = plan.cls.__name__ if plan.cls.__name__.isidentifier() else "message"
    keywords = [
        _keyword(source, field) for field in plan.fields if field.required and not field.auto
    ]
    keywords += [
        _keyword(source, field) for field in plan.fields if not field.required or field.auto
    ]
    source.add(f"def {name}({'*, ' if keywords else ''}{', '.join(keywords)}):")
    source.shift(1)
    for field in plan.fields:
        if field.deprecated:
            source.use("__warn", warn_caller)
            text = f"{plan.proto}.{field.proto_name} is deprecated"
            source.add(f"if {field.name} != {default(source, field)}: __warn({text!r})")
    return name


def _keyword(source: Source, field: Field) -> str:
    if field.required and not field.auto:
        return field.name
    return f"{field.name}={default(source, field)}"


def default(source: Source, field: Field) -> str:
    """An expression: what a field is when it is left out."""
    if field.repeated:
        return source.use("__no_list", [])
    if field.key is not None:
        return source.use("__no_dict", {})
    if field.presence:
        return "None"
    if field.kind == "enum":
        return source.use(f"__{field.name}_default", field.cls(0))
    value: Any = field.scalar and field.scalar.default
    # The very object, for codecs ask `is`.
    return source.use("__zero_float", value) if isinstance(value, float) else repr(value)
