"""How long to wait: jitter, ceiling, budget, and what a server asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raccoon_runtime.retry import MOST_RETRY_AFTER, Retry, parse_retry_after


@given(st.integers(1, 10_000), st.floats(0, 10), st.floats(0, 100))
def test_a_delay_is_anywhere_below_its_ceiling(failures: int, wait: float, most: float) -> None:
    delay = Retry(wait=wait, max_wait=most).delay(failures)
    assert 0 <= delay <= min(most, wait * 2.0 ** min(failures - 1, 60))


def test_a_delay_uses_all_of_its_range() -> None:
    retry = Retry(wait=1.0, max_wait=8.0)
    for failures, ceiling in ((1, 1.0), (2, 2.0), (4, 8.0), (9, 8.0)):
        delays = [retry.delay(failures) for _ in range(400)]
        assert min(delays) < ceiling * 0.2 and max(delays) > ceiling * 0.8


def test_the_servers_wish_is_a_floor() -> None:
    delays = [Retry(wait=0.25).delay(1, 60.0) for _ in range(400)]
    assert 60.0 <= min(delays) < 60.05 and 60.2 < max(delays) <= 60.25
    assert Retry(wait=0.0).delay(1, 0.0) == 0.0
    assert Retry(wait=0.0).delay(1, 60.0) == 60.0


@pytest.mark.parametrize(
    ("retry", "failures", "since", "spent"),
    [
        (Retry(), 1, 0.0, False),
        (Retry(), 1_000, 299.9, False),
        (Retry(), 1, 300.0, True),
        (Retry(budget=10), 1, 10.0, True),
        (Retry(count=0), 1, 0.0, True),
        (Retry(count=2), 2, 0.0, False),
        (Retry(count=2), 3, 0.0, True),
        (Retry(budget=0), 1, 0.0, True),
    ],
)
def test_when_retries_are_spent(retry: Retry, failures: int, since: float, spent: bool) -> None:
    assert retry.spent(failures, since) is spent


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        (" 17 ", 17.0),
        ("300", 300.0),
        ("301", 300.0),
        ("9" * 5_000, 300.0),
        ("-5", None),
        ("1.5", None),
        ("1e9", None),
        ("inf", None),
        ("nan", None),
        ("٣", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0.0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 300.0),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("Mon, 01 Jan 0001 00:00:00 +1400", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 300.0),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value) == seconds


@given(st.text(max_size=40))
def test_any_retry_after_is_seconds_or_nothing(value: str) -> None:
    seconds = parse_retry_after(value)
    assert seconds is None or 0 <= seconds <= MOST_RETRY_AFTER
