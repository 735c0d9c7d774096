"""What an encoder refuses, and how it says so: the message, the field's path and the value's type,
never the value.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, cast

import pytest
from raccoon_runtime import codec
from raccoon_runtime.codec import json_in, json_out
from raccoon_runtime.codec.kinds import LIST_VALUE, STRUCT, VALUE
from raccoon_runtime.codec.unwrapped import NESTED
from raccoon_runtime.codec.wire import TooDeep
from raccoon_runtime.errors import SerializationError
from raccoon_runtime.message import OutputFormat
from raccoon_runtime.serializers import JSON
from raccoon_runtime.well_known import NULL, Duration, FieldMask, Timestamp
from raccoon_runtime.well_known import Any as AnyMessage

from tests.codec import kinds
from tests.codec.conftest import Made

SECRET = "do-not-tell-anyone"


class Other(IntEnum):
    """Some enum that has nothing to do with the schema's."""

    ONE = 1


class Text(str):
    """Somebody's own."""


class Name(str, Enum):
    """Some names, and how they are written."""

    ONE = "one"


RANGES = [
    (kind, number)
    for kind, (low, high) in kinds.INTEGERS.items()
    for number in (low - 1, high + 1, 10**40, -(10**40))
]


def told(message: Any) -> str:
    """The error of an encoding: the same for bytes, for keywords and for a dict of plain values."""
    with pytest.raises(SerializationError) as caught:
        bytes(message)
    with pytest.raises(SerializationError) as python:
        message.to_dict(output_format=OutputFormat.PYTHON)
    assert str(python.value) == str(caught.value)
    fields = {name: getattr(message, name) for name in type(message).__dataclass_fields__}
    with pytest.raises(SerializationError) as again:
        codec.of(type(message)).encode_fields(fields)
    assert str(again.value) == str(caught.value)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def told_json(message: Any) -> str:
    """The same for JSON, with default values or without."""
    with pytest.raises(SerializationError) as caught:
        message.to_json()
    with pytest.raises(SerializationError) as full:
        message.to_json(include_default_values=True)
    assert str(full.value) == str(caught.value)
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "place", ["single", "optional", "chosen", "repeated", "unpacked", "mapped", "keyed"]
)
@pytest.mark.parametrize(("kind", "number"), RANGES)
def test_an_integer_out_of_range(made: Made, kind: str, number: int, place: str) -> None:
    cls = getattr(made.ours, kinds.message_of(kind))
    message = cls(**{place: put(place, number)})
    wanted = f"{cls.__name__}.{place}{at(place)}: out of range for {kind}"
    assert told(message) == wanted
    assert told_json(message) == wanted


@pytest.mark.parametrize("kind", ["float", "FloatValue"])
@pytest.mark.parametrize("number", [1e39, -3.5e38, 10**39])
def test_a_float_out_of_range(made: Made, kind: str, number: float) -> None:
    cls = getattr(made.ours, kinds.message_of(kind))
    for place in kinds.places(kind):
        message = cls(**{place: put(place, number)})
        wanted = f"{cls.__name__}.{place}{at(place)}: out of range for float"
        assert told(message) == wanted
        assert told_json(message) == wanted


def put(place: str, value: Any) -> Any:
    """The value in a list or a map behind a good one, where the place has those."""
    if place in ("repeated", "unpacked"):
        return [value]
    if place == "mapped":
        return {"k": value}
    return {value: "v"} if place == "keyed" else value


def at(place: str) -> str:
    return {"repeated": "[0]", "unpacked": "[0]", "mapped": "['k']", "keyed": "[key 0]"}.get(
        place, ""
    )


