"""Where the schemas are: the files to generate from, and the roots below which imports lie."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .errors import Problem, SchemaError, UsageError
from .inputs import Inputs


@dataclass(frozen=True)
class Sources:
    """The schema files and the import roots, found without reading a schema."""

    files: tuple[str, ...]
    """Their names as an `import` would give them, sorted."""
    roots: tuple[str, ...]
    """Absolute, in the order in which imports are looked for; the bundled ones first."""

    def locate(self, name: str) -> str | None:
        """The absolute path of what `import "name"` reads."""
        paths = (os.path.join(root, name) for root in self.roots)
        return next((path for path in paths if os.path.isfile(path)), None)

    def read(self, name: str) -> bytes:
        """The file's content; nothing when there is no such file."""
        path = name if os.path.isabs(name) else self.locate(name)
        return Path(path).read_bytes() if path else b""

    def shown(self, name: str) -> str:
        """The path by which a message speaks of the file."""
        path = self.locate(name)
        return shown(path) if path else name


def shown(path: str) -> str:
    """The path from the working directory where it lies below that, else the absolute one."""
    here = os.getcwd()
    return os.path.relpath(path, here) if _below(path, here) or path == here else path


def bundled_roots() -> tuple[str, ...]:
    """Where raccoon/options.proto and google/protobuf/*.proto are, which nobody has to ask for."""
    own = os.path.join(os.path.dirname(os.path.abspath(__file__)), "proto")
    spec = find_spec("grpc_tools")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("protoc is missing: pip install 'raccoon-codegen[codegen]'")
    return own, os.path.join(spec.submodule_search_locations[0], "_proto")


def find(inputs: Inputs) -> Sources:
    """The files and roots that `inputs` name.

    A directory is an import root, and so is every `-I`. A file belongs to the deepest root that it
    lies in, except that a `-I` above a directory of schemas names its files too. A file given alone
    that lies in no root makes one: what is left of its path without its package's directories, else
    its own directory. What lies in a `-I` below a directory of schemas is there to be imported.
    """
    given = [os.path.abspath(path) for path in inputs.schemas]
    import_roots = [os.path.abspath(path) for path in inputs.import_roots]
    for path, name in zip(given, inputs.schemas, strict=True):
        if not os.path.lexists(path):
            raise UsageError(f"{inputs.at('schemas')}{name}: no such file or directory")
    for path, name in zip(import_roots, inputs.import_roots, strict=True):
        if not os.path.isdir(path):
            raise UsageError(f"{inputs.at('import_roots') or '-I '}{name}: no such directory")

    directories = sorted({path for path in given if os.path.isdir(path)})
    lone = sorted({*given}.difference(directories))
    for path in lone:
        _check_file(Path(path))
    roots = _unnested(directories, import_roots)
    found = list(_lone_files(lone, roots, import_roots))
    lone_roots = sorted({root for root, _ in found} - {*roots, *import_roots})
    for directory in directories:
        found += _files_below(directory, roots, import_roots)

    bundled = bundled_roots()
    files = [(root, name) for root, name in found if not _is_bundled(name, bundled)]
    if not files:
        where = ", ".join(map(str, inputs.schemas)) or "the schemas"
        but = f" but {found[0][1]}, which the generator brings itself" if found else ""
        raise UsageError(f"{inputs.at('schemas')}no .proto files in {where}{but}")
    _check_names(files)
    order = dict.fromkeys([*bundled, *roots, *lone_roots, *import_roots])
    return Sources(tuple(sorted({name for _, name in files})), tuple(order))


def _below(path: str, directory: str) -> bool:
    return path.startswith(directory.rstrip(os.sep) + os.sep)


def _deepest(path: str, roots: Iterable[str]) -> str | None:
    return max((r for r in roots if _below(path, r)), key=len, default=None)


def _unnested(directories: list[str], import_roots: list[str]) -> list[str]:
    """The schema directories that are roots: the ones with no `-I` above them."""
    return [
        d for d in directories if not any(d == root or _below(d, root) for root in import_roots)
    ]


def _files_below(
    directory: str, roots: list[str], import_roots: list[str]
) -> Iterator[tuple[str, str]]:
    for path in _walk(directory):
        root = _deepest(path, import_roots)
        if root is not None and _below(root, directory):
            continue
        root = root or _deepest(path, roots)
        assert root is not None
        yield root, _name(path, root)


