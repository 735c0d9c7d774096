"""Where a decoder keeps the fields until the message is whole."""

from __future__ import annotations

from collections.abc import Sequence

from .plan import Field, Plan
from .read import default_of, show_default
from .source import Source

MANY = 30
"""CPython keeps up to as many attributes in the object itself, which locals are quickly put into.
With more there is a dict beside the object, and it is quicker to fill a dict that then becomes it.
"""

FEW = 8
"""So many members of a oneof are unset one by one."""


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
        fields = self._fields
        if self._in_dict:
            defaults = {
                field.name: default_of(field) if field.single and not field.presence else None
                for field in fields
            }
            self._source.add(f"__d = {self._source.use('__defaults', defaults)}.copy()")
            fields = tuple(field for field in fields if not field.single)
        self._source.add(*(f"{self[field]} = {initial(self._source, field)}" for field in fields))

    def begin_again(self) -> None:
        """Write the lines that take the fields of a message that is there, `__m`."""
        if self._in_dict:
            self._source.add("__d = __m.__dict__")
        else:
            self._source.add(*(f"{field.name} = __m.{field.name}" for field in self._fields))

    def unset_others(self, field: Field, members: Sequence[Field]) -> None:
        """Write the lines that leave of a oneof's members only `field` set."""
        if self._in_dict and len(members) > FEW:
            first, names = members[0].number, (member.name for member in members)
            unset = self._source.once(f"__unset_{first}", lambda: dict.fromkeys(names))
            self._source.add(f"__d |= {{**{unset}, {field.name!r}: {self[field]}}}")
        else:
            self._source.add(*(f"{self[m]} = None" for m in members if m is not field))

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
    return "None" if field.presence else show_default(source, field)