WRONG: dict[str, list[Any]] = {
    **{kind: [True, 1.0, 0.0, "1", None, b"1", Decimal(1), [1]] for kind in kinds.INTEGERS},
    "float": [True, "1.5", Decimal("1.5"), None, b"", 10**400],
    "double": [True, "1.5", Decimal("1.5"), None, b"", 10**400],
    "bool": [0, 1, "", "true", None, []],
    "string": [1, b"text", None, [], {}, True, object()],
    "bytes": ["text", 1, 0, None, [1], {}],
    "Mood": ["MOOD_GOOD", 1.0, True, Other.ONE, None, b""],
    "Leaf": [{"name": "x"}, "x", 1, ()],
    "FieldMask": ["x", ["x"], {"paths": ["x"]}],
    "Timestamp": [1, "2026-03-14T15:09:26Z", timedelta(1), datetime(2026, 1, 1), 0.0],
    "Duration": [1, "1s", datetime(2026, 1, 1, tzinfo=timezone.utc), 0],
    "Struct": [[], "x", 1, {1: 2}, {"a": object()}, {"a": {1}}],
    "Value": [object(), {1}, b"x", {1: 2}, [b"x"], 2**53 + 1],
    "ListValue": [{}, "x", 1, [object()]],
    "StringValue": [1, b"x", True],
    "BytesValue": ["x", 1],
    "BoolValue": [0, "x"],
    "Int32Value": [1.0, True, 2**31],
    "DoubleValue": ["1", True],
}


@pytest.mark.parametrize(
    ("kind", "index"), [(k, i) for k, many in WRONG.items() for i in range(len(many))]
)
def test_a_wrong_type(made: Made, kind: str, index: int) -> None:
    value = WRONG[kind][index]
    cls = getattr(made.ours, kinds.message_of(kind))
    for place in kinds.places(kind):
        if place == "keyed" and not isinstance(value, (int, float, str, bytes, type(None))):
            continue
        if value is None and place in ("single", "optional", "chosen") and kind not in PLAIN:
            continue  # not set
        if value is None and place in ("optional", "chosen"):
            continue
        message = cls(**{place: put(place, value)})
        where = f"{cls.__name__}.{place}{at(place)}"
        for text in (told(message), told_json(message)):
            assert text.startswith((f"{where}: ", f"{where}["))
            assert len(text) < 200


PLAIN = (*kinds.SCALARS, "Mood")


@pytest.mark.parametrize("place", ["repeated", "unpacked", "mapped", "keyed"])
@pytest.mark.parametrize("value", [None, 0, "", "abc", b"", 1.5, {1}, object()])
def test_no_list_and_no_map(made: Made, place: str, value: Any) -> None:
    for kind in ("int32", "string", "Mood", "double"):
        if place not in kinds.places(kind):
            continue
        cls = getattr(made.ours, kinds.message_of(kind))
        message = cls(**{place: value})
        wanted = f"{cls.__name__}.{place}: {type(value).__name__} where a "
        assert told(message).startswith(wanted)
        assert told_json(message).startswith(wanted)


def test_a_wrong_type_in_what_json_shows_as_a_whole(made: Made) -> None:
    """In a FieldMask and an Any, whose JSON is not that of their fields."""
    mask, any_ = "fieldmask_single", "any_single"
    for field, wrong, name, reason in [
        (mask, FieldMask(paths=cast(Any, "ab")), "paths", "str where a list belongs"),
        (any_, AnyMessage(value=cast(Any, "")), "value", "str where bytes belongs"),
        (any_, AnyMessage(type_url=cast(Any, None)), "type_url", "NoneType where a str belongs"),
    ]:
        message = made.ours.Everything(**{field: wrong})
        assert told(message) == f"Everything.{field}.{name}: {reason}"
        assert told_json(message) == f"Everything.{field}: {reason}"


def test_a_dict_of_an_any_that_is_not_known(made: Made) -> None:
    message = made.ours.Everything(any_single=AnyMessage(type_url="x.com/no.Such"))
    with pytest.raises(SerializationError, match=r"^Everything\.any_single: an Any of 'no\.Such'"):
        message.to_dict(output_format=OutputFormat.PYTHON)


