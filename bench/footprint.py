"""What messages cost besides time: lines to read, time to import, memory to keep.

The same schema three times: ours, google's (upb) and betterproto2's. Each import is timed in a
process of its own that has loaded the library before, and fetches every class. What an event
retains is what a process of its own grows by (Linux only): upb's arenas are no memory of Python's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SCHEMA = """\
syntax = "proto3";

package many.v1;

import "google/protobuf/timestamp.proto";

"""
MESSAGE = """\
// An item was looked at.
message Item{n}Viewed {{
  string event_guid = 1;
  google.protobuf.Timestamp sent_time = 2;
  string user_id = 3;
  int64 price = 4;
  repeated string categories = 5;
  map<string, string> experiments = 6;
}}
"""
IMPORT = """\
import sys, time
sys.path.insert(0, sys.argv[1])
import {library}
names = ["Item%dViewed" % n for n in range(int(sys.argv[2]))]
started = time.thread_time()
import {package} as package
for name in names:
    getattr(package, name)
print(time.thread_time() - started)
"""

KEEP = """\
import gc, pickle, sys
from pathlib import Path
from resource import getpagesize
sys.path.insert(0, sys.argv[1])
from codec_events import MESSAGES
import {module} as package
name, values = MESSAGES[sys.argv[2]]
make, item = getattr(package, name), {item}
given = pickle.dumps(values())
def fresh():
    values = pickle.loads(given)
    if item and "items" in values:
        values["items"] = [item(**each) for each in values["items"]]
    return make(**values)
def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()
held = [fresh() for _ in range({count})]
before = resident()
held += [fresh() for _ in range({count})]
print((resident() - before) / {count} - 8)
"""
KEPT = 10_000


@dataclass(frozen=True)
class Peer:
    """One library, and how its package is made and called, in a folder of its own."""

    library: str
    package: str
    command: tuple[str, ...]


_PROTOC = (sys.executable, "-m", "grpc_tools.protoc", "-I.", "many.proto")
PEERS = {
    "ours": Peer(
        "raccoon_runtime.message",
        "ours.many.v1",
        (sys.executable, "-m", "raccoon_codegen", "many.proto", "--quiet", "-o", "ours"),
    ),
    "upb": Peer(
        "google.protobuf.internal.builder, google.protobuf.timestamp_pb2",
        "upb.many_pb2",
        (*_PROTOC, "--python_out=upb"),
    ),
    "betterproto2": Peer(
        "betterproto2",
        "betterproto2_.many.v1",
        (*_PROTOC, "--python_betterproto2_out=betterproto2_"),
    ),
}


@dataclass(frozen=True)
class Cost:
    """Of one library with one number of messages."""

    lines: int
    seconds: float


def costs(folder: Path, messages: int, rounds: int) -> dict[str, Cost]:
    """Generate, count and import, all three in turns."""
    folder.mkdir()
    text = SCHEMA + "".join(MESSAGE.format(n=n) for n in range(messages))
    (folder / "many.proto").write_text(text)
    scripts = sysconfig.get_path("scripts")
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    roots: dict[str, Path] = {}
    for name, peer in PEERS.items():
        roots[name] = folder / peer.package.partition(".")[0]
        if name != "ours":
            roots[name].mkdir()
        command = peer.command
        # One of them names each file that it writes.
        subprocess.run(command, cwd=folder, env=environment, check=True, stderr=subprocess.PIPE)
    taken: dict[str, list[float]] = {name: [] for name in PEERS}
    for _ in range(rounds):
        for name, peer in PEERS.items():
            taken[name].append(_import(peer, folder, messages))
    return {name: Cost(_lines(roots[name]), median(times)) for name, times in taken.items()}


def _import(peer: Peer, folder: Path, messages: int) -> float:
    code = IMPORT.format(library=peer.library, package=peer.package)
    command = [sys.executable, "-c", code, str(folder), str(messages)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def _lines(root: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in root.rglob("*.py"))


SIDES = {
    "ours": ("bench_events.bench.v1", "package.OrderEvent.Item"),
    "upb": ("codec_pb2", "None"),
    "betterproto2": ("betterproto2_events.bench.v1", "package.OrderEventItem"),
}
"""Their modules of codec_events, and the class of a nested item where a dict will not do."""


def kept(folder: Path, kind: str) -> dict[str, float]:
    """The bytes that an event of this kind retains, with values that are its own, for each side."""
    return {side: _kept(folder, kind, *told) for side, told in SIDES.items()}


def _kept(folder: Path, kind: str, module: str, item: str) -> float:
    code = KEEP.format(module=module, item=item, count=KEPT)
    command = [sys.executable, "-c", code, str(folder), kind]
    here = Path(__file__).parent
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=here)
    return float(done.stdout)
