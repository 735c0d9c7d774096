"""The codec beside google's (upb, json_format): each row is the median of paired ratios of one run.

What a figure means is in docs/codecs.md. `--only WORDS` takes the rows that hold them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from codec_events import (
    MESSAGES,
    Event,
    events,
    make_betterproto2,
    make_packages,
    packages,
)
from footprint import costs, kept
from google.protobuf import json_format
from paired import Pair, paired
from peers import ENVELOPE
from raccoon_runtime import codec
from raccoon_runtime.envelope import frame_proto, request_proto, response_proto

Row = tuple[str, str, float, Callable[[int], Pair]]
"""What, of which event, how many times upb's speed it should have at least, and how it is timed."""

FIRST_USE = """\
import sys, time
sys.path.insert(0, sys.argv[1])
from codec_events import {values} as values
from raccoon_runtime.codec import of
import google.protobuf.internal.builder, google.protobuf.timestamp_pb2
given = values()
if sys.argv[2] == "ours":
    from bench_events.bench.v1 import {name}, OrderEvent
    started = time.thread_time()
    if "items" in given:
        given["items"] = [OrderEvent.Item(**item) for item in given["items"]]
    of({name}).encode_fields(given)
else:
    started = time.thread_time()
    import codec_pb2
    codec_pb2.{name}(**given).SerializeToString()
print(time.thread_time() - started)
"""


def rows(each: list[Event]) -> Iterator[Row]:
    """The rows of the table."""
    built = (1.8, 0.7, 0.55, 0.35)
    keywords = (2.7, 0.75, 0.55, 0.45)
    decoded = (1 / 1.5, 1 / 3, 1 / 3, 1 / 3)
    for event, goal in zip(each, built, strict=True):
        yield "values → message → bytes", event.title, goal, _bytes(event)
    for event, goal in zip(each, keywords, strict=True):
        yield "keywords of send_* → bytes", event.title, goal, _keywords(event)
    for event in each:
        yield "message → ProtoJSON", event.title, 20, _json(event)
    for event, goal in zip(each, decoded, strict=True):
        yield "bytes → all fields read", event.title, goal, _decode(event)
    for event in each:
        yield "ProtoJSON → message", event.title, 8, _from_json(event)


def _bytes(event: Event) -> Callable[[int], Pair]:
    encode = codec.of(event.ours).encode
    return lambda rounds: paired(
        lambda: encode(event.build_ours()),
        lambda: event.build_theirs().SerializeToString(),
        rounds,
    )


def _keywords(event: Event) -> Callable[[int], Pair]:
    encode = codec.of(event.ours).encode_fields
    given, build = event.values, event.build_keywords
    return lambda rounds: paired(
        lambda: encode(build(given)),
        lambda: event.build_theirs().SerializeToString(),
        rounds,
    )


def _json(event: Event) -> Callable[[int], Pair]:
    write, ours, theirs = codec.of(event.ours).json, event.build_ours(), event.build_theirs()
    return lambda rounds: paired(
        lambda: write(ours), lambda: json_format.MessageToJson(theirs), rounds
    )


def _decode(event: Event) -> Callable[[int], Pair]:
    decode, parse = codec.of(event.ours).decode, event.theirs.FromString
    data = event.build_theirs().SerializeToString()
    return lambda rounds: paired(
        lambda: decode(data), lambda: event.read_theirs(parse(data)), rounds
    )


def _from_json(event: Event) -> Callable[[int], Pair]:
    read, text = codec.of(event.ours).from_json, event.build_ours().to_json()
    return lambda rounds: paired(
        lambda: read(text), lambda: json_format.Parse(text, event.theirs()), rounds
    )


def envelope_rows(theirs: Any, data: bytes) -> Iterator[Row]:
    """Requests around events that are encoded and framed already, and a response."""
    guid, now = "3c1f4d1e98a54f4e9c0d5d7c2f0f2b6a", 1_789_000_000_123_456_789
    frame = frame_proto("page", data)

    def make(count: int) -> Callable[[int], Pair]:
        frames = [frame] * count

        def peer() -> bytes:
            request = theirs.SendEventRequest(req_guid=guid)
            request.sent_time.FromNanoseconds(now)
            for _ in range(count):
                request.events.add(event_bytes=data, type="page")
            return bytes(request.SerializeToString())

        assert request_proto(guid, now, frames) == peer()
        return lambda rounds: paired(lambda: request_proto(guid, now, frames), peer, rounds)

    for count, goal in ((1, 1 / 1.3), (100, 10), (1000, 20)):
        yield "frames → request", f"{count} events", goal, make(count)
    answer = theirs.SendEventResponse(status=1, code=1, sent_time=1_789_000_000)
    answer.data["req_guid"] = guid
    body = answer.SerializeToString()

    def read() -> object:
        found = theirs.SendEventResponse.FromString(body)
        return found.status, found.code, found.sent_time, found.reason, found.data["req_guid"]

    timed: Callable[[int], Pair] = lambda rounds: paired(  # noqa: E731 # as the others are given
        lambda: response_proto(body), read, rounds
    )
    yield "response → ack", "", 1 / 1.5, timed


