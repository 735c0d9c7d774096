"""Events that would share a method or a type, told with both places and the ways out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .comments import Path
from .names import literal
from .schema import Schema, Type

_LISTED = 10


@dataclass(frozen=True, eq=False)
class Claim:
    """What an event takes for itself, and where it says so."""

    message: Type
    name: str
    type: str
    method: str
    name_at: Path
    type_at: Path


def check(claims: Iterable[Claim], schema: Schema) -> None:
    """No two events share a method or a type. Whole packages that clash are one problem."""
    ordered = sorted(claims, key=_age)
    methods: defaultdict[str, list[Claim]] = defaultdict(list)
    types: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in ordered:
        methods[claim.method].append(claim)
        types[claim.type].append(claim)
    # One clash of both kinds is told once.
    rivals = {tuple(group) for group in (*methods.values(), *types.values()) if len(group) > 1}
    by_packages: defaultdict[tuple[str, ...], list[tuple[Claim, ...]]] = defaultdict(list)
    for group in sorted(rivals, key=lambda g: [c.message.proto_name for c in g]):
        packages = tuple(dict.fromkeys(claim.message.file.package for claim in group))
        if len(packages) == len(group):
            by_packages[packages].append(group)
        else:
            _report([group], schema)
    for groups in by_packages.values():
        _report(groups, schema)


def _report(groups: Sequence[tuple[Claim, ...]], schema: Schema) -> None:
    group = groups[0]
    last = group[-1]
    message = f"{_listed([c.message.proto_name for c in group])} {_shared(group)}"
    lines = [f"{c.message.proto_name} is at {_where(c, group, schema)}" for c in group]
    if len(groups) > 1:
        more = "1 more clashes" if len(groups) == 2 else f"{len(groups) - 1} more clash"
        message += f"; {more} likewise"
        others = [_shared_names(g) for g in groups[1:]]
        lines += [f"also: {text}" for text in others[:_LISTED]]
        if len(others) > _LISTED:
            lines.append(f"and {len(others) - _LISTED} more")
    schema.report(
        last.message.file,
        _at(last, group),
        message,
        "\n".join([*lines, *_ways_out(group)]),
    )


def _shared(group: Sequence[Claim]) -> str:
    method = f"have one method, {group[0].method}"
    type = f"one type, {literal(group[0].type)}"
    if len({claim.method for claim in group}) > 1:
        return f"have {type}"
    return f"{method}, and {type}" if len({c.type for c in group}) == 1 else method


def _shared_names(group: Sequence[Claim]) -> str:
    return _listed([claim.message.proto_name for claim in group])


def _listed(items: Sequence[str]) -> str:
    return f"{', '.join(items[:-1])} and {items[-1]}"


def _at(claim: Claim, group: Sequence[Claim]) -> Path:
    same_method = len({c.method for c in group}) == 1
    return claim.name_at if same_method else claim.type_at


def _where(claim: Claim, group: Sequence[Claim], schema: Schema) -> str:
    return schema.where(claim.message.file, _at(claim, group))


def _ways_out(group: Sequence[Claim]) -> list[str]:
    *leaving, kept = group
    first = leaving[0].message.proto_name
    name = f"{leaving[0].name}_{_telling_part(group)}"
    return [
        (
            f"Leave out all but one, such as {kept.message.proto_name}:"
            if len(leaving) > 1
            else "Leave one out:"
        ),
        *(f"    --exclude-events '{_glob(claim, group)}'" for claim in leaving),
        "or tell them apart in the schema:",
        f"    option (raccoon.event) = {{name: {literal(name)}, type: {literal(name)}}};",
        "or in pyproject.toml:",
        f"    [tool.raccoon-codegen.overrides.{literal(first)}]",
        f"    name = {literal(name)}",
        f"    type = {literal(name)}",
    ]


def _glob(claim: Claim, group: Sequence[Claim]) -> str:
    """What excludes the claim's package; only the message where that would take a rival along."""
    package = claim.message.file.package
    rivals = [c.message.proto_name for c in group if c is not claim]
    if not package or any(rival.startswith(f"{package}.") for rival in rivals):
        return claim.message.proto_name
    return f"{package}.*"


def _telling_part(group: Sequence[Claim]) -> str:
    """What only the first one's package has: `v1` of shop.v1 beside shop.v2."""
    packages = [claim.message.file.package.split(".") for claim in group]
    start = _shared_length(packages)
    end = _shared_length([package[start:][::-1] for package in packages])
    first = packages[0]
    return "_".join(first[start : len(first) - end]).lower() or "other"


def _shared_length(parts: Sequence[Sequence[str]]) -> int:
    """How many items all of them begin with."""
    columns = zip(*parts, strict=False)
    return next((i for i, c in enumerate(columns) if len(set(c)) > 1), min(map(len, parts)))


_VERSION = re.compile(r"v(\d+)(?:p(\d+))?(alpha|beta)?(\d*)(?:$|\.)")


def _age(claim: Claim) -> tuple[bool, list[int], str]:
    """Sorts old before new, and what is no release before what is."""
    package = claim.message.file.package
    numbers: list[int] = []
    released = True
    for major, minor, stage, step in _VERSION.findall(package):
        numbers += [
            int(major),
            int(minor or 0),
            "alpha beta".find(stage) if stage else 9,
        ]
        numbers.append(int(step or 0))
        released = released and not stage
    return released, numbers, claim.message.proto_name
