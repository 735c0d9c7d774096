"""`raccoon-collector`, each promise of its --help, as a process."""

from __future__ import annotations

import importlib.metadata
import json
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
from raccoon_runtime import JSON, PROTO, ConnectionLimitError, Event, IdentityTakenError
from raccoon_runtime.collector import ledger_file
from raccoon_runtime.collector.__main__ import main

from generated import EventClient, PageEvent
from tests.collector.command import COMMAND, MODULE, PATIENCE, Running, failed
from tests.interop import bodies, raw
from tests.interop.test_clients import Poison

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = str(ROOT / "schemas")
TRANSPORTS = ("ws", "rest", "grpc")


def send(url: str, *events: Any, **options: Any) -> Any:
    with EventClient.connect(url, **{"serializer": JSON, "retry_count": 0, **options}) as client:
        return client.send(events or [Event("page", {"a": 1})])


@pytest.mark.parametrize("command", [COMMAND, MODULE], ids=["command", "module"])
def test_it_says_where_it_listens_and_prints_an_event_a_line(command: list[str]) -> None:
    with Running(command=command) as collector:
        about = "raccoon-collector listens (EVENT_ACK=1, identity header X-User-ID)"
        assert collector.greeting[0] == about
        assert list(collector.urls) == list(TRANSPORTS)
        for transport in TRANSPORTS:
            (ack,) = send(collector.urls[transport], Event("page", {"a": 1}), Event("b", []))
            for shown in ('page {"a":1}', "b []"):
                line = collector.line()
                told = f"{transport:4} wire=PROTO CODE_OK {ack.req_guid} {shown}"
                assert line.split(" ", 1)[1] == told
        assert collector.stop() == 0
        assert collector.lines_left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it(number: int) -> None:
    with Running() as collector:
        client = EventClient.connect(collector.urls["ws"], serializer=JSON)
        client.send([Event("page", {})])
        # With a connection open.
        assert collector.stop(number) == 0
        client.close()


def test_help() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: raccoon-collector ")
    assert "for development" in done.stdout and "examples:" in done.stdout
    assert "[tool.raccoon-codegen]" in done.stdout


def test_version() -> None:
    done = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"raccoon-collector {importlib.metadata.version('raccoon-codegen')}\n"


# --- what it prints and keeps ---------------------------------------------------------


@pytest.mark.parametrize(
    "decode",
    [["--schemas", SCHEMAS], ["--package", "generated"]],
    ids=["schemas", "package"],
)
def test_it_decodes_events(decode: list[str]) -> None:
    with Running("--json", *decode, cwd=ROOT) as collector:
        for serializer in (PROTO, JSON):
            event = PageEvent(event_name="x", path="/ž")
            send(collector.urls["ws"], event, serializer=serializer)
            found = json.loads(collector.line())
            assert (found["type"], found["code"]) == ("page", "CODE_OK")
            assert found["event"]["eventName"] == "x"
            assert found["event"]["path"] == "/ž"
            assert len(found["event"]["eventGuid"]) == 36
        assert collector.stop() == 0


def test_schemas_may_be_several_files(tmp_path: Path) -> None:
    for name in ("A", "B"):
        text = f'syntax = "proto3"; message {name}Event {{ string name = 1; }}'
        (tmp_path / f"{name}.proto").write_text(text, "utf-8")
    paths = [str(tmp_path / "A.proto"), "--schemas", str(tmp_path / "B.proto")]
    with Running("--json", "--schemas", *paths) as collector:
        for type in ("a", "b"):
            send(collector.urls["rest"], Event(type, {"name": type}))
            assert json.loads(collector.line())["event"] == {"name": type}


MONEY = 'syntax = "proto3"; package third; message Money { int64 cents = 1; }'
PAID = """\
syntax = "proto3"; package shop; import "third/money.proto";
message PaidEvent { third.Money price = 1; }
"""


