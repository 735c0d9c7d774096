"""What the last run for an output directory saw and made: the next leaves out what is still right.

Contents are compared by their digests, never by their times, and a record that does not fit is no
record: the cache makes runs shorter and changes no result. It lies in the user's cache directory
and may be removed at any time.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple

from .config import Config
from .sources import Sources

_KEPT = 60 * 24 * 3600.0
"""Seconds after which the record of an output directory that nobody generates any more goes."""

# What can change the output besides our own code.
_TOOLS = re.compile(r"(black|jinja2|markupsafe|grpcio_tools|protobuf)-.*\.dist-info", re.IGNORECASE)


def digest(content: bytes) -> str:
    """A name for the content that no other content has."""
    return blake2b(content, digest_size=20).hexdigest()


Read = Mapping[str, tuple[str, str]]
"""Import name → path and content's digest of schema files."""


@dataclass(frozen=True)
class Seen:
    """All that a run's result depends on."""

    tool: str
    """This generator and what it stands on."""
    settings: str
    sources: str
    """Which files were given, and which roots."""
    read: Read
    """All that protoc read, imported files too."""


class Made(NamedTuple):
    """One file of the output."""

    piece: str
    """The digest of what it was rendered from."""
    content: str
    """The digest of what was written."""


@dataclass(frozen=True)
class Record:
    """One run that ended well."""

    seen: Seen
    made: Mapping[str, Made]
    """By the path below the output directory."""


def seen(config: Config, sources: Sources, read: Read) -> Seen:
    """What a run depends on that reads those files."""
    inputs = config.inputs
    overrides = sorted((name, o.name, o.type) for name, o in inputs.overrides.items())
    settings = repr((sorted(inputs.events), sorted(inputs.exclude_events), overrides))
    return Seen(tool(), digest(settings.encode()), digest(repr(sources).encode()), read)


def read(sources: Sources, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """What the files of those import names hold now; those that cannot be read are left out."""
    found: dict[str, tuple[str, str]] = {}
    for name in names:
        path = sources.locate(name)
        if path is not None:
            with suppress(OSError):
                found[name] = (path, digest(_contents(path)))
    return found


def load(config: Config) -> Record | None:
    """The record of the last run for this output directory, if there is one."""
    path = _path(config)
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            checksum, _, body = file.read().partition(b"\n")
        return _parse(json.loads(body)) if checksum.decode() == digest(body) else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def store(config: Config, record: Record) -> None:
    """Keep the record; where that cannot be, nothing happens."""
    path = _path(config)
    if path is None:
        return
    data = {"seen": vars(record.seen), "made": record.made}
    body = json.dumps(data, separators=(",", ":")).encode()
    directory = os.path.dirname(path)
    with suppress(OSError):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        _sweep(directory)
        # Another run may write, or read, at the same time.
        handle, temporary = tempfile.mkstemp(dir=directory)
        try:
            with open(handle, "wb") as file:
                file.write(digest(body).encode() + b"\n" + body)
            os.replace(temporary, path)
        except BaseException:
            os.remove(temporary)
            raise


def _parse(data: Any) -> Record:
    said = data["seen"]
    read = {name: (path, content) for name, (path, content) in said["read"].items()}
    seen = Seen(said["tool"], said["settings"], said["sources"], read)
    return Record(seen, {path: Made(*made) for path, made in data["made"].items()})


def _path(config: Config) -> str | None:
    directory = _directory()
    if directory is None:
        return None
    out = os.path.realpath(config.out)
    return os.path.join(directory, f"{digest(os.fsencode(out))}.json")


def _directory() -> str | None:
    """The platform's directory for caches; None when there is no home to have one in."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        if sys.platform == "win32":
            base = os.environ.get("LOCALAPPDATA", "")
        else:
            caches = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
            base = os.path.expanduser(caches)
    return os.path.join(base, "raccoon-codegen") if os.path.isabs(base) else None


def _sweep(directory: str) -> None:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_file() and time.time() - entry.stat().st_mtime > _KEPT:
                os.remove(entry.path)


@cache
def tool() -> str:
    """A digest of our own code, the interpreter, and the versions of what we stand on."""
    parts = [sys.version.encode()]
    parts += [_contents(path) for path in _own_files()]
    parts += [name.encode() for name in _installed()]
    return digest(b"\0".join(parts))


def _own_files() -> list[str]:
    here = os.path.dirname(os.path.abspath(__file__))
    above = os.path.dirname(os.path.dirname(here))
    directories = [
        here,
        os.path.join(here, "templates"),
        os.path.join(above, "templates"),
    ]
    directories.append(os.path.join(here, "proto", "raccoon"))
    names = [
        os.path.join(d, name) for d in directories if os.path.isdir(d) for name in os.listdir(d)
    ]
    return sorted(name for name in names if name.endswith((".py", ".j2", ".proto")))


def _contents(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _installed() -> list[str]:
    """Names of installed distributions, with their versions; importlib.metadata is slow to tell."""
    found: set[str] = set()
    for directory in sys.path:
        with suppress(OSError):
            found.update(filter(_TOOLS.fullmatch, os.listdir(directory or os.curdir)))
    return sorted(found)
