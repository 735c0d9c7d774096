"""Timestamps and durations are the datetimes and timedeltas that they look like."""

from __future__ import annotations

import copy
import itertools
import pickle
import time as time_module
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from raccoon_runtime.well_known import Duration, Timestamp

MOMENT = Timestamp.from_raw(1_700_000_000, 123_456_789)
NAIVE = datetime(2023, 11, 14, 22, 13, 20, 123456)


@pytest.mark.parametrize(
    "made",
    [
        MOMENT.replace(tzinfo=None),
        Timestamp.combine(date(2023, 11, 14), time(22, 13, 20, 123456)),
        Timestamp.fromisoformat("2023-11-14T22:13:20.123456"),
        Timestamp.strptime("2023-11-14 22:13:20.123456", "%Y-%m-%d %H:%M:%S.%f"),
        Timestamp(2023, 11, 14, 22, 13, 20, 123456),
    ],
)
def test_what_has_no_zone_is_a_plain_datetime(made: datetime) -> None:
    """Databases and data frames take the zone away; nothing of it may break on that."""
    assert type(made) is datetime
    # It is the operators and their sides that are tested.
    assert made == NAIVE and made != MOMENT and not MOMENT == made  # noqa: SIM201, SIM300
    assert hash(made) == hash(NAIVE)
    assert repr(made) == repr(NAIVE)
    assert pickle.loads(pickle.dumps(made)) == copy.copy(made) == NAIVE


def test_replace_is_that_of_datetime() -> None:
    """In microseconds, and in the zone that it was in."""
    changed = MOMENT.replace(hour=1, microsecond=5)
    assert type(changed) is datetime
    assert changed == datetime(2023, 11, 14, 1, 13, 20, 5, timezone.utc)
    assert MOMENT.replace(2024).year == 2024


@pytest.mark.parametrize(
    "work",
    [
        lambda moment: moment + timedelta(1),
        lambda moment: moment - timedelta(1),
        lambda moment: moment - datetime(2020, 1, 1, tzinfo=timezone.utc),
        lambda moment: moment.isoformat(),
        lambda moment: moment.timestamp(),
        lambda moment: moment.astimezone(timezone(timedelta(hours=2))).isoformat(),
        lambda moment: moment < datetime(2030, 1, 1, tzinfo=timezone.utc),
        lambda moment: f"{moment:%Y-%m-%d %H}",
    ],
)
def test_it_calculates_like_one(work: Callable[[Any], Any]) -> None:
    assert work(MOMENT) == work(datetime(2023, 11, 14, 22, 13, 20, 123456, timezone.utc))


RAWS = [
    *itertools.product((-62_135_596_800, 253_402_300_799), (0, 5, 999_999_999)),
    *[(-(10**12), 5), (10**12, 5), (-(1 << 63), 0), ((1 << 63) - 1, 0), (0, -1), (0, 10**9)],
]


@pytest.mark.parametrize("raw", RAWS)
@pytest.mark.parametrize("hours", [-14, 0, 1])
def test_any_moment_shows_in_any_zone(raw: tuple[int, int], hours: int) -> None:
    """As the nearest datetime there; what it is stays."""
    zone = timezone(timedelta(hours=hours))
    moment = Timestamp.from_raw(*raw)
    there = moment.astimezone(zone)
    assert there.raw == raw and there == moment and hash(there) == hash(moment)
    assert there.tzinfo is zone
    try:
        wanted = datetime.fromisoformat(moment.isoformat()).astimezone(zone)
    except OverflowError:
        wanted = (datetime.max if raw[0] > 0 else datetime.min).replace(tzinfo=zone)
    assert there.isoformat() == wanted.isoformat()
    assert there.astimezone(timezone.utc).isoformat() == moment.isoformat()
    assert pickle.loads(pickle.dumps(there)) == there


@pytest.mark.parametrize("hours", [-14, 13])
def test_any_moment_shows_in_the_local_zone(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", f"HERE{-hours:+}")
        time_module.tzset()
        for raw in RAWS:
            moment = Timestamp.from_raw(*raw)
            there = moment.astimezone()
            assert there.raw == raw
            assert there.tzname() == "HERE"
            wanted = moment.astimezone(timezone(timedelta(hours=hours)))
            assert there.isoformat() == wanted.isoformat()
    time_module.tzset()


def test_a_plain_moment_at_the_edge_has_the_hash_of_a_datetime() -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
    moment = Timestamp.from_raw(253_402_300_799, 0).astimezone(timezone(timedelta(hours=1)))
    assert moment == last and hash(moment) == hash(last) and {last: 1}[moment] == 1


def test_a_span_of_nanoseconds_is_a_span() -> None:
    assert Duration.from_raw(0, 5)
    assert Duration.from_raw(0, -5)
    assert not Duration.from_raw(0, 0)
