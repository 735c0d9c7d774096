"""The dead letters of docs/delivery.md, and what raccoon-spool exports, can be sent again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from raccoon_runtime import JSON, PROTO, Code, Serializer
from raccoon_runtime.collector import Answered, Collector

from generated import EventClient, PageEvent

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "delivery.md").read_text("utf-8")
EVENTS = [PageEvent(event_name="ž"), PageEvent(event_name="y", tags=["a"])]


@pytest.fixture(params=[PROTO, JSON], ids=str)
def serializer(request: pytest.FixtureRequest) -> Serializer:
    found: Serializer = request.param
    return found


@pytest.fixture
def guide(serializer: Serializer) -> dict[str, Any]:
    """What the example defines, as it is to be with this serializer."""
    (code,) = (text for text in re.findall(r"```python\n(.*?)```", GUIDE, re.S) if "keep(" in text)
    if serializer is JSON:
        (instead,) = re.findall(r"# with serializer=JSON: (.*)", code)
        code = code.replace("event_class.parse(data)", instead)
    names: dict[str, Any] = {"Undelivered": object, "EventClient": EventClient}
    exec(code, names)
    return names


def test_dead_letters(
    guide: dict[str, Any], serializer: Serializer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Collector.in_thread() as collector:
        url = collector.ws_url
        refusal = collector.faults.add(Answered(code=Code.CODE_BAD_REQUEST))
        with EventClient.connect(
            url, serializer=serializer, on_failure=guide["keep"], batch_events=1
        ) as client:
            sent = [client.submit(event) for event in EVENTS]
        assert all(future.exception() for future in sent)
        collector.faults.remove(refusal)
        collector.clear()  # for it publishes them, whatever it answers
        lines = Path("dead-letters.jsonl").read_text("utf-8").splitlines()
        with EventClient.connect(url, serializer=serializer) as client:
            guide["send_again"](lines, client)
        first = [b64decode(json.loads(line)["data"]) for line in lines]
        assert [event.event_bytes for event in collector.stored] == first
        assert {event.type for event in collector.stored} == {"page"}


def test_what_the_spool_holds(
    guide: dict[str, Any], serializer: Serializer, tmp_path: Path
) -> None:
    with Collector.in_thread() as collector:
        with (
            collector.stopped(),
            EventClient.connect(collector.ws_url, serializer=serializer, spool=tmp_path) as client,
        ):
            for event in EVENTS:
                client.submit(event)
            client.close(0)
        command = [sys.executable, "-m", "raccoon_runtime.spool", "export", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        lines = done.stdout.splitlines()
        assert [json.loads(line)["type"] for line in lines] == ["page", "page"]
        with EventClient.connect(collector.ws_url, serializer=serializer) as client:
            guide["send_again"](lines, client)
        pages = collector.messages(PageEvent)
        assert sorted(page.event_name for page in pages) == ["y", "ž"]
