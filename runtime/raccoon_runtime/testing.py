"""Pytest fixtures for code that sends events: a Raccoon in memory, for each test its own.

In `conftest.py`:

    from raccoon_runtime.testing import raccoon_collector as raccoon_collector

In a test:

    def test_a_checkout_is_reported(raccoon_collector):
        shop.checkout("TP-1")  # connects to RACCOON_URL, which names the collector
        raccoon_collector.wait(1)
        (event,) = raccoon_collector.messages(OrderPlacedEvent)
        assert event.items[0].product.sku == "TP-1"

`collector_fixture` makes one with other settings, or for more than a test. Pytest is imported here
and nowhere else in the runtime; `docs/testing.md` tells more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from typing_extensions import Unpack

from .base import URL_VARIABLE
from .collector import Collector
from .collector.settings import SettingsKeywords

__all__ = ["collector_fixture", "raccoon_collector"]


def collector_fixture(
    *,
    scope: Literal["function", "class", "module", "package", "session"] = "function",
    **settings: Unpack[SettingsKeywords],
) -> Callable[..., Any]:
    """Return a fixture that gives a `Collector` with these settings, in a thread of its own.

        raccoon_collector = collector_fixture(event_ack=0)

    It lasts as long as the test, or what else `scope` names. RACCOON_URL, by which `connect()`
    finds its address when it is given none, names the collector's WebSocket meanwhile.
    """

    @pytest.fixture(scope=scope)
    def collector() -> Iterator[Collector]:
        with Collector.in_thread(**settings) as made, pytest.MonkeyPatch.context() as patch:
            patch.setenv(URL_VARIABLE, made.ws_url)
            yield made

    return collector


raccoon_collector = collector_fixture()
"""The fixture, with a Raccoon's own settings but EVENT_ACK, which is 1."""
