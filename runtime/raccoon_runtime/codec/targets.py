"""Where a decoder keeps the fields until the message is whole."""

from __future__ import annotations

from .plan import Field, Plan
from .read import default_of
from .source import Source

MANY = 30
"""CPython keeps up to as many attributes in the object itself, which locals are quickly put into.
With more there is a dict beside the object, and it is quicker to fill a dict that then becomes it.
"""


class Targets:
    """Writes the lines before and behind those that read."""

    def __init__(self, source: Source, plan: Plan) -> None:
        self._source = source
        self._fields = plan.fields
        self._in_dict = len(plan.fields) > MANY

    def __getitem__(self, field: Field) -> str:
        """Return the expression that a field is assigned to."""
        return f"__d[{field.name!r}]" if self._in_dict else field.name

    def begin(self) -> None:
        """Write the lines that give each field its default."""
        defaults = {field: initial(self._source, field) for field in self._fields}
        if self._in_dict:
            items = ", ".join(f"{field.name!r}: {value}" for field, value in defaults.items())
            self._source.add(f"__d = {{{items}}}")
        else:
            self._source.add(*(f"{field.name} = {value}" for field, value in defaults.items()))

    def begin_again(self) -> None:
        """Write the lines that take the fields of a message that is there, `__m`."""
        if self._in_dict:
            self._source.add("__d = __m.__dict__")
        else:
            self._source.add(*(f"{field.name} = __m.{field.name}" for field in self._fields))

    def end(self) -> None:
        """Write the lines that put the fields into the message, `__m`."""
        if self._in_dict:
            self._source.add("__m.__dict__ = __d")
        else:
            self._source.add(*(f"__m.{field.name} = {field.name}" for field in self._fields))


def initial(source: Source, field: Field) -> str:
    """Return the expression of what a field is before anything is read into it."""
    if field.repeated:
        return "[]"
    if field.key is not None:
        return "{}"
    return "None" if field.presence else default_of(source, field)
