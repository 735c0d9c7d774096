"""The command `raccoon-spool`, as a process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from base64 import b64decode
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from raccoon_runtime.collector import Collector, Delay, HttpStatus
from raccoon_runtime.spool.contents import batches
from raccoon_runtime.spool.directory import DAMAGED, Directory

from generated import AsyncEventClient
from tests.spool.events import OPTIONS, event, nobody, spool_files, stored
from tests.spool.rows import crashed
from tests.waiting import until

COMMAND = [sys.executable, "-m", "raccoon_runtime.spool"]


async def left_behind(directory: Path, count: int) -> None:
    """A client that had no server has closed."""
    client = AsyncEventClient.connect(nobody(), spool=directory, **OPTIONS)
    for number in range(count):
        await client.submit(event(number))
    await client.close(0)


def set_aside(directory: Path) -> None:
    """Its file has lost SQLite's own head."""
    (path,) = Directory(directory).files()
    harmed = bytearray(path.read_bytes())
    harmed[:100] = bytes(100)
    Path(f"{path}{DAMAGED}").write_bytes(harmed)
    path.unlink()


def harm(directory: Path, suffixes: Sequence[str]) -> None:
    """Overwrite what these begin with."""
    for suffix in suffixes:
        with open(directory / f"a{suffix}", "r+b") as file:
            file.write(os.urandom(3000))


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


async def run(*arguments: object, code: int = 0, **environment: str) -> tuple[str, str]:
    """The command's output and errors; it must end with that code."""

    def start() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **environment},
        )

    done = await asyncio.to_thread(start)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr


async def test_list_says_what_is_there_and_changes_nothing(directory: Path) -> None:
    await left_behind(directory, 25)
    (path,) = Directory(directory).files()
    before = path.read_bytes(), spool_files(directory)
    output, _ = await run("list", directory)
    head, line = output.splitlines()
    assert head.split()[:4] == ["FILE", "STATE", "EVENTS", "BYTES"]
    assert line.startswith(path.name)
    assert "left behind" in line and "numbered: 25" in line
    assert (path.read_bytes(), spool_files(directory)) == before


async def test_list_as_json_names_the_process_that_uses_a_file(directory: Path) -> None:
    client = AsyncEventClient.connect(nobody(), spool=directory, **OPTIONS)
    await client.submit(event(1))
    output, _ = await run("list", "--json", directory)
    found = json.loads(output)
    assert found["owner"] == str(os.getpid())
    assert (found["events"], found["types"], found["damaged"]) == (1, {"numbered": 1}, False)
    assert found["oldest"].startswith("20")
    await client.close(0)


async def test_an_empty_directory(tmp_path: Path) -> None:
    assert await run("list", tmp_path) == ("nothing: every event has its outcome\n", "")
    assert await run("export", tmp_path) == ("", "")


async def test_export_gives_each_event(directory: Path) -> None:
    await left_behind(directory, 120)
    output, _ = await run("export", directory)
    found = [json.loads(line) for line in output.splitlines()]
    assert [json.loads(b64decode(one["data"]))["n"] for one in found] == list(range(120))
    assert {one["type"] for one in found} == {"numbered"}
    assert all(one["possible_duplicate"] and one["req_guid"] for one in found)
    assert len(Directory(directory).files()) == 1


async def test_what_is_damaged_is_told_and_exported_as_far_as_it_goes(directory: Path) -> None:
    await left_behind(directory, 200)
    set_aside(directory)
    output, _ = await run("list", directory, code=1)
    assert "damaged, set aside" in output
    output, errors = await run("export", directory, code=1)
    numbers = {json.loads(b64decode(json.loads(one)["data"]))["n"] for one in output.splitlines()}
    assert numbers == set(range(200))
    assert ".spool.damaged is damaged\n" in errors


@pytest.mark.parametrize("heads", [False, True])
async def test_a_log_that_is_damaged_is_told_of_before_anybody_takes_it(
    directory: Path, heads: bool
) -> None:
    crashed(directory / "a.spool", 10)
    harm(directory, (".spool", ".spool-wal") if heads else (".spool-wal",))
    before = contents(directory)
    output, _ = await run("list", directory, code=1)
    assert "left behind, damaged" in output and "numbered: 100" in output
    output, errors = await run("export", directory, code=1)
    assert len(output.splitlines()) == 100
    assert errors == "raccoon-spool: a.spool is damaged\n"
    assert contents(directory) == before