def _walk(directory: str, followed: tuple[str, ...] = ()) -> Iterator[str]:
    """The schemas below a directory; `followed` holds where the links to it are."""
    names: list[str] = []
    inner: list[os.DirEntry[str]] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name == "pyvenv.cfg":
                return
            if entry.is_dir():
                if not entry.name.startswith(".") and entry.name != "node_modules":
                    inner.append(entry)
            elif entry.name.endswith(".proto"):
                _check_file(entry)
                names.append(entry.path)
    yield from names
    for entry in inner:
        if not entry.is_symlink():
            yield from _walk(entry.path, followed)
        elif not _leads_back(entry.path, way := (*followed, directory)):
            yield from _walk(entry.path, way)


def _check_file(path: Path | os.DirEntry[str]) -> None:
    if not path.is_file():
        raise UsageError(f"{shown(os.fspath(path))}: is no file, or a link to none")
    if not os.access(path, os.R_OK):
        raise UsageError(f"{shown(os.fspath(path))}: cannot be read")


def _leads_back(link: str, way: tuple[str, ...]) -> bool:
    target = os.path.realpath(link)
    steps = map(os.path.realpath, way)
    return any(step == target or _below(step, target) for step in steps)


def _lone_files(
    files: list[str], roots: list[str], import_roots: list[str]
) -> Iterator[tuple[str, str]]:
    rootless: list[str] = []
    made: set[str] = set()
    for path in files:
        root = _deepest(path, import_roots) or _deepest(path, roots)
        if root is None:
            root = _root_by_package(path)
            if root is None:
                rootless.append(path)
                continue
            made.add(root)
        yield root, _name(path, root)
    for path in rootless:
        root = _deepest(path, made) or os.path.dirname(path)
        yield root, _name(path, root)


_PACKAGE = re.compile(
    r""" "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | //[^\n]* | /\*.*?\*/
       | \bpackage \s+ (?P<package>[\w.]+) \s* ; """,
    re.VERBOSE | re.DOTALL,
)


def package_of(text: str) -> str:
    """The package that a schema's text names; empty when it names none."""
    return next((m["package"] for m in _PACKAGE.finditer(text) if m["package"]), "")


def _root_by_package(path: str) -> str | None:
    """The directory above the package's own: /s for /s/shop/v1/order.proto of package shop.v1."""
    package = package_of(Path(path).read_text("utf-8", "replace"))
    directory = os.path.dirname(path)
    tail = os.sep + package.replace(".", os.sep)
    return directory[: -len(tail)] or os.sep if directory.endswith(tail) else None


def _name(path: str, root: str) -> str:
    name = os.path.relpath(path, root).replace(os.sep, "/")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{path!a}: {_why_not_text(path)}") from None
    if name.startswith(("-", "@")):
        raise UsageError(f"{shown(path)}: protoc takes no file whose name starts so")
    return name


def _why_not_text(path: str) -> str:
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        return "the path is not UTF-8"
    return f"the path is UTF-8, and this locale's encoding {sys.getfilesystemencoding()}"


def _is_bundled(name: str, bundled: tuple[str, ...]) -> bool:
    """Whether it is a copy of a file that we bring, vendored at the root or further down."""
    for start in ("google/protobuf/", "raccoon/options.proto"):
        index = name.find(start)
        if index == 0 or (index > 0 and name[index - 1] == "/"):
            tail = name[index:]
            return any(os.path.isfile(os.path.join(root, tail)) for root in bundled)
    return False


def _check_names(files: list[tuple[str, str]]) -> None:
    """Two files that an import could not tell apart."""
    seen: dict[str, str] = {}
    problems: list[Problem] = []
    for root, name in sorted(set(files), key=lambda file: file[::-1]):
        path = os.path.join(root, name)
        first = seen.setdefault(name, path)
        if first != path:
            problems.append(
                Problem(
                    shown(path),
                    0,
                    0,
                    f'"{name}" is also the import name of {shown(first)}',
                    "Give one directory above both instead of the two, or a -I above one of them.",
                )
            )
    if problems:
        raise SchemaError(problems)
