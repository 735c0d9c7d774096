"""From lines of Python to a function: compiled once, with its source where tracebacks look for it."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import Any

from .plan import Plan


class Source:
    """The lines of one function and the names that they use.

    All names but those of fields begin with two underscores, which no field's name does. Text from
    a schema enters as a field's name, checked by the plan, or through `repr`.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self._indent = ""

    def add(self, *lines: str) -> None:
        """Append lines at the present indentation."""
        self.lines.extend(self._indent + line for line in lines)

    def block(self, head: str) -> Block:
        """Append a line that opens a block; what is added inside of `with` belongs to it."""
        self.add(head)
        return Block(self)

    def shift(self, levels: int) -> None:
        self._indent = " " * (len(self._indent) + 4 * levels)

    def use(self, name: str, value: Any) -> str:
        """Give `value` to the function under `name` and return the name."""
        self.names[name] = value
        return name

    def later(self, name: str, find: Callable[[], Callable[..., Any]]) -> str:
        """Like `use` for a function that is looked up when it is first called: another class's
        codec, or one's own.
        """

        def first(*arguments: Any) -> Any:
            found = names[name] = find()
            return found(*arguments)

        names = self.names
        return self.use(name, first)

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


class Block:
    """What is added to a source inside of `with` is indented."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __enter__(self) -> None:
        self._source.shift(1)

    def __exit__(self, *_: object) -> None:
        self._source.shift(-1)


def filename_of(cls: Any, direction: str) -> str:
    return f"<codec {cls.__module__}.{cls.__qualname__} {direction}>"


def compiled(source: Source, plan: Plan, direction: str, name: str) -> Callable[..., Any]:
    """Compile the function `name` of a source; tracebacks and `linecache` know its lines."""
    text = source.text
    filename = filename_of(plan.cls, direction)
    # Without a modification time linecache keeps the entry for good.
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(compile(text, filename, "exec"), source.names)
    function: Callable[..., Any] = source.names[name]
    return function