async def test_a_file_that_a_client_removes_meanwhile_is_none(directory: Path) -> None:
    await left_behind(directory, 1)
    (path,) = Directory(directory).files()
    path.unlink()
    for owner in (None, "a process"):
        assert batches(path, owner) == (False, [])


async def test_replay_delivers_and_removes(collector: Collector, directory: Path) -> None:
    await left_behind(directory, 250)
    output, errors = await run("replay", directory, "--url", collector.ws_url)
    told = "250 events delivered, of which 250 may have been before; 0 failed, 0 left\n"
    assert (output, errors) == (told, "")
    assert stored(collector) == Counter(range(250))
    assert spool_files(directory) == []


async def test_replay_takes_the_address_and_headers_of_a_client(directory: Path) -> None:
    await left_behind(directory, 3)
    async with Collector(event_ack=1, identity_header="X-Team") as collector:
        headers = ["--identity-header", "X-Team", "--header", "X-Team: shop"]
        rest = await run("replay", directory, *headers, RACCOON_URL=collector.http_url)
        assert rest[0].startswith("3 events delivered")
        assert {one.identity for one in collector.received} == {"shop"}


async def test_replay_takes_headers_of_a_file(directory: Path, tmp_path: Path) -> None:
    await left_behind(directory, 3)
    secrets = tmp_path / "headers"
    secrets.write_text("Authorization: Bearer x\nX-Team: shop\n\n", "utf-8")
    async with Collector(event_ack=1, identity_header="X-Team") as collector:
        headers = ["--identity-header", "X-Team", "--header", f"@{secrets}"]
        await run("replay", directory, *headers, RACCOON_URL=collector.http_url)
        assert {one.identity for one in collector.received} == {"shop"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"X-Team: shop\n\n@{file}\n", "line 3 is not NAME:VALUE"),
        (b"X-Team: shop\n\xff\xfe\n", "is not text in UTF-8"),
        (b"X-Team: shop\nsecret\n", "line 2 is not NAME:VALUE"),
    ],
)
async def test_a_file_that_does_not_hold_headers(
    directory: Path, tmp_path: Path, content: bytes, told: str
) -> None:
    """What it holds is not told, for it may be a secret."""
    await left_behind(directory, 1)
    file = tmp_path / "headers"
    file.write_bytes(content.replace(b"{file}", bytes(file)))
    output, errors = await run(
        "replay", directory, "--url", "null://", "--header", f"@{file}", code=2
    )
    assert output == "" and errors.startswith(f"raccoon-spool: --header: {file}") and told in errors
    assert len(errors.splitlines()) == 1 and "secret" not in errors


async def test_replay_leaves_alone_what_a_process_uses(
    collector: Collector, directory: Path
) -> None:
    client = AsyncEventClient.connect(nobody(), spool=directory, **OPTIONS)
    await client.submit(event(1))
    output, _ = await run("replay", directory, "--url", collector.ws_url)
    assert output.startswith("0 events delivered")
    await client.close(0)
    assert len(Directory(directory).files()) == 1


async def test_replay_keeps_what_it_cannot_deliver(directory: Path) -> None:
    await left_behind(directory, 5)
    output, errors = await run("replay", directory, "--url", nobody(), "--timeout", "0.5", code=1)
    assert output.startswith("0 events delivered") and output.endswith("5 left\n")
    assert "what is left stays there" in errors
    exported, _ = await run("export", directory)
    assert len(exported.splitlines()) == 5


async def test_replay_writes_down_what_the_server_refuses(
    collector: Collector, directory: Path
) -> None:
    await left_behind(directory, 3)
    collector.faults.add(HttpStatus(413))
    output, errors = await run("replay", directory, "--url", collector.http_url, code=1)
    assert output.startswith("0 events delivered") and "3 failed, 0 left" in output
    path = directory / "failed.jsonl"
    assert f"TooLargeError: 3; kept in {path}" in errors
    kept = [json.loads(line) for line in path.read_text().splitlines()]
    assert {json.loads(b64decode(one["data"]))["n"] for one in kept} == {0, 1, 2}
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no such device")
async def test_what_the_server_refuses_stays_when_it_cannot_be_written_down(
    collector: Collector, directory: Path
) -> None:
    await left_behind(directory, 250)
    collector.faults.add(HttpStatus(413))
    command = ["replay", directory, "--url", collector.http_url]
    output, errors = await run(*command, "--failed", "/dev/full", code=1)
    assert output.endswith("0 failed, 250 left\n")
    assert "/dev/full does not take what the server refuses, so that stays in the spool" in errors
    assert "Traceback" not in errors
    await run(*command, code=1)
    kept = (directory / "failed.jsonl").read_text().splitlines()
    assert {json.loads(b64decode(json.loads(one)["data"]))["n"] for one in kept} == set(range(250))


