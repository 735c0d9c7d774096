"""The command line."""

from __future__ import annotations

import gc
import io
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from . import export
from .config import Settings, of_project, shown
from .errors import RaccoonCodegenError, SchemaError, UsageError
from .report import Report
from .run import compare

_EPILOG = """\
\b
Settings may stand in pyproject.toml, so that plain `raccoon-codegen` does:

\b
    [tool.raccoon-codegen]
    schemas = ["schemas"]
    out = "generated"

\b
Exit codes: 0 done, 1 --check found a difference or --fail-on-change made one,
2 a schema, an option or the output directory is wrong.
"""


class _Path(click.Path):
    """An empty path would be the working directory; who gives one has a variable that is unset."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(value, param, ctx) if value else self.fail("the path is empty")


_PATH = _Path(path_type=Path)


@click.command(
    name="raccoon-codegen",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
)
@click.argument("schemas", nargs=-1, type=_PATH)
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    type=_PATH,
    help="The directory that becomes the package. What was not generated is left alone.",
)
@click.option(
    "-I",
    "--import-root",
    "import_roots",
    metavar="DIR",
    multiple=True,
    type=_PATH,
    help="Where else imports are looked for; what is only imported is no event. Repeatable.",
)
@click.option(
    "--events",
    metavar="GLOB",
    multiple=True,
    help="Messages that are events too, by full name: 'acme.audit.*'. Repeatable.",
)
@click.option(
    "--exclude-events",
    metavar="GLOB",
    multiple=True,
    help="Messages that are no events; '*' gives dataclasses only. Repeatable.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; show what differs, and exit 1 if anything does.",
)
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@click.option(
    "--fail-on-change",
    is_flag=True,
    help="Exit 1 when anything was written; for pre-commit.",
)
@click.option(
    "--export-options",
    metavar="DIR",
    type=_PATH,
    help="Write raccoon/options.proto below DIR, for buf and other languages' builds, and stop.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Name every file that is written or removed.")
@click.version_option(package_name="raccoon-codegen", message="%(prog)s %(version)s")
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    """Make a typed Python package of the events in .proto files.

    SCHEMAS are .proto files, or directories that are searched for them. A message
    whose name ends in Event becomes a method of the generated clients:

    \b
        $ raccoon-codegen schemas/ -o generated/
        $ python
        >>> from generated import EventClient
        >>> client = EventClient.connect("ws://localhost:8080/api/v1/events")
        >>> client.send_page_event(event_name="clicked")
    """
    try:
        context.exit(_run(**options))
    except RaccoonCodegenError as error:
        prefix = "" if isinstance(error, SchemaError) else "Error: "
        click.echo(f"{prefix}{error}", err=True)
        context.exit(error.exit_code)
    except KeyboardInterrupt:
        context.exit(130)


def _run(
    *,
    check: bool,
    diff: bool,
    fail_on_change: bool,
    export_options: Path | None,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> int:
    for one, other, both in (
        ("--quiet", "--verbose", quiet and verbose),
        ("--fail-on-change", "--check", fail_on_change and check),
        ("--fail-on-change", "--diff", fail_on_change and diff),
    ):
        if both:
            raise click.UsageError(f"{one} and {other} exclude each other.")
    if export_options is not None:
        export.options(export_options)
        return 0

    started = time.perf_counter()
    # An option that was not given is an empty tuple, or None.
    said: dict[str, Any] = {name: value or None for name, value in given.items()}
    config = Settings(**said).over(of_project(_here())).config()
    report = Report(shown(config.out), quiet=quiet, verbose=verbose)
    with report.progress() as progress:
        outcome = compare(config, progress)
        if not (check or diff):
            outcome.apply()
    if check or diff:
        report.differences(outcome, show=diff or not quiet, failing=check)
        return 1 if check and outcome.changes else 0
    report.done(outcome, time.perf_counter() - started, failing=fail_on_change)
    return 1 if fail_on_change and outcome.changes else 0


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError("the working directory is not there any more") from None


def main() -> None:
    """Run the command; the process ends with its exit code."""
    # A short run makes little garbage, and thousands of files are long to search for it.
    gc.disable()
    for stream in (sys.stdout, sys.stderr):
        # What a schema or a path may hold is more than every terminal can show.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Who has the signal ignored, as under some supervisors, keeps it so.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        command(prog_name=command.name)
    except _Terminated:
        signal.raise_signal(signal.SIGTERM)


class _Terminated(BaseException):
    """SIGTERM: what is staged goes away on its way out."""


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
    raise _Terminated