def test_what_is_as_good_is_taken(made: Made) -> None:
    """Tuples for lists, int subclasses for ints, ints for floats, bytearrays for bytes."""
    everything = made.ours.Everything
    for good, plain in [
        ({"int32_single": Other.ONE}, {"int32_single": 1}),
        ({"int32_repeated": (1, 2)}, {"int32_repeated": [1, 2]}),
        ({"string_repeated": ("a",)}, {"string_repeated": ["a"]}),
        ({"double_single": 1}, {"double_single": 1.0}),
        ({"double_repeated": [1, 2.0]}, {"double_repeated": [1.0, 2.0]}),
        ({"float_mapped": {"a": 1}}, {"float_mapped": {"a": 1.0}}),
        ({"bytes_single": bytearray(b"x")}, {"bytes_single": b"x"}),
        ({"bytes_single": memoryview(b"x")}, {"bytes_single": b"x"}),
        ({"mood_single": 1}, {"mood_single": made.ours.Mood.MOOD_GOOD}),
        ({"mood_repeated": [0, 7]}, {"mood_repeated": [made.ours.Mood(0), made.ours.Mood(7)]}),
        ({"value_single": (1.0, None)}, {"value_single": [1.0, None]}),
        ({"value_repeated": [NULL]}, {"value_repeated": [None]}),
        ({"int64value_single": Other.ONE}, {"int64value_single": 1}),
    ]:
        assert bytes(everything(**good)) == bytes(everything(**plain))
        assert everything(**good).to_json() == everything(**plain).to_json()


@pytest.mark.parametrize("key", [Text("one"), Name.ONE])
def test_a_key_of_a_subclass_of_str(made: Made, key: Any) -> None:
    everything, leaf = made.ours.Everything, made.ours.Leaf(name=Text("a"))
    values: list[tuple[str, Any]] = [
        ("string_mapped", Text("v")),
        ("mood_mapped", 1),
        ("leaf_mapped", leaf),
        ("int64_mapped", 5),
        ("struct_mapped", {"a": [1]}),
        ("struct_single", [{"one": True}]),
        ("value_single", [{"one": None}]),
    ]
    for name, value in values:
        good, plain = {key: value}, {"one": value}
        one, other = everything(**{name: good}), everything(**{name: plain})
        assert bytes(one) == bytes(other)
        assert one.to_json() == other.to_json() == JSON.encode(one).decode()
        for defaults in (False, True):
            shown = one.to_dict(include_default_values=defaults)
            assert shown == other.to_dict(include_default_values=defaults)
        assert codec.of(everything).json_fields({name: good}) == JSON.encode(other)


@pytest.mark.parametrize("kind", ["int32", "fixed64", "double", "bool", "string", "Mood", "Leaf"])
@pytest.mark.parametrize("empty", [(), type("Items", (list,), {})()])
def test_what_is_empty_is_not_written(made: Made, kind: str, empty: Any) -> None:
    cls = getattr(made.ours, kinds.message_of(kind))
    for place in {"repeated", "unpacked"}.intersection(kinds.places(kind)):
        message = cls(**{place: empty})
        assert bytes(message) == b""
        assert message.to_json() == "{}"


def test_zeros_of_any_kind_are_the_default(made: Made) -> None:
    zero = IntEnum("Zero", {"NONE": 0}).NONE
    for given in (
        {"int32_single": zero},
        {"fixed64_single": zero},
        {"double_single": 0},
        {"mood_single": 0},
    ):
        message = made.ours.Everything(**given)
        assert bytes(message) == b""
        assert message.to_json() == "{}"


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", SECRET + "\udead"])
def test_a_lone_surrogate(made: Made, text: str) -> None:
    everything = made.ours.Everything
    reason = "a str with a lone surrogate, which no UTF-8 can hold"
    for given, path in [
        ({"string_single": text}, "string_single"),
        ({"string_optional": text}, "string_optional"),
        ({"string_chosen": text}, "string_chosen"),
        ({"string_repeated": ["a", text]}, "string_repeated[1]"),
        ({"string_mapped": {"a": "b", "c": text}}, "string_mapped['c']"),
        ({"string_keyed": {text: "b"}}, "string_keyed[key 0]"),
        ({"stringvalue_single": text}, "stringvalue_single"),
        ({"leaf_single": made.ours.Leaf(name=text)}, "leaf_single.name"),
        ({"leaf_mapped": {"a": made.ours.Leaf(name=text)}}, "leaf_mapped['a'].name"),
    ]:
        message = everything(**given)
        assert told(message) == told_json(message) == f"Everything.{path}: {reason}"
    for given in (
        {"struct_single": {"a": [text]}},
        {"struct_single": {text: 1}},
        {"value_single": text},
    ):
        assert told(everything(**given)).startswith("Everything.")
        assert told_json(everything(**given)).startswith("Everything.")


