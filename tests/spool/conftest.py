"""A collector, and a directory for spools."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from raccoon_runtime.collector import Collector


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector(event_ack=1) as made:
        yield made


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"
