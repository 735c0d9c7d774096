"""Source that is written line by line, and compiled so that tracebacks and debuggers show it."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from .plan import Plan


class Source:
    """The lines of one function and the names that they use.

    All names but those of fields begin with two underscores, which no field's name does. Text from
    a schema enters as a field's name, checked by the plan, or through `repr`.
    """

    def __init__(self) -> None:
        # The module's name is how a deprecation warning tells our frames from the caller's.
        self.names: dict[str, Any] = {"__name__": __name__}
        self.lines: list[str] = []
        self._indent = ""

    def add(self, *lines: str) -> None:
        """Append lines at the present indentation."""
        self.lines.extend(self._indent + line for line in lines)

    @contextmanager
    def block(self, head: str) -> Generator[None]:
        """Append a line that opens a block; what is added inside of `with` belongs to it."""
        self.add(head)
        outer, self._indent = self._indent, self._indent + "    "
        yield
        self._indent = outer

    def use(self, name: str, value: Any) -> str:
        """Give `value` to the function under `name` and return the name."""
        there = self.names.setdefault(name, value)
        if there is not value and there != value:
            raise AssertionError(f"{name} has two meanings in one function")
        return name

    def once(self, name: str, make: Callable[[], Any]) -> str:
        """The same for what is made here, for one field: `name` holds the field's number."""
        if name not in self.names:
            self.names[name] = make()
        return name

    def later(self, name: str, find: Callable[[], Callable[..., Any]]) -> str:
        """Like `use` for a function that is looked up when it is first called: another class's
        codec, or one's own.
        """
        names = self.names

        def first(*arguments: Any) -> Any:
            found = names[name] = find()
            return found(*arguments)

        names.setdefault(name, first)
        return name


def compiled(source: Source, plan: Plan, direction: str) -> Callable[..., Any]:
    """Compile the function of a source, which is named like its direction; tracebacks know its
    lines.
    """
    lines = [line + "\n" for line in source.lines]
    text = "".join(lines)
    filename = _remember(
        f"<codec {plan.cls.__module__}.{plan.cls.__qualname__} {direction}>", lines
    )
    exec(compile(text, filename, "exec"), source.names)
    function: Callable[..., Any] = source.names[direction]
    return function


def _remember(name: str, lines: list[str]) -> str:
    """Show the lines to `linecache` under a name of their own, and return it: a class may be made
    twice, and differ.
    """
    filename, number = name, 1
    while filename in linecache.cache and linecache.cache[filename][2:3] != (lines,):
        number += 1
        filename = f"{name[:-1]} {number}>"
    # Without a modification time linecache keeps the entry for good.
    linecache.cache[filename] = (sum(map(len, lines)), None, lines, filename)
    return filename


def source_of(function: Callable[..., Any]) -> str:
    """Return the lines that a function was compiled from; none where it was written by hand."""
    filename = function.__code__.co_filename
    return "".join(linecache.getlines(filename)) if filename.startswith("<codec ") else ""