LONG = "a" * 1_000

PLACES: list[tuple[dict[str, Any], str, str]] = [
    ({"struct_single": {"a": [1, {"b c": b"x"}]}}, "struct_single['a'][1]['b c']", "bytes where a"),
    ({"struct_single": {"a": {SECRET: 1, 2: 3}}}, "struct_single['a'][key 1]", "int where a str"),
    ({"struct_single": {"a": "\ud800"}}, "struct_single['a']", "a str with a lone surrogate"),
    ({"struct_single": {SECRET + "\ud800": 1}}, "struct_single[key 0]", "a str with a lone"),
    ({"struct_repeated": [{}, {"a": {1}}]}, "struct_repeated[1]['a']", "set where a JSON value"),
    ({"value_single": [2**53 + 1]}, "value_single[0]", "an int that a JSON number cannot"),
    ({"value_mapped": {"k": {"a": b""}}}, "value_mapped['k']['a']", "bytes where a JSON value"),
    ({"listvalue_single": [[], [b""]]}, "listvalue_single[1][0]", "bytes where a JSON value"),
    ({"string_mapped": {LONG: 1}}, f"string_mapped['{LONG[:40]}'…]", "int where a str belongs"),
    ({"string_mapped": {Name.ONE: 1}}, "string_mapped['one']", "int where a str belongs"),
    ({"int32_keyed": {5: 1}}, "int32_keyed[5]", "int where a str belongs"),
    ({"int32_keyed": {Other.ONE: 1}}, "int32_keyed[1]", "int where a str belongs"),
    ({"bool_keyed": {True: 1}}, "bool_keyed[True]", "int where a str belongs"),
]


@pytest.mark.parametrize(("given", "path", "reason"), PLACES)
def test_the_way_through_maps_and_structs(
    made: Made, given: dict[str, Any], path: str, reason: str
) -> None:
    """Keys on the way are told, cut short; one that is itself wrong is counted."""
    message = made.ours.Everything(**given)
    assert told(message).startswith(f"Everything.{path}: {reason}")
    assert told_json(message).startswith(f"Everything.{path}: {reason}")


def test_two_members_of_a_oneof(made: Made) -> None:
    message = made.ours.Choice(text="a", number=0)
    wanted = "Choice.number: set although text is, of the same oneof"
    assert told(message) == told_json(message) == wanted
    assert bytes(made.ours.Choice(text="", yes=False)) == b"\n\x000\x00"


