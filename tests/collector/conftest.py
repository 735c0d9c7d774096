"""A collector for a test, on ports of the system's choice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from raccoon_runtime.collector import Collector
from raccoon_runtime.testing import raccoon_collector

__all__ = ["collector", "raccoon_collector"]


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as made:
        yield made
