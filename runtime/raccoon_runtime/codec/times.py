"""Timestamps and durations: Python's own types, and subclasses for what those cannot hold."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from typing_extensions import Self

from .checks import wrong

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
FIRST_SECOND = -62_135_596_800
"""0001-01-01T00:00:00Z."""
LAST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z."""
LONGEST = 315_576_000_000
"""The most seconds that a Duration may have."""
BILLION = 1_000_000_000
OUT_OF_RANGE = "a datetime that in UTC is out of range for a Timestamp"


def _check_raw(seconds: int, nanos: int) -> None:
    if not (-(1 << 63) <= seconds < 1 << 63 and -(1 << 31) <= nanos < 1 << 31):
        raise ValueError("out of range for what is encoded: int64 seconds and int32 nanos")


class Timestamp(datetime):
    """A point in time that a plain datetime cannot hold: with nanoseconds, or before year 1 or
    after year 9999.

    It is made by parsing. What lies outside of datetime's range shows as the nearest datetime;
    `raw` is exact and is what is encoded. Arithmetic gives plain microseconds.
    """

    __slots__ = ("_raw",)

    _raw: tuple[int, int]

    def __new__(cls, *args: Any, **fields: Any) -> Self:
        """What has no zone is a plain datetime, as `combine` or `strptime` give it."""
        made = super().__new__(cls, *args, **fields)
        if made.tzinfo is not None:
            return made
        # Not of the type that is said, for the sake of all that have a zone.
        return datetime(*made.timetuple()[:6], made.microsecond, fold=made.fold)  # type: ignore[return-value]

    @classmethod
    def from_raw(cls, seconds: int, nanos: int) -> Timestamp:
        """Return the time `seconds` and `nanos` after the epoch; a ValueError if they are more than
        64 and 32 bits.
        """
        _check_raw(seconds, nanos)
        return _timestamp(cls, _near(seconds, nanos), (seconds, nanos))

    @property
    def raw(self) -> tuple[int, int]:
        """Seconds since the epoch and nanoseconds, as on the wire."""
        try:
            return self._raw
        except AttributeError:
            return split_datetime(self)

    @property
    def nanosecond(self) -> int:
        """The nanoseconds beyond `microsecond`, 0 to 999."""
        return self.raw[1] % 1000

    def astimezone(self, tz: tzinfo | None = None) -> Timestamp:
        """Return the same time in another zone, nanoseconds kept, as the nearest datetime there."""
        return _timestamp(type(self), _in_zone(_near(*self.raw), tz), self.raw)

    def replace(self, *args: Any, **fields: Any) -> datetime:  # type: ignore[override]  # as it says
        """Return a plain datetime with other fields, in microseconds."""
        plain = datetime(*self.timetuple()[:6], self.microsecond, self.tzinfo, fold=self.fold)
        return plain.replace(*args, **fields)

    __replace__ = replace

    def __eq__(self, other: object) -> bool:
        key = _instant(other)
        return NotImplemented if key is None else self.raw == key

    def __ne__(self, other: object) -> bool:
        key = _instant(other)
        return NotImplemented if key is None else self.raw != key

    def __lt__(self, other: datetime) -> bool:  # type: ignore[override]  # as datetime has it
        key = _instant(other)
        return NotImplemented if key is None else self.raw < key

    def __le__(self, other: datetime) -> bool:  # type: ignore[override]  # as datetime has it
        key = _instant(other)
        return NotImplemented if key is None else self.raw <= key

    def __gt__(self, other: datetime) -> bool:  # type: ignore[override]  # as datetime has it
        key = _instant(other)
        return NotImplemented if key is None else self.raw > key

    def __ge__(self, other: datetime) -> bool:  # type: ignore[override]  # as datetime has it
        key = _instant(other)
        return NotImplemented if key is None else self.raw >= key

    def __hash__(self) -> int:
        seconds, nanos = self.raw
        plain = nanos % 1000 == 0 and FIRST_SECOND <= seconds <= LAST_SECOND
        return hash(_near(seconds, nanos) if plain else (seconds, nanos))

    def __repr__(self) -> str:
        seconds, nanos = self.raw
        return f"Timestamp.from_raw({seconds}, {nanos})"

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        fields = (*self.timetuple()[:6], self.microsecond, self.tzinfo)
        return _restore_timestamp, (type(self), datetime(*fields, fold=self.fold), self.raw)

    def __deepcopy__(self, memo: object) -> Timestamp:
        return self


def _restore_timestamp(cls: type[Timestamp], near: datetime, raw: tuple[int, int]) -> Timestamp:
    return _timestamp(cls, near, raw)