def write(root: Path, **files: str) -> None:
    """Schemas by their paths, `__` between their parts."""
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.proto"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


@pytest.mark.parametrize("option", ["-I", "--import-root"])
def test_import_roots(tmp_path: Path, option: str) -> None:
    write(tmp_path, proto__shop__paid=PAID, lib__third__money=MONEY)
    said = failed("--schemas", "proto", cwd=tmp_path)
    assert "-I DIR, where DIR/third/money.proto exists." in said
    with Running("--json", "--schemas", "proto", option, "lib", cwd=tmp_path) as collector:
        send(collector.urls["rest"], Event("paid", {"price": {"cents": "5"}}))
        assert json.loads(collector.line())["event"] == {"price": {"cents": "5"}}


def test_one_file_name_in_two_roots(tmp_path: Path) -> None:
    versions = {f"v{n}__page": f'syntax = "proto3"; package v{n};' for n in (1, 2)}
    write(tmp_path, v3__seen='syntax = "proto3"; message SeenEvent {}', **versions)
    schemas = ("--schemas", "v1", "--schemas", "v2", "--schemas", "v3")
    assert "or a -I above one of them" in failed(*schemas, cwd=tmp_path)
    with Running(*schemas, "-I", ".", cwd=tmp_path) as collector:
        assert collector.stop() == 0


def test_settings_of_the_project_hold_for_schemas(tmp_path: Path) -> None:
    write(tmp_path, proto__page='syntax = "proto3"; message PageEvent { string a = 1; }')
    settings = '[tool.raccoon-codegen.overrides.PageEvent]\ntype = "seen"\n'
    (tmp_path / "pyproject.toml").write_text(settings, "utf-8")
    with Running("--json", "--schemas", "proto", cwd=tmp_path) as collector:
        send(collector.urls["ws"], Event("seen", {"a": "b"}), Event("page", {"a": "b"}))
        assert json.loads(collector.line())["event"] == {"a": "b"}
        assert json.loads(collector.line())["problem"] == "no event has the type 'page'"


@pytest.mark.parametrize("package", ["src/team_events", "src/team_events/", "./src/team_events"])
def test_a_package_may_be_a_directory(tmp_path: Path, package: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "team_events").symlink_to(ROOT / "generated")
    with Running("--json", "--package", package, cwd=tmp_path) as collector:
        send(collector.urls["ws"], PageEvent(event_name="x"))
        assert json.loads(collector.line())["event"]["eventName"] == "x"


def test_a_package_that_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "team_events").symlink_to(ROOT / "generated")
    for package in ("team_events", "src.no_events", "src/no_events"):
        said = failed("--package", package, cwd=tmp_path)
        assert said == (
            f"raccoon-collector: --package: there is no package {package!r}: its directory belongs "
            "here, or its import name if PYTHONPATH leads to it\n"
        )


def test_quiet() -> None:
    with Running("--quiet") as collector:
        send(collector.urls["ws"])
        assert collector.stop() == 0
        assert collector.lines_left() == []


def test_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    for _ in range(2):
        with Running("--ledger", str(path)) as collector:
            send(collector.urls["grpc"])
            assert collector.stop() == 0
    assert [entry.events for entry in ledger_file.read(path)] == [(("page", b'{"a":1}'),)] * 2


def test_control() -> None:
    with Running("--control") as collector:
        assert collector.tell('{"do": "add", "fault": "Unpublishable", "times": 1}') == {
            "done": "add",
            "id": 1,
        }
        url = collector.urls["rest"]
        (ack,) = send(url, retry_count=1, retry_wait=0.0)
        assert ack.attempts == 2
        assert json.loads(collector.line())["req_guid"] == ack.req_guid
        assert collector.tell('{"do": "stats"}') == {
            "done": "stats",
            "received": 2,
            "stored": 1,
            "connections": 0,
            "faults": 0,
        }
        assert "error" in collector.tell("nonsense")
        assert collector.process.stdin is not None
        collector.process.stdin.close()
        assert collector.ended() == 0