def show(row: Row, rounds: int) -> bool:
    """Time and print one row; say whether its goal is met."""
    what, event, goal, timed = row
    pair = timed(rounds)
    met = pair.ratio >= goal
    print(
        f"  {what:28} {event:12} {pair.ours * 1e6:9.2f} {pair.theirs * 1e6:9.2f} "
        f"{pair.ratio:8.2f} {goal:8.2f}   {'' if met else 'missed'}",
        flush=True,
    )
    return met


def first_use(rounds: int) -> None:
    """Print what the first event of a type costs in a fresh process."""
    print("\n  first event of a type, ms: written, compiled, encoded; upb: _pb2 imported, encoded")
    with tempfile.TemporaryDirectory(prefix="raccoon-bench-") as folder:
        make_packages(Path(folder))
        for name, values in (("PageEvent", "page_values"), ("OrderEvent", "order_values")):
            program = FIRST_USE.format(name=name, values=values)
            taken: dict[str, list[float]] = {"ours": [], "upb": []}
            for _ in range(rounds):
                for side in taken:
                    command = [sys.executable, "-c", program, folder, side]
                    done = subprocess.run(
                        command,
                        capture_output=True,
                        text=True,
                        check=True,
                        cwd=Path(__file__).parent,
                    )
                    taken[side].append(float(done.stdout) * 1e3)
            print(f"  {name:41} {median(taken['ours']):9.2f} {median(taken['upb']):9.2f}")


def retained() -> None:
    """Print how many bytes an event takes while it is kept."""
    print("\n  bytes that an event retains, its values included")
    print(f"  {'':20} {'ours':>18} {'upb':>18} {'betterproto2':>18}")
    with tempfile.TemporaryDirectory(prefix="raccoon-bench-") as folder:
        make_packages(Path(folder))
        make_betterproto2(Path(folder))
        for kind in MESSAGES:
            found = kept(Path(folder), kind)
            print(f"  {kind:20} " + " ".join(f"{found[side]:>18,.0f}" for side in found))


def footprints() -> None:
    """Print lines and import times."""
    print("\n  generated lines a message, and ms to import all")
    print(f"  {'':20} {'ours':>18} {'upb':>18} {'betterproto2':>18}")
    with tempfile.TemporaryDirectory(prefix="raccoon-bench-") as folder:
        for messages in (12, 1000):
            found = costs(Path(folder) / str(messages), messages, 5 if messages < 100 else 3)
            cells = [f"{c.lines / messages:7.1f} {c.seconds * 1e3:8.1f}ms" for c in found.values()]
            print(f"  {messages:>5} messages       " + " ".join(f"{cell:>18}" for cell in cells))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--only", default="", metavar="WORDS")
    options = parser.parse_args()
    print(f"  {'codec':28} {'':12} {'ours µs':>9} {'upb µs':>9} {'ratio':>8} {'at least':>8}")
    with packages() as (ours, theirs):
        each = events(ours, theirs)
        wanted = [*rows(each), *envelope_rows(_envelope(), bytes(each[0].build_ours()))]
        wanted = [row for row in wanted if options.only in f"{row[0]} {row[1]}"]
        missed = sum(not show(row, options.rounds) for row in wanted)
    if not options.only:
        retained()
        first_use(7)
        footprints()
    print(f"\n  {len(wanted)} rows, {missed} missed")
    return 0


def _envelope() -> Any:
    """upb's classes of Raccoon's request and response."""
    import importlib

    with tempfile.TemporaryDirectory(prefix="raccoon-bench-") as folder:
        (Path(folder) / "envelope.proto").write_text(ENVELOPE)
        protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I.", "--python_out=."]
        subprocess.run([*protoc, "envelope.proto"], cwd=folder, check=True)
        sys.path.insert(0, folder)
        try:
            return importlib.import_module("envelope_pb2")
        finally:
            sys.path.remove(folder)


if __name__ == "__main__":
    sys.exit(main())
