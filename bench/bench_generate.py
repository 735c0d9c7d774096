"""The generator beside betterproto2_compiler, on 1,000 schema files of two messages each.

Both run in turns in fresh output directories, as their users call them; times are medians of wall
time. Ours makes typed clients too. The ratios count, not the times: `make bench-generate`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

SCHEMA = """\
syntax = "proto3";

package bench.p{package}.v1;

import "google/protobuf/timestamp.proto";

// What is for sale.
message Item{number} {{
  // Stock keeping unit.
  string sku = 1;
  string name = 2;
  // In the currency's smallest unit.
  int64 price = 3;
  repeated string categories = 4;
}}

// An item was looked at.
message Item{number}ViewedEvent {{
  // Identifies the event: consumers drop duplicates by it.
  string event_guid = 1;
  google.protobuf.Timestamp sent_time = 2;
  string user_id = 3;
  Item{number} item = 4;
  // Variants of running experiments, by the experiment's name.
  map<string, string> experiments = 5;
  // The page before, where there was one.
  optional string referrer = 6;
}}
"""

SCRIPTS = Path(sysconfig.get_path("scripts"))


class Bench:
    """One corpus, and what is made of it, in a directory that goes away."""

    def __init__(self, root: Path, files: int, per_package: int) -> None:
        self.root = root
        self.names: list[str] = []
        for number in range(files):
            package = number // per_package
            name = f"bench/p{package}/v1/item{number}.proto"
            path = root / "schemas" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(SCHEMA.format(package=package, number=number), "utf-8")
            self.names.append(name)
        # As where bytecode is kept; docs/recipes.md tells what it costs where it is not.
        self.environment = {
            **{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
            "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(root / "cache"),
        }

    def run(self, *command: str | Path, cwd: Path | None = None) -> float:
        """How long the command takes."""
        started = time.perf_counter()
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd or self.root,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            sys.exit(f"{command[0]}: {done.stderr}")
        return seconds

    def ours(self) -> float:
        return self.run(SCRIPTS / "raccoon-codegen", "schemas", "-o", "generated")

    def ours_cold(self) -> float:
        for name in ("generated", "cache"):
            shutil.rmtree(self.root / name, ignore_errors=True)
        return self.ours()

    def ours_after_one_change(self) -> float:
        with open(self.root / "schemas" / self.names[7], "a", encoding="utf-8") as schema:
            schema.write(f"message Added{time.time_ns()} {{}}\n")
        return self.ours()

    def theirs(self) -> float:
        out = self.root / "theirs"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I."]
        return self.run(
            *protoc,
            f"--python_betterproto2_out={out}",
            *self.names,
            cwd=self.root / "schemas",
        )

    def lines(self, name: str) -> int:
        return sum(path.read_bytes().count(b"\n") for path in (self.root / name).rglob("*.py"))

    def importing(self, code: str) -> float:
        return self.run(sys.executable, "-c", code)


def alternating(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """The medians of measures that take turns."""
    taken: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for measure, times in zip(measures, taken, strict=True):
            times.append(measure())
    return [median(times) for times in taken]


def row(what: str, *columns: str) -> None:
    print(f"  {what:44}" + "".join(f"{column:>12}" for column in columns))


def seconds(value: float) -> str:
    return f"{value:.3f} s"


def compare(bench: Bench, rounds: int) -> None:
    ours, theirs = alternating(rounds, bench.ours_cold, bench.theirs)
    row("", "ours", "theirs", "ratio", "goal")
    row("cold", seconds(ours), seconds(theirs), f"{ours / theirs:.3f}", "≤ 0.200")
    mine, others = bench.lines("generated"), bench.lines("theirs")
    row("lines", f"{mine:,}", f"{others:,}", f"{mine / others:.3f}", "≤ 1.000")
    (unchanged,) = alternating(2 * rounds, bench.ours)
    row("nothing changed", seconds(unchanged), "", "", "≤ 0.300 s")
    (changed,) = alternating(2 * rounds, bench.ours_after_one_change)
    row("one file changed", seconds(changed), "", "", "≤ 0.600 s")


def imports(bench: Bench, rounds: int) -> None:
    client = "from generated import AsyncEventClient"
    runtime = "import raccoon_runtime.client, raccoon_runtime.sync"
    for code in (client, runtime):
        bench.importing(code)
    all_types, alone = alternating(
        5 * rounds, *(lambda c=code: bench.importing(c) for code in (client, runtime))
    )
    row("", "generated", "runtime", "ratio", "goal")
    row(
        client,
        seconds(all_types),
        seconds(alone),
        f"{all_types / alone:.3f}",
        "≤ 1.250",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    for per_package in (10, 1):
        with tempfile.TemporaryDirectory(prefix="raccoon-bench-") as directory:
            bench = Bench(Path(directory), options.files, per_package)
            print(f"{options.files:,} files of two messages, {per_package} in a package")
            compare(bench, options.rounds)
            imports(bench, options.rounds)
            print()


if __name__ == "__main__":
    main()
