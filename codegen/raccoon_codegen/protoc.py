"""protoc, run in this process: from schema files to descriptors, or to problems at their places."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import IO

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from . import complaints, options
from .errors import SchemaError
from .sources import Sources

# The package has no types.
_main: Callable[[list[str]], int] = import_module("grpc_tools.protoc").main
# What protoc writes to is the process's own, so one run at a time.
_running = threading.Lock()


def compile(sources: Sources) -> FileDescriptorSet:
    """The descriptors of the files and of all that they import, what is imported first.

    Comments and places are in them, and our options are read as extensions. Raises `SchemaError`.
    """
    with tempfile.TemporaryDirectory(prefix="raccoon-codegen-") as scratch:
        out = os.path.join(scratch, "schemas.pb")
        roots = {root: _plain(root, scratch) for root in sources.roots}
        arguments = ["--include_imports", "--include_source_info", f"-o{out}"]
        arguments += [f"-I={path}" for path in roots.values()]
        code, said = _run([*arguments, *sources.files])
        if code:
            for root, path in roots.items():
                said = said.replace(path, root)
            raise SchemaError(complaints.problems(said, sources))
        with open(out, "rb") as file:
            return options.parse(file.read())


def _plain(root: str, scratch: str) -> str:
    """A path of the root that protoc does not take for a list of paths."""
    if os.pathsep not in root:
        return root
    link = os.path.join(tempfile.mkdtemp(dir=scratch), "root")
    os.symlink(root, link)
    return link


def _run(arguments: Sequence[str]) -> tuple[int, str]:
    with _running, tempfile.TemporaryFile() as file:
        with _stderr_to(file):
            code = _main(["protoc", *arguments])
        file.seek(0)
        return code, file.read().decode("utf-8", "replace")


@contextmanager
def _stderr_to(file: IO[bytes]) -> Generator[None, None, None]:
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # a service may have closed it
        saved = None
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        if saved is None:
            os.close(2)
        else:
            os.dup2(saved, 2)
            os.close(saved)