@pytest.mark.parametrize(
    "value",
    [
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_a_datetime_that_utc_does_not_have(made: Made, value: datetime) -> None:
    message = made.ours.Everything(timestamp_single=value)
    wanted = "Everything.timestamp_single: a datetime that in UTC is out of range for a Timestamp"
    assert told(message) == told_json(message) == wanted


def test_a_naive_datetime(made: Made) -> None:
    message = made.ours.Everything(timestamp_repeated=[datetime(2026, 1, 1)])
    wanted = "Everything.timestamp_repeated[0]: a naive datetime: give it a time zone"
    assert told(message) == told_json(message) == wanted


def test_a_timedelta_longer_than_a_duration(made: Made) -> None:
    message = made.ours.Everything(duration_single=timedelta(days=4_000_000))
    wanted = "Everything.duration_single: a timedelta out of range for a Duration"
    assert told(message) == told_json(message) == wanted


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"timestamp_single": Timestamp.from_raw(253_402_300_800, 0)}, "timestamp_single"),
        ({"timestamp_single": Timestamp.from_raw(0, -1)}, "timestamp_single"),
        ({"timestamp_single": Timestamp.from_raw(0, 1_000_000_000)}, "timestamp_single"),
        ({"duration_single": Duration.from_raw(315_576_000_001, 0)}, "duration_single"),
        ({"duration_single": Duration.from_raw(1, -1)}, "duration_single"),
        ({"fieldmask_single": FieldMask(paths=[""])}, "fieldmask_single"),
        ({"value_single": float("nan")}, "value_single"),
        ({"struct_single": {"a": [float("inf")]}}, "struct_single['a'][0]"),
        ({"listvalue_single": [float("-inf")]}, "listvalue_single[0]"),
    ],
)
def test_what_only_json_cannot_hold(made: Made, given: dict[str, Any], path: str) -> None:
    message = made.ours.Everything(**given)
    assert made.ours.Everything.parse(bytes(message)) == message
    assert told_json(message).startswith(f"Everything.{path}: ")


@pytest.mark.parametrize("cls", [Timestamp, Duration])
def test_more_than_the_wire_holds(cls: Any) -> None:
    for seconds, nanos in ((1 << 63, 0), (-(1 << 63) - 1, 0), (0, 1 << 31), (0, -(1 << 31) - 1)):
        with pytest.raises(ValueError, match="out of range"):
            cls.from_raw(seconds, nanos)
    assert cls.from_raw((1 << 63) - 1, (1 << 31) - 1).raw == ((1 << 63) - 1, (1 << 31) - 1)


def test_a_missing_attribute(made: Made) -> None:
    message = made.ours.Leaf(name="x")
    del message.name, message.number
    message.name = "y"
    assert bytes(message) == b"\n\x01y"  # the class has the default
    inner = made.ours.Everything(leaf_single=made.ours.Leaf())
    del inner.leaf_repeated
    assert told_without_fields(inner) == "Everything.leaf_repeated: missing"


def told_without_fields(message: Any) -> str:
    with pytest.raises(SerializationError) as caught:
        bytes(message)
    return str(caught.value)


def nested(made: Made, levels: int) -> Any:
    node = made.ours.Node(name="end")
    for _ in range(levels):
        node = made.ours.Node(child=node)
    return node


def test_messages_nest_a_hundred_levels_and_no_more(made: Made) -> None:
    assert made.ours.Node.parse(bytes(nested(made, 100))) == nested(made, 100)
    assert made.ours.Node.from_json(nested(made, 100).to_json()) == nested(made, 100)
    assert told(nested(made, 101)) == "Node: nested more than 100 levels deep"
    assert told_json(nested(made, 101)) == "Node: nested more than 100 levels deep"
    assert told(nested(made, 5_000)) == "Node: nested more than 100 levels deep"


def test_what_holds_itself_is_too_deep(made: Made) -> None:
    ping = made.ours.Ping()
    ping.pong = made.ours.Pong(ping=ping)
    assert told(ping) == told_json(ping) == "Ping: nested more than 100 levels deep"
    data: dict[str, Any] = {}
    data["again"] = data
    message = made.ours.Node(data=data)
    assert told(message) == told_json(message) == "Node.data: nested more than 100 levels deep"


@pytest.mark.parametrize(("kind", "value"), [(VALUE, True), (STRUCT, {}), (LIST_VALUE, [])])
def test_too_deep_is_one_error(kind: str, value: Any) -> None:
    """Of whatever kind it is, and in whatever direction."""
    for table in (NESTED, json_out.NESTED, json_in.NESTED):
        table[kind](value, 100)
        with pytest.raises(TooDeep, match=r"^nested more than 100 levels deep$"):
            table[kind](value, 101)