def _near(seconds: int, nanos: int) -> datetime:
    """Return the nearest datetime, in UTC."""
    try:
        return EPOCH + timedelta(0, seconds, nanos // 1000)
    except OverflowError:
        return _edge(seconds > 0).replace(tzinfo=timezone.utc)


def _in_zone(near: datetime, tz: tzinfo | None) -> datetime:
    try:
        return near.astimezone(tz)
    except OverflowError:
        late = near.year > 1
        # Which zone the local one is, only a time that it has can tell.
        inside = near + timedelta(-2 if late else 2)
        return _edge(late).replace(tzinfo=inside.astimezone(tz).tzinfo)


def _edge(late: bool) -> datetime:
    return datetime.max if late else datetime.min


def _timestamp(cls: type[Timestamp], near: datetime, raw: tuple[int, int]) -> Timestamp:
    made = cls(*near.timetuple()[:6], near.microsecond, near.tzinfo, fold=near.fold)
    made._raw = raw  # pyright: ignore[reportPrivateUsage]  # nobody else makes one
    return made


def _instant(value: object) -> tuple[int, int] | None:
    if isinstance(value, Timestamp):
        return value.raw
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return split_datetime(value)
    return None


def split_datetime(value: datetime) -> tuple[int, int]:
    """Return the seconds since the epoch and the nanoseconds of an aware datetime."""
    since = datetime.__sub__(value, EPOCH)
    return since.days * 86400 + since.seconds, since.microseconds * 1000


class Duration(timedelta):
    """A span of time that a plain timedelta cannot hold: with nanoseconds, or longer than a
    timedelta can be.

    It is made by parsing. `raw` is exact and is what is encoded. Arithmetic gives plain
    microseconds.
    """

    __slots__ = ("_raw",)

    _raw: tuple[int, int]

    @classmethod
    def from_raw(cls, seconds: int, nanos: int) -> Duration:
        """Return the span of `seconds` and `nanos`, both of one sign; a ValueError if they are more
        than 64 and 32 bits.
        """
        _check_raw(seconds, nanos)
        micros = nanos // 1000 if nanos >= 0 else -(-nanos // 1000)
        try:
            near = timedelta(0, seconds, micros)
        except OverflowError:
            near = timedelta.max if seconds > 0 else timedelta.min
        made = cls(near.days, near.seconds, near.microseconds)
        made._raw = (seconds, nanos)
        return made

    @property
    def raw(self) -> tuple[int, int]:
        """Seconds and nanoseconds, both of one sign, as on the wire."""
        try:
            return self._raw
        except AttributeError:
            return split_timedelta(self)

    @property
    def nanoseconds(self) -> int:
        """The nanoseconds beyond whole microseconds, of the sign of the whole, -999 to 999."""
        nanos = self.raw[1]
        return nanos % 1000 if nanos >= 0 else -(-nanos % 1000)

    def __eq__(self, other: object) -> bool:
        key = _span(other)
        return NotImplemented if key is None else self.raw == key

    def __ne__(self, other: object) -> bool:
        key = _span(other)
        return NotImplemented if key is None else self.raw != key

    def __lt__(self, other: timedelta) -> bool:
        key = _span(other)
        return NotImplemented if key is None else self.raw < key

    def __le__(self, other: timedelta) -> bool:
        key = _span(other)
        return NotImplemented if key is None else self.raw <= key

    def __gt__(self, other: timedelta) -> bool:
        key = _span(other)
        return NotImplemented if key is None else self.raw > key

    def __ge__(self, other: timedelta) -> bool:
        key = _span(other)
        return NotImplemented if key is None else self.raw >= key

    def __hash__(self) -> int:
        if self.raw == split_timedelta(self):
            return timedelta.__hash__(self)
        return hash(self.raw)

    def __bool__(self) -> bool:
        return self.raw != (0, 0)

    def __repr__(self) -> str:
        seconds, nanos = self.raw
        return f"Duration.from_raw({seconds}, {nanos})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_raw, self.raw

    def __deepcopy__(self, memo: object) -> Duration:
        return self


def _span(value: object) -> tuple[int, int] | None:
    if isinstance(value, Duration):
        return value.raw
    return split_timedelta(value) if isinstance(value, timedelta) else None


def split_timedelta(value: timedelta) -> tuple[int, int]:
    """Return the seconds and the nanoseconds of a timedelta, both of one sign."""
    seconds = value.days * 86400 + value.seconds
    nanos = value.microseconds * 1000
    if seconds < 0 and nanos:
        return seconds + 1, nanos - BILLION
    return seconds, nanos


def timestamp_parts(value: Any) -> tuple[int, int]:
    """Return the seconds and nanoseconds of an aware datetime; a TypeError or a ValueError if it is
    none.
    """
    if not isinstance(value, datetime):
        wrong(value, "a datetime")
    if isinstance(value, Timestamp):
        return value.raw
    if value.utcoffset() is None:
        raise ValueError("a naive datetime: give it a time zone")
    seconds, nanos = split_datetime(value)
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise ValueError(OUT_OF_RANGE)
    return seconds, nanos


def duration_parts(value: Any) -> tuple[int, int]:
    """Return the seconds and nanoseconds of a timedelta; TypeError or ValueError if it is none."""
    if not isinstance(value, timedelta):
        wrong(value, "a timedelta")
    if isinstance(value, Duration):
        return value.raw
    seconds, nanos = split_timedelta(value)
    if abs(seconds) > LONGEST:
        raise ValueError("a timedelta out of range for a Duration")
    return seconds, nanos


def make_timestamp(seconds: int, nanos: int) -> datetime:
    """Return the datetime of a Timestamp message's fields."""
    if nanos % 1000 == 0 and FIRST_SECOND <= seconds <= LAST_SECOND and 0 <= nanos < BILLION:
        return EPOCH + timedelta(0, seconds, nanos // 1000)
    return Timestamp.from_raw(seconds, nanos)


def make_duration(seconds: int, nanos: int) -> timedelta:
    """Return the timedelta of a Duration message's fields."""
    plain = nanos % 1000 == 0 and abs(seconds) <= LONGEST and -BILLION < nanos < BILLION
    if plain and (seconds == 0 or nanos == 0 or (seconds < 0) == (nanos < 0)):
        return timedelta(0, seconds, nanos // 1000)
    return Duration.from_raw(seconds, nanos)
