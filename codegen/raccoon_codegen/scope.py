"""How one generated file spells what is not its own: imports, aliases, hidden builtins."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Set

from . import names
from .model import Import
from .names import Identifier
from .schema import File, Type

_BUILTINS = frozenset({"bool", "bytes", "dict", "float", "int", "list", "str"})
_IMPORTED = {
    "dataclass": "dataclasses",
    "datetime": "datetime",
    "timedelta": "datetime",
    "Enum": "raccoon_runtime.message",
    "Message": "raccoon_runtime.message",
    "field": "raccoon_runtime.message",
    "JsonValue": "raccoon_runtime.well_known",
    "well_known": "raccoon_runtime",
}
MODULE_NAMES = frozenset({*_BUILTINS, *_IMPORTED, "annotations", "builtins"})
"""What a generated module may use for itself."""

_WORD = re.compile(r"\w+")


class Scope:
    """The names of one generated file; it notes what has to be imported for them."""

    def __init__(
        self,
        directories: tuple[str, ...],
        own: Set[str],
        foreign: Iterable[Type],
        reserved: Container[str],
    ) -> None:
        """`own` is every name that the schema uses, `foreign` what it names of other files."""
        self._own = own
        self._used = set(own)
        self._brought: dict[Import, str] = {}
        self._spelled: dict[str, str] = {}
        self._imports: dict[str, Import] = {}
        self._aliases: dict[str, str] = {}
        self._foreign: dict[Type, str] = {}
        self._import_classes(directories, foreign, reserved)

    @property
    def imports(self) -> tuple[Import, ...]:
        """What the names given so far need: the standard library's, the runtime's, our own."""
        return tuple(sorted(self._imports.values(), key=_import_order))

    @property
    def aliases(self) -> tuple[tuple[str, str], ...]:
        """Further names that the file's own classes need, with what they stand for."""
        return tuple(sorted((alias, name) for name, alias in self._aliases.items()))

    def standard(self, expression: str) -> str:
        """An expression of builtins and the runtime's names, as this file has to spell it."""
        spelled = self._spelled.get(expression)
        if spelled is None:
            spelled = _WORD.sub(lambda word: self._standard(word[0]), expression)
            self._spelled[expression] = spelled
        return spelled

    def type(self, type: Type, hidden: Container[str] = ()) -> str:
        """A message or an enum, spelled where the names in `hidden` mean something else."""
        top = type.top
        name = self._foreign.get(top)
        if name is None:
            name = self._alias(top.name) if top.name in hidden else top.name
        return name + type.inner_path

    def _standard(self, word: str) -> str:
        if word in _BUILTINS:
            if word not in self._own:
                return word
            return f"{self._bring(Import('builtins'))}.{word}"
        return self._bring(Import(_IMPORTED[word], word)) if word in _IMPORTED else word

    def _bring(self, wanted: Import) -> str:
        if wanted not in self._brought:
            name = wanted.name or wanted.module
            spelled = self._hidden(name) if name in self._own else name
            alias = None if spelled == name else spelled
            self._imports[spelled] = Import(wanted.module, wanted.name, alias)
            self._brought[wanted] = spelled
        return self._brought[wanted]

    def _alias(self, name: Identifier) -> str:
        if name not in self._aliases:
            self._aliases[name] = self._hidden(name)
        return self._aliases[name]

    def _hidden(self, name: str) -> str:
        """The name behind one underscore; behind two a class body would mangle it."""
        spelled = names.free(f"_{name.lstrip('_')}", self._used)
        self._used.add(spelled)
        return spelled

    def _import_classes(
        self,
        directories: tuple[str, ...],
        foreign: Iterable[Type],
        reserved: Container[str],
    ) -> None:
        tops = sorted(set(foreign), key=lambda t: (t.name, t.proto_name))
        count = Counter(t.name for t in tops)
        self._used.update(t.name for t in tops)
        for top in tops:
            spelled = str(top.name)
            if count[top.name] > 1 or spelled in self._own or spelled in reserved:
                spelled = names.alias(top.file.package, top.name)
                while spelled in self._used or spelled in reserved:
                    spelled += "_"
                self._used.add(spelled)
            alias = None if spelled == top.name else spelled
            module = relative(directories, top.file)
            self._imports[spelled] = Import(module, str(top.name), alias)
            self._foreign[top] = spelled


def relative(directories: tuple[str, ...], file: File) -> str:
    """The module of `file`, as a module in `directories` imports it."""
    there = file.directories
    shared = 0
    while shared < min(len(directories), len(there)):
        if directories[shared] != there[shared]:
            break
        shared += 1
    dots = "." * (len(directories) - shared + 1)
    return dots + ".".join((*there[shared:], file.module))


def _import_order(wanted: Import) -> tuple[int, bool, str, str]:
    module = wanted.module
    group = 2 if module.startswith(".") else 1 if module.startswith("raccoon_") else 0
    return group, wanted.name is not None, module, wanted.name or ""
