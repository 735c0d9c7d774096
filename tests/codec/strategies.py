"""Random messages of any class, by what its fields were declared as."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st
from raccoon_runtime.codec.plan import Field, plan_of
from raccoon_runtime.well_known import NULL, Duration, FieldMask, Timestamp
from raccoon_runtime.well_known import Any as AnyMessage

from tests.codec.kinds import INTEGERS

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
SECONDS = st.integers(-62_135_596_800, 253_402_300_799)
LONGEST = 315_576_000_000
BILLION = 1_000_000_000


def _timestamps() -> st.SearchStrategy[datetime]:
    plain = st.datetimes(
        datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59), timezones=st.just(timezone.utc)
    )
    nanos = st.integers(1, BILLION - 1).filter(lambda n: n % 1000)
    return plain | st.builds(Timestamp.from_raw, SECONDS, nanos)


def _durations() -> st.SearchStrategy[timedelta]:
    span = timedelta(seconds=LONGEST)
    nanos = st.integers(1, BILLION - 1).filter(lambda n: n % 1000)
    positive = st.builds(Duration.from_raw, st.integers(0, LONGEST - 1), nanos)
    negative = st.builds(lambda s, n: Duration.from_raw(-s, -n), st.integers(0, LONGEST - 1), nanos)
    return st.timedeltas(-span, span) | positive | negative


# Not the greatest: google's own parser refuses the text that its printer gives for it.
SINGLES = st.floats(-(2.0**127), 2.0**127, width=32) | st.sampled_from(
    [float("inf"), -float("inf")]
)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    **{kind: st.integers(low, high) for kind, (low, high) in INTEGERS.items()},
    "double": st.floats(allow_nan=False),
    "float": SINGLES,
    "bool": st.booleans(),
    "string": TEXT,
    "bytes": st.binary(max_size=20),
}
WELL_KNOWN: dict[str, st.SearchStrategy[Any]] = {
    "Timestamp": _timestamps(),
    "Duration": _durations(),
    "Struct": st.dictionaries(TEXT, JSON, max_size=3),
    "ListValue": st.lists(JSON, max_size=3),
    "Value": JSON,
    "BoolValue": st.booleans(),
    "StringValue": TEXT,
    "BytesValue": st.binary(max_size=20),
    "DoubleValue": st.floats(allow_nan=False),
    "FloatValue": SINGLES,
    "Int32Value": SCALARS["int32"],
    "UInt32Value": SCALARS["uint32"],
    "Int64Value": SCALARS["int64"],
    "UInt64Value": SCALARS["uint64"],
}
PATHS = st.lists(st.from_regex(r"[a-z]+(_[a-z]+)*(\.[a-z]+)?", fullmatch=True), max_size=3)


@lru_cache(None)
def messages(cls: Any, depth: int = 3, most: int = 6) -> st.SearchStrategy[Any]:
    """Messages of a class, with up to so many of its fields set."""
    name = getattr(cls, "__proto__", "")
    if name == "google.protobuf.FieldMask":
        return st.builds(FieldMask, paths=PATHS)
    if name == "google.protobuf.Any":
        return st.builds(AnyMessage.pack, st.builds(FieldMask, paths=PATHS)) | st.just(AnyMessage())
    fields = plan_of(cls).fields

    @st.composite
    def build(draw: st.DrawFn) -> Any:
        chosen = (
            draw(st.lists(st.sampled_from(fields), max_size=most, unique=True)) if fields else []
        )
        members: set[str] = set()
        given: dict[str, Any] = {}
        for field in chosen:
            if field.oneof is None or field.oneof not in members:
                given[field.name] = draw(_values(field, depth))
                members.add(field.oneof or "")
        return cls(**given)

    return build()


def _values(field: Field, depth: int) -> st.SearchStrategy[Any]:
    one = _elements(field, depth)
    if field.key is not None:
        return st.dictionaries(SCALARS[field.key.name], one, max_size=3)
    if field.repeated:
        return st.lists(one, max_size=4)
    if field.kind == "google.protobuf.Value":
        return one.map(lambda value: NULL if value is None else value)
    return one


def _elements(field: Field, depth: int) -> st.SearchStrategy[Any]:
    if field.kind == "message":
        return messages(field.cls, depth - 1, 3) if depth else st.builds(field.cls)
    if field.null:
        return st.just(field.cls(0))  # others are lost in JSON
    if field.kind == "enum":
        return st.sampled_from(list(field.cls)) | SCALARS["int32"].map(field.cls)
    return {**SCALARS, **WELL_KNOWN}[field.kind.rpartition(".")[2]]
