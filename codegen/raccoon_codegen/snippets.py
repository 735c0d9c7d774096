"""Pieces of generated Python that are laid out by their length: the templates' filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from . import model, style, text
from .names import literal
from .style import INDENT

Names = Iterable[tuple[str, str]]
"""What a face exports: (`OrderEvent`, `.order_pb`)."""


def bracketed(items: Sequence[str], head: str, tail: str, indent: str) -> str:
    return style.bracketed(head, items, tail, indent)


def imports(wanted: Iterable[model.Import], indent: str = "") -> list[str]:
    """One statement for each module, in the order given."""
    return list(_imports(wanted, indent))


def _imports(wanted: Iterable[model.Import], indent: str) -> Iterator[str]:
    for (module, whole), group in groupby(wanted, lambda i: (i.module, i.name is None)):
        if whole:
            yield from (f"{indent}import {_renamed(module, i.alias)}" for i in group)
        else:
            names = [_renamed(i.name or "", i.alias) for i in group]
            yield style.imported(module, names, indent)


def _renamed(name: str, alias: str | None) -> str:
    return f"{name} as {alias}" if alias else name


def own_imports(names: Names, interface: int | None) -> list[str]:
    """What a face needs itself, behind an underscore: no schema's class is exported so, and nobody
    is offered it by completion.
    """
    needed = ["lazy"] if names else []
    needed += ["require"] if interface is not None else []
    # Type checkers know TYPE_CHECKING only by this name.
    lines = ["import typing as _typing"] if names else []
    runtime = [_renamed(name, f"_{name}") for name in needed]
    return lines + ([style.imported("raccoon_runtime.interface", runtime)] if runtime else [])


def exports(names: Names, indent: str) -> list[str]:
    """Imports for type checkers, to which `X as X` is an export."""
    lines: list[str] = []
    for module, exported in _by_module(names).items():
        head = f"{indent}from {module} import "
        room = style.WIDTH - style.width(head)
        for few in style.packed([f"{n} as {n}" for n in exported], ", ", room):
            lines.append(style.imported(module, [few], indent))
    return lines


def table(names: Names, indent: str) -> str:
    """The call that makes a face lazy."""
    modules = _by_module(names)
    head, inner = "__all__, __getattr__, __dir__ = _lazy(", indent + INDENT
    entries = ", ".join(
        f"{literal(module)}: {literal(' '.join(exported))}" for module, exported in modules.items()
    )
    for short in (
        f"{indent}{head}__name__, {{{entries}}})",
        f"{indent}{head}\n{inner}__name__, {{{entries}}}\n{indent})",
    ):
        if all(map(style.fits, short.split("\n"))):
            return short
    rows = [_row(module, exported, inner + INDENT) for module, exported in modules.items()]
    return "\n".join(
        [
            indent + head,
            f"{inner}__name__,",
            f"{inner}{{",
            *rows,
            f"{inner}}},",
            f"{indent})",
        ]
    )


def _row(module: str, exported: Sequence[str], indent: str) -> str:
    head = f"{indent}{literal(module)}: "
    row = f"{head}{literal(' '.join(exported))},"
    inner = indent + INDENT
    *lines, last = style.packed(exported, " ", style.WIDTH - len(inner) - 3)
    if style.fits(row) or not lines:
        return row
    strings = [*(f'{inner}"{line} "' for line in lines), f'{inner}"{last}"']
    return "\n".join([f"{head}(", *strings, f"{indent}),"])


def _by_module(names: Names) -> dict[str, list[str]]:
    modules: dict[str, list[str]] = {}
    for module, name in sorted((module, name) for name, module in names):
        modules.setdefault(module, []).append(name)
    return modules


def by_message(event: model.Event, indent: str) -> str:
    """The signature that takes the message."""
    items = ["self", f"event: {event.cls}", "/", "*", "timeout: float | None = None"]
    return style.bracketed(f"def {event.method}(", items, ") -> R: ...", indent)


def by_keywords(event: model.Event, indent: str) -> str:
    """The signature that takes its fields."""
    items = ["self", "/", "*", *map(_keyword, event.keywords)]
    return style.bracketed(f"def {event.method}(", items, ") -> R: ...", indent)


# A default is evaluated when client.py is imported, and classes are only for type checkers there.
_DEFAULTS = frozenset(["None", "False", "0", "0.0", '""', 'b""'])


def _keyword(keyword: model.Keyword) -> str:
    declared = f"{keyword.name}: {keyword.annotation}"
    if keyword.default is None:
        return declared
    return f"{declared} = {keyword.default if keyword.default in _DEFAULTS else '...'}"


def implementation(event: model.Event, indent: str) -> str:
    """The signature that runs."""
    items = ["self", "event: Any = None", "/", "**fields: Any"]
    return style.bracketed(f"def {event.method}(", items, ") -> R:", indent)


def entry(event: model.Event, indent: str) -> str:
    """What the table of events says of it."""
    return style.entry(f"{literal(event.type)}: {literal(event.target)}", indent)


def sent(event: model.Event, indent: str) -> str:
    """What runs."""
    items = [literal(event.type), "event", "fields"]
    return style.bracketed("return self._send(", items, ")", indent)


def described(event: model.Event, indent: str) -> str:
    """What `help()` says of a method; the signature that runs does not tell its keywords."""
    names = ", ".join(keyword.name for keyword in event.keywords)
    words = f"Event type `{event.type}`. Keywords: {names}.".split(" ")
    about = "\n".join(style.packed(words, " ", style.WIDTH - len(indent)))
    return text.docstring(f"{event.doc}\n\n{about}", indent)


def deprecation(sentence: str, indent: str) -> str:
    return style.bracketed("@deprecated(", [literal(sentence)], ")", indent)


FILTERS: dict[str, Callable[..., object]] = {
    "bracketed": bracketed,
    "by_keywords": by_keywords,
    "by_message": by_message,
    "comment": text.comment,
    "deprecation": deprecation,
    "described": described,
    "docstring": text.docstring,
    "entry": entry,
    "exports": exports,
    "flush": str.rstrip,
    "implementation": implementation,
    "imports": imports,
    "own_imports": own_imports,
    "sent": sent,
    "statement": style.statement,
    "table": table,
}