def told_untyped(value: object) -> str:
    with pytest.raises(SerializationError) as caught:
        JSON.encode(value)
    return str(caught.value)


@pytest.mark.timeout(20)
def test_json_that_holds_itself() -> None:
    """It is told where, and soon, although there are many ways around."""
    parent: dict[str, Any] = {"name": "a"}
    parent["children"] = [{"parent": parent}, {"parent": parent}]
    assert told_untyped(parent) == "$.children[0].parent: a cycle back to $"
    ring: list[Any] = [1, ({"ring": None},)]
    ring[1][0]["ring"] = ring
    assert told_untyped({"a": [ring, ring]}) == "$.a[0][1][0].ring: a cycle back to $.a[0]"
    assert told_untyped([parent, object()]).startswith("$[0].children[0].parent: a cycle")


@pytest.mark.timeout(20)
def test_json_that_holds_one_thing_many_times() -> None:
    shared: Any = [1.5, None]
    assert JSON.encode([shared, shared, {"a": shared}]) == (
        b'[[1.5,null],[1.5,null],{"a":[1.5,null]}]'
    )
    for _ in range(250):
        shared = [shared, shared]
    assert told_untyped([2**64, shared]) == "$[0]: an int of more than 64 bits"
    for _ in range(100):
        shared = {"a": shared, "b": shared}
    assert told_untyped(shared) == "dict: Recursion limit reached"


FILLED: dict[str, Any] = {
    "text": "a",
    "data": b"a",
    "list": ["a"],
    "map": {"a": 1},
    "optional": 1,
    "number": 1,
}


EMPTY: list[tuple[str, Any]] = [
    *[("text", ""), ("data", b""), ("list", []), ("map", {}), ("optional", None)],
    *[("text", type("Text", (str,), {})("")), ("data", bytearray()), ("data", memoryview(b""))],
    *[("list", ()), ("map", OrderedDict[str, int]()), ("map", defaultdict[str, int](int))],
]


@pytest.mark.parametrize(("name", "empty"), EMPTY)
def test_a_required_field_left_empty(made: Made, name: str, empty: Any) -> None:
    """Of whatever type that is taken; in bytes and in JSON, of a message and of keywords."""
    event, given = made.ours.RuledEvent, {**FILLED, "message": made.ours.Ruled(text="a")}
    one = codec.of(event)
    for whole in (one.encode_event, one.json_event, one.json_event_proto_names):
        assert whole(event(**given))
        with pytest.raises(
            SerializationError, match=rf"^RuledEvent\.{name}: required, and not set$"
        ):
            whole(event(**{**given, name: empty}))
    for fields in (one.encode_fields, one.json_fields, one.json_fields_proto_names):
        assert fields(given)
        with pytest.raises(
            SerializationError, match=rf"^RuledEvent\.{name}: required, and not set$"
        ):
            fields({**given, name: empty})


@pytest.mark.parametrize(("name", "wrong"), [("data", ""), ("list", 0), ("map", 0), ("list", None)])
def test_a_required_field_of_a_wrong_type(made: Made, name: str, wrong: Any) -> None:
    given = {**FILLED, "message": made.ours.Ruled(text="a"), name: wrong}
    one = codec.of(made.ours.RuledEvent)
    told: set[str] = set()
    for fields in (one.encode_fields, one.json_fields):
        with pytest.raises(SerializationError) as caught:
            fields(given)
        told.add(str(caught.value))
    assert len(told) == 1


def test_an_unknown_keyword_and_a_missing_one(made: Made) -> None:
    encode = codec.of(made.ours.RuledEvent).encode_fields
    with pytest.raises(TypeError, match=r"^RuledEvent\(\) got an unexpected keyword argument 'x'$"):
        encode({"text": "a", "x": 1})
    with pytest.raises(TypeError, match="missing required keyword argument: 'text'"):
        encode({"data": b"a"})