async def test_a_line_that_was_torn_does_not_spoil_the_next(
    collector: Collector, directory: Path
) -> None:
    await left_behind(directory, 3)
    collector.faults.add(HttpStatus(413))
    failed = directory / "failed.jsonl"
    failed.write_text('{"type": "numbered", "da')
    await run("replay", directory, "--url", collector.http_url, code=1)
    torn, *whole = failed.read_text().splitlines()
    assert {json.loads(b64decode(json.loads(one)["data"]))["n"] for one in whole} == {0, 1, 2}
    assert torn == '{"type": "numbered", "da'


async def test_a_replay_that_is_refused_itself_loses_nothing(
    collector: Collector, directory: Path
) -> None:
    """A token that is wrong, or the path: nothing is the matter with the events."""
    await left_behind(directory, 5)
    wrong = collector.http_url.replace("/v1/", "/v2/")
    output, errors = await run("replay", directory, "--url", wrong, "--timeout", "0.5", code=1)
    assert output.endswith("0 failed, 5 left\n")
    assert "there is no Raccoon at this address" in errors
    output, _ = await run("replay", directory, "--url", collector.http_url)
    assert output.startswith("5 events delivered")


async def test_a_replay_that_is_killed_keeps_what_the_server_refused(
    collector: Collector, directory: Path
) -> None:
    """On the disk, or in failed.jsonl; perhaps in both."""
    await left_behind(directory, 3_000)
    collector.faults.add(HttpStatus(413))
    failed = directory / "failed.jsonl"
    command = [*COMMAND, "replay", str(directory), "--url", collector.http_url]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    await until(lambda: failed.exists() and failed.stat().st_size > 0)
    process.kill()
    await process.wait()
    exported, _ = await run("export", directory)
    lines = [*exported.splitlines(), *failed.read_text().splitlines()]
    kept = {json.loads(b64decode(json.loads(one)["data"]))["n"] for one in lines if one[-1] == "}"}
    assert kept == set(range(3_000))


async def test_a_replay_that_is_killed_loses_nothing(collector: Collector, directory: Path) -> None:
    await left_behind(directory, 3_000)
    collector.faults.add(Delay(0.02))
    for _ in range(3):
        seen = collector.received_count
        command = [*COMMAND, "replay", str(directory), "--url", collector.ws_url]
        process = await asyncio.create_subprocess_exec(*command)
        await until(lambda seen=seen: collector.received_count > seen)
        process.kill()
        await process.wait()
    collector.faults.clear()
    await run("replay", directory, "--url", collector.ws_url)
    assert set(stored(collector)) == set(range(3_000))
    assert spool_files(directory) == []


async def test_an_interrupt_ends_it_at_once_and_keeps_the_rest(directory: Path) -> None:
    await left_behind(directory, 5)
    command = [*COMMAND, "replay", str(directory), "--url", nobody()]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    assert b"held up" in await process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), 30) == 130
    exported, _ = await run("export", directory)
    assert len(exported.splitlines()) == 5


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("list", "nowhere"), "nowhere: no such directory"),
        (("replay", "."), "the address is missing"),
        (("replay", ".", "--url", "ftp://x"), "ftp"),
        (("replay", ".", "--url", "null://", "--header", "nonsense"), "NAME:VALUE or @FILE"),
        (("replay", ".", "--url", "null://", "--header", "@nowhere"), "No such file"),
    ],
)
async def test_what_is_wrong_is_said(arguments: tuple[str, ...], told: str, tmp_path: Path) -> None:
    given = [str(tmp_path) if one == "." else one for one in arguments]
    output, errors = await run(*given, code=2, RACCOON_URL="")
    assert output == "" and errors.startswith("raccoon-spool: ") and told in errors
    assert len(errors.splitlines()) == 1


async def test_help_names_the_commands() -> None:
    output, _ = await run("--help")
    assert all(word in output for word in ("list", "export", "replay", "Exit codes"))


async def test_a_timeout_that_is_no_time(directory: Path) -> None:
    await left_behind(directory, 1)
    for given in ("nan", "soon"):
        _, errors = await run("replay", directory, "--url", "null://", "--timeout", given, code=2)
        assert f"{given!r} is no number of seconds" in errors
        assert "Traceback" not in errors
