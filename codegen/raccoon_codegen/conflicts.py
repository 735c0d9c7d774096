"""Events that would share a method or a type, told with both places and the ways out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from . import names
from .comments import Path
from .errors import Problem
from .names import literal
from .schema import Schema, Type

_LISTED = 10
_NO_WORD = re.compile(r"\W+")


@dataclass(frozen=True, eq=False)
class Claim:
    """What an event takes for itself, and where it says so."""

    message: Type
    default: str
    """Its name and its type when nothing says otherwise."""
    name: str
    type: str
    method: str
    name_at: Path
    type_at: Path
    outside: str
    """`file:line:col` of settings that go before the schema's; empty when there are none."""


_Group = tuple[Claim, ...]
_SETTINGS = ("name", "type")


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
    by_packages: defaultdict[tuple[str, ...], list[_Group]] = defaultdict(list)
    for group in sorted(rivals, key=lambda g: [c.message.proto_name for c in g]):
        packages = tuple(dict.fromkeys(claim.message.file.package for claim in group))
        if len(packages) == len(group):
            by_packages[packages].append(group)
        else:
            _report([group], ordered, schema)
    for groups in by_packages.values():
        _report(groups, ordered, schema)


def _report(groups: Sequence[_Group], claims: Iterable[Claim], schema: Schema) -> None:
    group = groups[0]
    odd = _odd_one(group)
    message = f"{_listed([c.message.proto_name for c in group])} {_shared(group)}"
    lines = [f"{c.message.proto_name} is at {_where(c, group, schema)}" for c in group]
    if len(groups) > 1:
        more = "1 more clashes" if len(groups) == 2 else f"{len(groups) - 1} more clash"
        message += f"; {more} likewise"
        others = [_shared_names(g) for g in groups[1:]]
        lines += [f"also: {text}" for text in others[:_LISTED]]
        if len(others) > _LISTED:
            lines.append(f"and {len(others) - _LISTED} more")
    hint = "\n".join([*lines, *_ways_out(group, odd, claims)])
    blamed = odd or group[-1]
    if blamed.outside:
        schema.problems.append(Problem(blamed.outside, 0, 0, message, hint))
    else:
        schema.report(blamed.message.file, _at(blamed, group), message, hint)


def _odd_one(group: _Group) -> Claim | None:
    """The one that brings the clash about by what it says, where others say nothing of it."""
    for settings in (_in_common(group), _SETTINGS):
        said = [c for c in group if any(getattr(c, key) != c.default for key in settings)]
        if 0 < len(said) < len(group):
            return said[-1]
    return None


def _in_common(group: _Group) -> list[str]:
    """Which settings are the same in all of them."""
    return [key for key in _SETTINGS if len({getattr(claim, key) for claim in group}) == 1]


def _shared(group: _Group) -> str:
    first, shared = group[0], _in_common(group)
    said = {"name": f"one method, {first.method}", "type": f"one type, {literal(first.type)}"}
    return f"have {', and '.join(said[key] for key in shared)}"


def _shared_names(group: _Group) -> str:
    return _listed([claim.message.proto_name for claim in group])


def _listed(items: Sequence[str]) -> str:
    return f"{', '.join(items[:-1])} and {items[-1]}"


def _at(claim: Claim, group: _Group) -> Path:
    return claim.name_at if "name" in _in_common(group) else claim.type_at


def _where(claim: Claim, group: _Group, schema: Schema) -> str:
    return schema.where(claim.message.file, _at(claim, group))


def _ways_out(group: _Group, odd: Claim | None, claims: Iterable[Claim]) -> Iterator[str]:
    shared = _in_common(group)
    changed = odd or next((c for c in group if _telling_part(c, group)), group[0])
    full = changed.message.proto_name
    word = _free_word(changed, group, claims)
    if shared == [*_SETTINGS]:
        *leaving, kept = group
        all_but_one = f"Leave out all but one, such as {kept.message.proto_name}:"
        yield all_but_one if len(leaving) > 1 else "Leave one out:"
        yield from (f"    --exclude-events '{_glob(claim, group)}'" for claim in leaving)
        begin = f"or tell them apart at {full},"
    else:
        begin = f"Give {full} another {shared[0]},"
    if not changed.outside:
        yield f"{begin} in the schema:"
        yield f"    option (raccoon.event) = {{{_options(changed, shared, word)}}};"
        begin = "or"
    yield f"{begin} in pyproject.toml:"
    yield f"    [tool.raccoon-codegen.overrides.{literal(full)}]"
    yield from (f"    {key} = {literal(word)}" for key in shared)


def _options(claim: Claim, changed: Iterable[str], word: str) -> str:
    """All that the claim's option is to say; of one message there can be no second option."""
    said = {key: getattr(claim, key) for key in _SETTINGS}
    said = {key: value for key, value in said.items() if value != claim.default}
    said |= dict.fromkeys(changed, word)
    return ", ".join(f"{key}: {literal(said[key])}" for key in _SETTINGS if key in said)


def _free_word(claim: Claim, group: _Group, claims: Iterable[Claim]) -> str:
    """What the claim can have in place of what it shares with the others."""
    shared = _in_common(group)
    value = getattr(claim, shared[0])
    words = [claim.default, *(_NO_WORD.sub("_", getattr(claim, key)) for key in _SETTINGS)]
    words.append(f"{value}_{_telling_part(claim, group) or 'other'}")
    taken = {getattr(c, key) for c in claims for key in shared}
    return next((word for word in words if word not in taken), names.free(words[-1], taken))


def _glob(claim: Claim, group: _Group) -> str:
    """What excludes the claim's package; only the message where that would take a rival along."""
    package = claim.message.file.package
    rivals = [c.message.proto_name for c in group if c is not claim]
    if not package or any(rival.startswith(f"{package}.") for rival in rivals):
        return claim.message.proto_name
    return f"{package}.*"


def _telling_part(claim: Claim, group: _Group) -> str:
    """What only its package has: `v1` of shop.v1 beside shop.v2."""
    packages = [other.message.file.package.split(".") for other in group]
    start = _shared_length(packages)
    end = _shared_length([package[start:][::-1] for package in packages])
    own = claim.message.file.package.split(".")
    return "_".join(own[start : len(own) - end]).lower()


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
