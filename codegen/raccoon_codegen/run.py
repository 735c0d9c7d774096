"""One run: what should be there, what is, and the difference; short where the last one holds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import cache, output, sources
from .cache import Made, Read, Record, digest
from .config import Config
from .errors import UsageError
from .output import Change
from .sources import Sources
from .write import write

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    from .model import Package
    from .schema import File

# So much may a file system's clock be behind ours.
TICK = 20_000_000


def generate(config: Config) -> dict[str, str]:
    """Every file of the package by its path below the output directory; nothing is written."""
    from .build import build
    from .render import render

    return render(build(config.inputs))


@dataclass(frozen=True)
class Outcome:
    """How the output directory differs from what should be in it."""

    config: Config
    changes: tuple[Change, ...]
    files: int
    """How many there should be."""
    _root: str
    _record: Record | None

    def apply(self) -> None:
        """Make the directory what it should be."""
        if self.changes:
            write(self._root, self.changes)
        if self._record is not None:
            cache.store(self.config, self._record)


def compare(config: Config, progress: Callable[[str], None]) -> Outcome:
    """Find out what has to change; nothing is written. `progress` is told what is going on.

    Raises `UsageError`, `SchemaError` or `OutputError`.
    """
    run = _Run(config, progress)
    return run.unchanged() or run.changed()


class _Run:
    def __init__(self, config: Config, progress: Callable[[str], None]) -> None:
        self._started = time.time_ns()
        self._config = config
        self._progress = progress
        self._last = cache.load(config)
        self._made_last: Mapping[str, Made] = {}
        if self._last and self._last.seen.tool == cache.tool():
            self._made_last = self._last.made
        self._sources = _find(config)
        self._tree = output.scan(str(config.out))
        self._there = {path: digest(content) for path, content in self._tree.ours.items()}
        # Before protoc reads them: what changes in between is a change to the next run.
        known = self._last.seen.read if self._last else ()
        self._read = cache.read(self._sources, {*self._sources.files, *known})

    def unchanged(self) -> Outcome | None:
        """The outcome when everything is as the last run left it."""
        last = self._last
        if last is None or {p: made.content for p, made in last.made.items()} != self._there:
            return None
        read = {name: self._read[name] for name in last.seen.read if name in self._read}
        if last.seen != cache.seen(self._config, self._sources, read):
            return None
        return Outcome(self._config, (), len(last.made), self._tree.root, None)

    def changed(self) -> Outcome:
        from . import build, protoc

        count = len(self._sources.files)
        self._progress(f"reading {count:,} schema{'' if count == 1 else 's'}")
        descriptors = protoc.compile(self._sources)
        loaded = build.Loaded(self._sources, descriptors)
        package = build.link(loaded, self._config.inputs, self._same(descriptors))
        self._progress("rendering")
        target, pieces = self._target(package)
        changes = output.compare(self._tree, target)
        read = self._all_read([file.name for file in descriptors.file])
        record = None
        if read is not None:
            seen = cache.seen(self._config, self._sources, read)
            record = Record(seen, self._made(pieces, changes))
        return Outcome(self._config, changes, len(target), self._tree.root, record)

    def _same(self, descriptors: FileDescriptorSet) -> Callable[[File], bool]:
        """Tells of a schema file whether its module is known to be what it should be.

        It is when neither the file nor anything that it imports, directly or not, is another than
        in the last run. What a file that was not given contributes depends on others too.
        """
        seen = self._last.seen if self._last else None
        if seen is None or seen != cache.seen(self._config, self._sources, seen.read):
            return lambda _: False
        others: set[str] = set()
        for file in descriptors.file:
            mine = self._read.get(file.name)
            if mine is None or mine != seen.read.get(file.name) or others & {*file.dependency}:
                others.add(file.name)
        return lambda f: f.generated and f.proto.name not in others and self._stands(f.path)

    def _stands(self, path: str) -> bool:
        """Whether the last run made a file at `path`, and it is still as it was."""
        made = self._made_last.get(path)
        return made is not None and made.content == self._there.get(path)

    def _target(self, package: Package) -> tuple[dict[str, str | None], dict[str, str]]:
        """What should be there, None for what is; and the digest of what each file is made from."""
        from .render import files, render_file

        made = self._made_last
        pieces = {path: made[path].piece for path in package.kept}
        target: dict[str, str | None] = dict.fromkeys(package.kept)
        for path, piece in files(package):
            pieces[path] = digest(repr(piece).encode())
            stands = self._stands(path) and made[path].piece == pieces[path]
            target[path] = None if stands else render_file(path, piece)
        return target, pieces

    def _made(self, pieces: Mapping[str, str], changes: Iterable[Change]) -> dict[str, Made]:
        contents = {c.path: digest(c.new) for c in changes if c.new is not None}
        return {
            path: Made(piece, contents.get(path) or self._there[path])
            for path, piece in pieces.items()
        }

    def _all_read(self, names: Iterable[str]) -> Read | None:
        """What protoc read; None where a file that it found by itself may have changed since."""
        missing = [name for name in names if name not in self._read]
        late = cache.read(self._sources, missing)
        for path, _ in late.values():
            if os.stat(path).st_ctime_ns > self._started - TICK:
                return None
        read = {**self._read, **late}
        return {name: read[name] for name in names} if read.keys() >= set(names) else None


def _find(config: Config) -> Sources:
    try:
        return sources.find(config.inputs)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
