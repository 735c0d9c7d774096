"""Settings: what the command line says, and where it is silent `[tool.raccoon-codegen]` does."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from .errors import UsageError
from .inputs import Inputs, Override
from .toml_keys import places

TABLE = "tool.raccoon-codegen"
_EXAMPLE = "raccoon-codegen schemas/ -o generated/"


@dataclass(frozen=True, kw_only=True)
class Config:
    """One generation: from what, and to where."""

    inputs: Inputs
    out: Path
    """The directory that becomes the package. It need not exist."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings from one place; None where it is silent. Paths start at the working directory."""

    schemas: tuple[Path, ...] | None = None
    out: Path | None = None
    import_roots: tuple[Path, ...] | None = None
    events: tuple[str, ...] | None = None
    exclude_events: tuple[str, ...] | None = None
    overrides: Mapping[str, Override] | None = None
    places: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where in a file they stand, by the names above."""

    def over(self, other: Settings) -> Settings:
        """These settings, and the other's where these are silent."""
        silent = [f.name for f in fields(self) if getattr(self, f.name) is None]
        places = {name: other.places[name] for name in silent if name in other.places}
        theirs = {name: getattr(other, name) for name in silent}
        return replace(self, **theirs, places={**self.places, **places})

    def config(self) -> Config:
        """What to do; UsageError when it does not say from what or to where."""
        if not self.schemas and (place := self.places.get("schemas")):
            raise UsageError(
                f"{place}: schemas is an empty list; name a directory of .proto files, "
                f'such as schemas = ["{_EXAMPLES["schemas"]}"]'
            )
        if not self.schemas:
            raise UsageError(
                "no schemas were given: name a directory of .proto files, as in "
                f"`{_EXAMPLE}`, or set schemas in [{TABLE}] of pyproject.toml"
            )
        if self.out is None:
            raise UsageError(
                f"no output directory was given: name one, as in `{_EXAMPLE}`, "
                f"or set out in [{TABLE}] of pyproject.toml"
            )
        inputs = Inputs(
            schemas=self.schemas,
            import_roots=self.import_roots or (),
            events=self.events or (),
            exclude_events=self.exclude_events or (),
            overrides=self.overrides or {},
            places=self.places,
        )
        return Config(inputs=inputs, out=self.out)


def of_project(directory: Path) -> Settings:
    """The settings of the nearest pyproject.toml, `directory` upwards, with a table of ours."""
    for above in (directory, *directory.parents):
        path = above / "pyproject.toml"
        if path.is_file():
            # Most pyproject.toml files are others'; a parser is slow to find that out.
            text = _read(path)
            table = _table(path, text) if TABLE.rpartition(".")[2] in text else None
            if table is not None:
                return _Reader(path, text).settings(table)
    return Settings()


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{shown(path)}: cannot be read: {error}") from error


def _table(path: Path, text: str) -> object:
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        found: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error))
        place = f":{at[2]}:{at[3]}: {at[1]}" if at else f": {error}"
        raise UsageError(f"{shown(path)}{place}") from error
    for name in TABLE.split("."):
        found = cast(dict[str, Any], found).get(name) if isinstance(found, dict) else None
    return found


def shown(path: Path) -> str:
    """The path as its user would write it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative


_STRINGS = ("schemas", "import-roots", "events", "exclude-events")
KEYS = (*_STRINGS, "out", "overrides")


class _Reader:
    """Reads the table of one file, and says where in it something is wrong."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._places = places(text)

    def settings(self, table: object) -> Settings:
        if not isinstance(table, dict):
            raise self._error((), "raccoon-codegen is a table, with settings in it")
        said = cast(dict[str, Any], table)
        self._check_keys((), said, KEYS, f"[{TABLE}]")
        strings = {key: self._strings(key, said[key]) for key in _STRINGS if key in said}
        out = said.get("out")
        if out is not None and not (isinstance(out, str) and out):
            raise self._error(("out",), "out is a directory, as text")
        overrides = said.get("overrides")
        return Settings(
            schemas=self._paths("schemas", strings),
            out=None if out is None else self._below("out", out),
            import_roots=self._paths("import-roots", strings),
            events=strings.get("events"),
            exclude_events=strings.get("exclude-events"),
            overrides=None if overrides is None else self._overrides(overrides),
            places={key.replace("-", "_"): self._where(key) for key in said},
        )

    def _strings(self, key: str, value: Any) -> tuple[str, ...]:
        if key == "events" and isinstance(value, dict):
            table = f'[{TABLE}.overrides."…"]'
            raise self._error(
                (key,),
                f"events is a list of globs; what concerns one event goes into {table}",
            )
        if isinstance(value, list):
            items = cast(list[object], value)
            if all(isinstance(item, str) and item for item in items):
                return tuple(cast(list[str], items))
        raise self._error((key,), f'{key} is a list of texts, such as {key} = ["{_EXAMPLES[key]}"]')

    def _paths(self, key: str, strings: Mapping[str, Iterable[str]]) -> tuple[Path, ...] | None:
        return tuple(self._below(key, name) for name in strings[key]) if key in strings else None

    def _below(self, key: str, name: str) -> Path:
        if "\0" in name:
            raise self._error((key,), f"{key} has a path with a NUL in it")
        return Path(shown(self._path.parent / name))

    def _overrides(self, value: Any) -> dict[str, Override]:
        if not isinstance(value, dict):
            raise self._error(
                ("overrides",),
                f'overrides is made of tables: [{TABLE}.overrides."shop.v1.PageEvent"]',
            )
        return {
            name: self._override(name, said) for name, said in cast(dict[str, Any], value).items()
        }

    def _override(self, name: str, said: Any) -> Override:
        at = ("overrides", name)
        table = f'[{TABLE}.overrides."{name}"]'
        if not isinstance(said, dict):
            raise self._error(at, f"{table} is a table; the message's name in it needs quotes")
        settings = cast(dict[str, Any], said)
        if any(isinstance(value, dict) for value in settings.values()):
            raise self._error(at, f"the message's full name in {table} needs quotes")
        self._check_keys(at, settings, ("name", "type"), table)
        for key, value in settings.items():
            if not isinstance(value, str):
                raise self._error((*at, key), f"{key} in {table} is a text")
        where = {key: self._where(*at, key) for key in settings}
        return Override(**settings, place=self._where(*at), places=where)

    def _check_keys(
        self, at: Iterable[str], said: Iterable[str], known: Iterable[str], table: str
    ) -> None:
        for key in said:
            if key not in known:
                near = get_close_matches(key.replace("_", "-"), known, 1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                raise self._error((*at, key), f"{table} has no setting {key!r}; {hint}")

    def _error(self, at: Iterable[str], message: str) -> UsageError:
        return UsageError(f"{self._where(*at)}: {message}")

    def _where(self, *keys: str) -> str:
        """The file, and the place in it of what those keys lead to from our table on."""
        found = self._places.get((*TABLE.split("."), *keys))
        return ":".join([shown(self._path), *map(str, found or ())])


_EXAMPLES = {
    "schemas": "schemas",
    "import-roots": "third_party",
    "events": "acme.audit.v1.*",
    "exclude-events": "acme.legacy.*",
}
