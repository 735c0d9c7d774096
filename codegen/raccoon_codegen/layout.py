"""Where modules and names come to lie in the output, and that no two of them meet there."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set

from . import model
from .errors import Problem
from .names import ROOT_MODULES
from .schema import File, Schema, Type
from .scope import relative

_CLIENTS = ("AsyncEventClient", "EventClient")
_PACKAGE = (2,)
# A package is an attribute of the one around it, and may hide what that needs.
_PYTHONS_OWN = re.compile(r"__\w+__")


def check(tops: Mapping[File, Sequence[Type]], schema: Schema, *, client: bool) -> None:
    """Modules, directories and a package's names are apart, where case is ignored too.

    Where packages are not apart, nothing is told of what meets in them.
    """
    if _packages_are_apart(tops, schema, client):
        _check_paths(tops, schema)
        _check_names(tops, schema)


def _packages_are_apart(files: Iterable[File], schema: Schema, client: bool) -> bool:
    """Whether each has directories of its own, whose names hide nothing."""
    firsts: dict[str, File] = {}
    for file in files:
        firsts.setdefault(file.package, file)
    owners: dict[tuple[str, ...], File] = {}
    apart = True
    for file in firsts.values():
        complaint = _hides(file.directories, client) or _shares(file, owners, schema)
        if complaint:
            schema.report(file, _PACKAGE, complaint, "Rename the proto package.")
            apart = False
    return apart


def _hides(directories: Sequence[str], client: bool) -> str:
    for name in filter(_PYTHONS_OWN.fullmatch, directories):
        return f"no Python package can be named {name!r}"
    if client and directories and directories[0] in _CLIENTS:
        return f"the package {directories[0]!r} would hide the client of that name"
    return ""


def _shares(file: File, owners: dict[tuple[str, ...], File], schema: Schema) -> str:
    for depth in range(1, len(file.directories) + 1):
        directories = file.directories[:depth]
        other = owners.setdefault(directories, file)
        if other.package.split(".")[:depth] != file.package.split(".")[:depth]:
            theirs = f"{other.package!r}, {schema.where(other, _PACKAGE)},"
            return f"{file.package!r} and {theirs} would both lie in {'/'.join(directories)}/"
    return ""


def _check_paths(files: Iterable[File], schema: Schema) -> None:
    places: dict[str, tuple[str, str, File]] = {}
    for file in files:
        for path, shown in _paths(file).items():
            other, there, owner = places.setdefault(path.lower(), (path, shown, file))
            if owner is not file and (other != path or path == file.path):
                clash = f"meets {there} of {schema.sources.shown(owner.proto.name)}"
                where = schema.sources.shown(file.proto.name)
                hint = "Rename one of the files, or leave one out."
                message = f"its output {shown} {clash}"
                schema.problems.append(Problem(where, 0, 0, message, hint))


def _paths(file: File) -> dict[str, str]:
    """What the file occupies, and as what that is shown; a directory stands for a module of its
    name, which it would hide.
    """
    depths = range(1, len(file.directories) + 1)
    directories = ["/".join(file.directories[:depth]) for depth in depths]
    return {file.path: file.path, **{f"{path}.py": f"{path}/" for path in directories}}


def _check_names(tops: Mapping[File, Sequence[Type]], schema: Schema) -> None:
    modules: defaultdict[tuple[str, ...], dict[str, File]] = defaultdict(dict)
    for file in tops:
        modules[file.directories][file.module] = file
        for depth in range(len(file.directories)):
            modules[file.directories[:depth]].setdefault(file.directories[depth], file)
    taken: dict[tuple[tuple[str, ...], str], Type] = {}
    for file, types in tops.items():
        for type in types:
            other = taken.setdefault((file.directories, type.name), type)
            module = modules[file.directories].get(type.name)
            if other is not type:
                at = schema.where(other.file, other.path)
                _report(
                    type,
                    f"and {other.raw_name!r}, {at}, would both be {type.name}",
                    schema,
                )
            elif module is not None:
                at = schema.sources.shown(module.proto.name)
                _report(type, f"would hide the output {type.name} of {at}", schema)


def _report(type: Type, clash: str, schema: Schema) -> None:
    schema.report(
        type.file,
        (*type.path, 1),
        f"{type.raw_name!r} {clash} in Python",
        "Rename one of them in the schema, or move it to another package.",
    )


def faces(tops: Mapping[File, Sequence[Type]], client: bool) -> tuple[model.Face, ...]:
    """Every `__init__.py`, the root's first; a directory with nothing of its own has one too."""
    names: dict[tuple[str, ...], list[tuple[str, str]]] = {(): []}
    packages: dict[tuple[str, ...], str] = {}
    for file, types in tops.items():
        for depth in range(len(file.directories) + 1):
            names.setdefault(file.directories[:depth], [])
        if types:
            packages[file.directories] = file.package
        if file.directories:
            names[file.directories] += [(t.name, f".{file.module}") for t in types]
    names[()] = _root_names(tops, client)
    docs = {directories: _doc(package) for directories, package in packages.items()}
    docs[()] = _root_doc(tops, frozenset(names[()]))
    result: list[model.Face] = []
    for directories in sorted(names):
        path = "/".join((*directories, "__init__.py"))
        doc = docs.get(directories, "")
        result.append(model.Face(path, tuple(sorted(names[directories])), doc))
    return tuple(result)


def _doc(package: str) -> str:
    return f"Messages and enums of the proto package `{package}`."


def _root_doc(tops: Mapping[File, Sequence[Type]], exported: Set[tuple[str, str]]) -> str:
    """What it exports, and where to find what it does not."""
    others: defaultdict[str, list[str]] = defaultdict(list)
    for file, types in tops.items():
        for type in types:
            if (type.name, module := relative((), file)) not in exported:
                place = f".{'.'.join(file.directories)}" if file.directories else module
                others[type.name].append(place)
    doc = "The clients, and each message and enum whose name is unique."
    if not others:
        return doc
    lines = [f"- {name}: {', '.join(sorted(others[name]))}" for name in sorted(others)]
    return "\n".join([doc, "", "Others are imported from their own package:", "", *lines])


def _root_names(tops: Mapping[File, Sequence[Type]], client: bool) -> list[tuple[str, str]]:
    """The clients, the types of no package, and every other name that is nobody else's."""
    count = Counter(type.name for types in tops.values() for type in types)
    own = {type.name for file, types in tops.items() if not file.directories for type in types}
    taken = {*_CLIENTS, *ROOT_MODULES}
    taken.update(file.directories[0] if file.directories else file.module for file in tops)
    names = [(name, ".client") for name in _CLIENTS] if client else []
    for file, types in tops.items():
        for type in types:
            unique = not file.directories or (count[type.name] == 1 and type.name not in own)
            if unique and type.name not in taken:
                names.append((type.name, relative((), file)))
    return names
