"""Events that tell themselves apart by a number, and what a collector has of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from raccoon_runtime import Event
from raccoon_runtime.collector import Collector

from tests.ports import SILENT_PORT

OPTIONS: dict[str, Any] = {"serializer": "json", "retry_wait": 0.01, "retry_max_wait": 0.1}


def event(number: int, size: int = 0) -> Event:
    """An event with this number, and so many bytes of something else."""
    return Event("numbered", {"n": number, "pad": "x" * size} if size else {"n": number})


def events(numbers: Iterable[int]) -> list[object]:
    """An event for each number."""
    return [event(number) for number in numbers]


def stored(collector: Collector) -> Counter[int]:
    """How often each was published, by its number."""
    return Counter(json.loads(one.event_bytes)["n"] for one in collector.stored)


def nobody() -> str:
    """The address of a server that is not there."""
    return f"ws://127.0.0.1:{SILENT_PORT}/api/v1/events"


def spool_files(directory: Path) -> list[str]:
    """What kinds of files are in a spool's directory."""
    names = (path.name.partition(".spool") for path in directory.iterdir())
    return sorted(f".spool{rest}" for _, _, rest in names)