def test_it_stops_when_nobody_reads_any_more() -> None:
    process = subprocess.Popen(
        [*COMMAND, "--http-port", "0", "--grpc-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None and process.stderr is not None
        lines = [process.stdout.readline().decode() for _ in range(4)]
        process.stdout.close()
        send(lines[1].split()[1])
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == b""


def test_a_terminal_that_shows_ascii_only() -> None:
    with Running(env={"PYTHONIOENCODING": "ascii"}) as collector:
        assert send(collector.urls["ws"], Event("page", {"name": "žluť\x1b[2J"}))[0].ok
        assert collector.line().endswith(' page {"name":"\\u017elu\\u0165\\u001b[2J"}')


# --- how it answers -------------------------------------------------------------------


@pytest.mark.parametrize("event_ack", ["0", "1"])
def test_event_ack(event_ack: str) -> None:
    with Running("--event-ack", event_ack) as collector:
        assert f"EVENT_ACK={event_ack}" in collector.greeting[0]
        events = [Event("page", Poison()), Event("page", PageEvent(event_name="x"))]
        if event_ack == "0":
            (ack,) = send(collector.urls["ws"], *events, serializer=PROTO)
            assert ack.ok
        else:
            with pytest.raises(Exception, match="cannot publish events"):
                send(collector.urls["ws"], *events, serializer=PROTO)
        told = "CODE_OK" if event_ack == "0" else "CODE_INTERNAL_ERROR"
        assert f" {told} " in collector.line()


@pytest.mark.parametrize("dedup", [True, False])
async def test_dedup(dedup: bool) -> None:
    with Running("--json", *["--dedup"] * dedup) as collector:
        async with raw.websocket(collector.urls["ws"]) as ws:
            for _ in range(2):
                await ws.send("text", bodies.as_json("same"))
                assert b'"code":1' in (await ws.read()).body
        assert collector.stop() == 0
        assert len(collector.lines_left()) == (1 if dedup else 2)


def test_identity_and_group_header() -> None:
    headers = ["--identity-header", "X-Client", "--group-header", "X-Team"]
    with Running("--json", *headers) as collector:
        given = {"X-Client": "c", "X-Team": "t"}
        for transport in TRANSPORTS:
            send(collector.urls[transport], headers=given)
            found = json.loads(collector.line())
            assert (found["identity"], found["group"]) == ("c", "t")
        url = collector.urls["ws"]
        with EventClient.connect(url, serializer=JSON, headers=given) as client:
            client.send([Event("page", {})])
            with pytest.raises(Exception, match=r"duplicated connection: \[t\] c,") as taken:
                send(url, headers=given)
            assert isinstance(taken.value.failures[0].error, IdentityTakenError)
            send(url, headers={**given, "X-Team": "other"})


def test_max_connections() -> None:
    with Running("--max-connections", "1") as collector:
        url = collector.urls["ws"]
        with EventClient.connect(url, serializer=JSON) as client:
            client.send([Event("page", {})])
            with pytest.raises(Exception, match="max connection reached") as full:
                send(url)
            assert isinstance(full.value.failures[0].error, ConnectionLimitError)


# --- where it listens -----------------------------------------------------------------


def test_host() -> None:
    with Running("--host", "::1") as collector:
        assert collector.urls["ws"].startswith("ws://[::1]:")
        for transport in TRANSPORTS:
            assert send(collector.urls[transport])[0].ok


def test_its_own_ports_are_a_raccoons() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)
    assert "(default: 8080)" in done.stdout.replace("\n" + " " * 24, " ")
    assert "(default: 8081)" in done.stdout.replace("\n" + " " * 24, " ")


@pytest.mark.parametrize("with_key", [True, False])
def test_tls(tmp_path: Path, with_key: bool) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    key.write_bytes(issued.private_key_pem.bytes())
    parts = (
        issued.cert_chain_pems if with_key else [issued.private_key_pem, *issued.cert_chain_pems]
    )
    chain.write_bytes(b"".join(part.bytes() for part in parts))

    def trusting() -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    arguments = ["--tls-cert", str(chain), *(["--tls-key", str(key)] if with_key else [])]
    with Running(*arguments) as collector:
        assert [url.split(":")[0] for url in collector.urls.values()] == ["wss", "https", "grpcs"]
        for transport in TRANSPORTS:
            assert send(collector.urls[transport], ssl=trusting())[0].ok
        assert collector.stop() == 0


@pytest.mark.parametrize("option", ["--http-port", "--grpc-port"])
def test_a_port_that_is_taken(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        other = "--grpc-port" if option == "--http-port" else "--http-port"
        told = failed(option, port, other, "0")
    assert told == (
        f"raccoon-collector: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "another port: --http-port, --grpc-port (0 is any that is free)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--http-port", "65536"], "argument --http-port: a port is 0 to 65535, not '65536'"),
        (["--grpc-port", "http"], "argument --grpc-port: a port is 0 to 65535, not 'http'"),
        (["--event-ack", "2"], "argument --event-ack: invalid choice"),
        (["--schemas", "a", "--package", "b"], "--package: not allowed with argument --schemas"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--max-connections", "0"], "max_connections: above 0"),
        (["--identity-header", ""], "identity_header: a header's name belongs here"),
        (["--tls-key", "key.pem"], "--tls-key: needs --tls-cert, too"),
        (["--tls-cert", "no/such.pem"], "--tls-cert: no/such.pem: No such file or directory"),
        (["--tls-cert", __file__], f"--tls-cert: {__file__}: "),
        (["--package", "no.such_package"], "--package: there is no package 'no.such_package': "),
        (["--package", SCHEMAS], f"--package: {SCHEMAS!r} is no package that raccoon-codegen "),
        (["-I", "lib"], "-I: needs --schemas, too"),
        (["--schemas", SCHEMAS, "-I", "no/such"], "raccoon-collector: -I no/such: no such dir"),
        (["--package", "json"], "--package: 'json' is no package that raccoon-codegen generated"),
        (["--schemas", "no/such/folder"], "raccoon-collector: no/such/folder: no such file"),
        (["--host", "no-such-host.invalid"], "cannot listen on no-such-host.invalid:0: "),
        (["--ledger", "/no/such/folder"], "No such file or directory: '/no/such/folder'"),
    ],
)
def test_what_it_cannot_start_with(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    try:
        code: object = main(["--http-port", "0", "--grpc-port", "0", *arguments])
    except SystemExit as ended:  # argparse's
        code = ended.code
    out, said = capsys.readouterr()
    assert (code, out) == (2, "")
    assert told in said
    assert said.splitlines()[-1].startswith("raccoon-collector: ")


def test_schemas_with_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "bad.proto").write_text('syntax = "proto3"; message { }', "utf-8")
    said = failed("--schemas", str(tmp_path))
    assert "bad.proto:1:" in said


def test_schemas_with_several_mistakes_are_told_on_several_lines(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        text = f'syntax = "proto3"; package {version}; message PageEvent {{ }}'
        (tmp_path / f"{version}.proto").write_text(text, "utf-8")
    said = failed("--schemas", str(tmp_path))
    assert "\\n" not in said
    assert len(said.splitlines()) > 1


@pytest.mark.parametrize("missing", ["raccoon_codegen", "grpc_tools"])
def test_schemas_without_the_generator(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["--schemas", SCHEMAS]) == 2
    said = capsys.readouterr().err
    assert said == (
        "raccoon-collector: --schemas: decoding by .proto files needs more than the runtime: "
        "pip install 'raccoon-codegen[codegen]'; --package NAME needs no more\n"
    )
