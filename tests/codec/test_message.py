"""Messages as Python objects: presence, defaults, equality, copies, pickles, repr, hash."""

from __future__ import annotations

import copy
import dataclasses
import io
import itertools
import pickle
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from hypothesis import given
from hypothesis import strategies as st
from raccoon_codegen.fields import _json_name as generators_json_name
from raccoon_runtime import codec
from raccoon_runtime.codec.plan import json_name
from raccoon_runtime.errors import SerializationError
from raccoon_runtime.message import SIZE_DELIMITED, Enum, Message, field
from raccoon_runtime.well_known import NULL

from tests.codec import kinds
from tests.codec.conftest import Made
from tests.codec.strategies import messages

UNKNOWN = b"\xf8\x3f\x01"
"""A field 1023, which no message here has."""


def test_defaults(made: Made) -> None:
    """Plain numbers are 0, texts empty, lists and maps too; what has presence is None."""
    everything = made.ours.Everything()
    for kind in kinds.KINDS:
        for place in kinds.places(kind):
            value = getattr(everything, f"{kind.lower()}_{place}")
            if place in ("repeated", "unpacked"):
                assert value == []
            elif place in ("mapped", "keyed"):
                assert value == {}
            elif place == "single" and kind in (*kinds.SCALARS, "Mood"):
                assert value == kinds.values(kind, made.ours)[0]
                assert type(value) is type(kinds.values(kind, made.ours)[0])
            else:
                assert value is None
    assert everything.int32_repeated is not made.ours.Everything().int32_repeated


def test_presence(made: Made) -> None:
    """A default that is given is written where the field has presence, and only there."""
    for kind in (*kinds.SCALARS, "Mood"):
        cls = getattr(made.ours, kinds.message_of(kind))
        default = kinds.values(kind, made.ours)[0]
        for place in ("optional", "chosen"):
            given = cls(**{place: default})
            assert given.is_set(place) and given != cls()
            assert bytes(given) and cls.parse(bytes(given)) == given
            assert not cls.parse(b"").is_set(place)
            assert place in given.to_dict()
        assert bytes(cls(single=default)) == b""
        assert cls(single=default).to_dict() == {}
        assert not cls(single=default).is_set("single")


def test_negative_zero_is_a_value(made: Made) -> None:
    for kind in ("float", "double"):
        cls = getattr(made.ours, kinds.message_of(kind))
        message = cls(single=-0.0)
        assert message.is_set("single") and message
        for again in (cls.parse(bytes(message)), cls.from_json(message.to_json())):
            assert str(again.single) == "-0.0"
        assert message.to_json() == '{"single":-0.0}'


def test_null_is_not_unset(made: Made) -> None:
    unset, null = made.ours.KindValue(), made.ours.KindValue(single=NULL)
    assert unset != null
    assert not NULL and repr(NULL) == "NULL"
    assert made.ours.KindValue.parse(bytes(null)).single is NULL
    assert made.ours.KindValue.from_json('{"single": null}').single is NULL
    assert made.ours.KindValue.from_json("{}").single is None
    assert made.ours.Choice.from_json('{"null": null}').null == 0
    assert null.to_json() == '{"single":null}'
    assert pickle.loads(pickle.dumps(null)).single is NULL
    assert copy.deepcopy(null).single is NULL


def test_a_value_of_no_kind_is_null(made: Made) -> None:
    """As in JSON: it is there, and a oneof's member stays chosen."""
    ours, theirs = made.pair("KindValue")
    numbers = {field.name: field.number for field in theirs.DESCRIPTOR.fields}
    for name, value in (("single", NULL), ("chosen", NULL), ("repeated", [None])):
        message = ours.parse(bytes((numbers[name] << 3 | 2, 0)))
        assert message == ours(**{name: value})
        assert ours.parse(bytes(message)) == message
    assert message.to_json() == '{"repeated":[null]}'
    assert ours.parse(bytes((numbers["chosen"] << 3 | 2, 0))).which_one_of("choice")[0] == "chosen"
    entry = bytes((numbers["mapped"] << 3 | 2, 3)) + b"\x0a\x01k"
    assert ours.parse(entry) == ours(mapped={"k": None})
    assert ours.parse(b"\x0a\x02\x20\x01\x0a\x00") == ours(single=True)


def test_equality(made: Made) -> None:
    leaf = made.ours.Leaf
    assert leaf(name="a") == leaf(name="a") != leaf(name="b")
    assert leaf() != made.ours.KindLeaf() and leaf() != ""
    assert leaf().__eq__(None) is NotImplemented
    with_unknown = leaf.parse(UNKNOWN)
    assert with_unknown != leaf() and with_unknown == leaf.parse(UNKNOWN)
    nan = float("nan")
    for values in (
        {"single": nan},
        {"optional": nan},
        {"repeated": [1.0, nan]},
        {"mapped": {"a": nan}},
    ):
        double = made.ours.KindDouble
        assert double(**values) == double(**values) == double.parse(bytes(double(**values)))
        assert double(**values) == double.from_json(double(**values).to_json())
    assert made.ours.KindDouble(repeated=[nan]) != made.ours.KindDouble(repeated=[nan, nan])
    assert made.ours.KindDouble(mapped={"a": nan}) != made.ours.KindDouble(mapped={"b": nan})


@pytest.mark.timeout(5)
def test_messages_that_differ_deep_down(made: Made) -> None:
    """Each is compared once, however deep: the time does not double with each level."""
    for place in ("children", "named"):
        one, other = made.ours.Node(name="a"), made.ours.Node(name="b")
        for _ in range(90):
            one, other = (
                made.ours.Node(**{place: [node] if place == "children" else {"k": node}})
                for node in (one, other)
            )
        assert one != other and one == copy.deepcopy(one)


def test_a_tuple_is_a_list(made: Made) -> None:
    everything = made.ours.Everything
    leaf = made.ours.Leaf(name="a")
    for name, values in [
        ("double_repeated", (1.0, float("nan"))),
        ("int32_repeated", (1, 2)),
        ("leaf_repeated", (leaf,)),
        ("value_single", (1.0, (None,))),
        ("struct_repeated", ({"a": (1.0,)},)),
    ]:
        one, other = everything(**{name: values}), everything(**{name: [*values]})
        assert one == other == one and one.is_set(name)
        assert one != everything(**{name: values[:1] * 3})
    assert everything(int32_repeated=()) == everything()
    assert not everything(int32_repeated=()).is_set("int32_repeated")
    assert not everything(int32_repeated=())
    assert everything(value_single=()).is_set("value_single")


@pytest.mark.parametrize("place", ["single", "repeated", "mapped", "deep"])
def test_a_value_that_is_true_is_not_one(made: Made, place: str) -> None:
    """Nor is false zero: they are other bytes."""

    def message(value: Any) -> Any:
        put = {"repeated": [value], "mapped": {"k": value}, "deep": {"a": [{"b": value}]}}
        return made.ours.KindValue(
            **{"single" if place == "deep" else place: put.get(place, value)}
        )

    for truth, number in ((True, 1.0), (False, 0), (True, 1)):
        assert message(truth) != message(number) and message(number) != message(truth)
        assert message(truth) == message(truth) == copy.deepcopy(message(truth))
    assert message(1) == message(1.0)


def test_messages_have_no_hash(made: Made) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(made.ours.Leaf())
    with pytest.raises(TypeError, match="unhashable"):
        {made.ours.Leaf()}


def test_truth(made: Made) -> None:
    assert not made.ours.Everything()
    assert (
        made.ours.Leaf(name="a")
        and made.ours.KindInt32(optional=0)
        and made.ours.Leaf.parse(UNKNOWN)
    )


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@given(data=st.data())
def test_pickles(made: Made, protocol: int, data: st.DataObject) -> None:
    message = data.draw(messages(made.ours.Everything))
    message._unknown_fields = data.draw(st.sampled_from([b"", UNKNOWN]))
    again = pickle.loads(pickle.dumps(message, protocol))
    assert again == message and bytes(again) == bytes(message)


@given(data=st.data())
def test_copies(made: Made, data: st.DataObject) -> None:
    message = data.draw(messages(made.ours.Everything))
    message._unknown_fields = data.draw(st.sampled_from([b"", UNKNOWN]))
    for again in (copy.copy(message), copy.deepcopy(message)):
        assert again == message
    replaced = dataclasses.replace(message)
    replaced._unknown_fields = message._unknown_fields  # it knows fields only
    assert replaced == message


def test_a_copy_shares_and_a_deep_copy_does_not(made: Made) -> None:
    message = made.ours.Node(children=[made.ours.Node(name="a")])
    assert copy.copy(message).children is message.children
    deep = copy.deepcopy(message)
    deep.children[0].name = "b"
    deep.children.append(made.ours.Node())
    assert message.children == [made.ours.Node(name="a")]
    message.child = message
    assert copy.deepcopy(message).child.child.name == ""


def test_decoded_messages_share_nothing(made: Made) -> None:
    for cls in (made.ours.Node, made.ours.Everything, made.ours.Wide):
        one, other = cls.parse(b""), cls.parse(b"")
        for declared in dataclasses.fields(cls):
            value = getattr(one, declared.name)
            if isinstance(value, (list, dict)):
                assert value is not getattr(other, declared.name)
                assert value is not getattr(cls.from_dict({}), declared.name)


def test_repr_shows_what_is_set(made: Made) -> None:
    node = made.ours.Node(name="a", child=made.ours.Node(), children=[made.ours.Node(name="b")])
    assert repr(node) == "Node(name='a', child=Node(), children=[Node(name='b')])"
    assert eval(repr(node), {"Node": made.ours.Node}) == node
    everything = made.ours.Everything(mood_single=made.ours.Mood.MOOD_BAD, double_single=-0.0)
    assert repr(everything) == "Everything(double_single=-0.0, mood_single=<Mood.MOOD_BAD: -1>)"


def test_dataclass_functions(made: Made) -> None:
    leaf = made.ours.Leaf(name="a", number=1)
    assert dataclasses.is_dataclass(made.ours.Leaf)
    assert [declared.name for declared in dataclasses.fields(leaf)] == ["name", "number"]
    assert dataclasses.asdict(leaf) == {"name": "a", "number": 1}
    assert dataclasses.replace(leaf, number=2) == made.ours.Leaf(name="a", number=2)
    with_unknown = made.ours.Leaf.parse(UNKNOWN)
    assert dataclasses.replace(with_unknown, name="a")._unknown_fields == b""


def test_unknown_fields_survive(made: Made) -> None:
    inner = b"\x0a\x01a" + UNKNOWN
    for data in (
        UNKNOWN + b"\x0a\x01a" + UNKNOWN,
        b"\x12\x06" + inner,
        b"\x1a\x06" + inner + b"\x1a\x06" + inner,
        b"\x22\x0b\x0a\x01k\x12\x06" + inner,
        b"\x9b\x06\x08\x01\x9c\x06",
        b"\x0d\x01\x02\x03\x04",
    ):
        message = made.ours.Node.parse(data)
        assert sorted(bytes(message)) == sorted(data)
        assert made.ours.Node.parse(bytes(message)) == message
        assert made.theirs.Node.FromString(bytes(message)) == made.theirs.Node.FromString(data)
    # Twice the same message field: both parts' unknown fields are there.
    twice = made.ours.Node.parse(
        b"\x12\x03" + UNKNOWN + b"\x12\x03" + UNKNOWN + b"\x12\x03" + UNKNOWN
    )
    assert bytes(twice) == b"\x12\x09" + UNKNOWN * 3


def test_unknown_enum_numbers_survive(made: Made) -> None:
    message = made.ours.KindMood(single=7, repeated=[1, -5], mapped={"a": 2**31 - 1, "b": -(2**31)})
    again = made.ours.KindMood.parse(bytes(message))
    assert again == message and again.single.name == "" and again.single.proto_name is None
    assert again.to_dict() == {
        "single": 7,
        "repeated": ["MOOD_GOOD", -5],
        "mapped": {"a": "MOOD_LARGE", "b": -(2**31)},
    }
    assert made.ours.KindMood.from_dict(again.to_dict()) == again
    assert pickle.loads(pickle.dumps(again)) == again
    assert repr(again.single) == "<Mood.~UNKNOWN: 7>" and str(again.single) == "UNKNOWN(7)"


def test_enums(made: Made) -> None:
    mood: type[Enum] = made.ours.Mood
    assert mood(1) is mood["MOOD_GOOD"] is mood["MOOD_FINE"]
    assert mood.from_string("MOOD_BAD") is mood(-1)
    assert mood["MOOD_GOOD"].proto_name == "MOOD_GOOD"
    assert f"{mood(1)}" == "MOOD_GOOD" and f"{mood(1):03d}" == "001"
    with pytest.raises(ValueError, match="MOOD_SAD"):
        mood.from_string("MOOD_SAD")
    with pytest.raises(ValueError):
        mood("MOOD_GOOD")
    with pytest.raises(SerializationError, match="out of range for an enum"):
        bytes(made.ours.KindMood(single=mood(2**31)))


def test_a_subclass_is_taken_for_its_base(made: Made) -> None:
    class Special(made.ours.Leaf):  # type: ignore[misc,name-defined] # made at run time
        pass

    message = made.ours.KindLeaf(single=Special(name="a"), repeated=[Special(name="b")])
    plain = made.ours.KindLeaf(single=made.ours.Leaf(name="a"), repeated=[made.ours.Leaf(name="b")])
    assert bytes(message) == bytes(plain) and message.to_json() == plain.to_json()
    assert bytes(Special(name="a")) == bytes(made.ours.Leaf(name="a"))
    assert type(Special.parse(b"\n\x01a")) is Special


def test_merging_as_concatenation(made: Made) -> None:
    """The parse of two encodings, one behind the other, is google's merge."""
    ours, theirs = made.pair("Everything")
    one = bytes(
        ours(
            leaf_single=made.ours.Leaf(name="a"),
            int32_repeated=[1],
            struct_single={"a": 1.0},
            value_single={"x": 1.0},
            listvalue_single=[1.0],
            string_mapped={"k": "1", "l": "2"},
            timestamp_single=ours.from_dict(
                {"timestampSingle": "1970-01-01T00:00:05Z"}
            ).timestamp_single,
            int64value_single=5,
            leaf_chosen=made.ours.Leaf(name="c"),
        )
    )
    other = bytes(
        ours(
            leaf_single=made.ours.Leaf(number=2),
            int32_repeated=[2],
            struct_single={"b": 2.0},
            value_single={"y": 2.0},
            listvalue_single=[2.0],
            string_mapped={"k": "3"},
            timestamp_single=ours.from_dict(
                {"timestampSingle": "1970-01-01T00:00:00.5Z"}
            ).timestamp_single,
            int64value_single=0,
            leaf_chosen=made.ours.Leaf(number=4),
        )
    )
    merged = ours.parse(one + other)
    peer = theirs.FromString(one + other)
    assert theirs.FromString(bytes(merged)) == peer
    assert merged.leaf_single == made.ours.Leaf(name="a", number=2)
    switched = one + bytes(ours(int32_chosen=1)) + other
    assert theirs.FromString(bytes(ours.parse(switched))) == theirs.FromString(switched)


def test_streams(made: Made) -> None:
    """What is read from one is merged; raw streams may give less at a time than was asked for."""

    class Slow(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._inner = io.BytesIO(data)

        def read(self, size: int = -1) -> bytes:
            return self._inner.read(min(size, 999) if size > 0 else size)

    nodes = [made.ours.Node(name="a" * size) for size in (0, 1, 127, 128, 3_000_000)]
    delimited, plain = io.BytesIO(), io.BytesIO()
    for node in nodes:
        node.dump(delimited, delimit=True)
        node.dump(plain)
    for kind in (io.BytesIO, Slow):
        stream = kind(delimited.getvalue())
        assert [made.ours.Node().load(stream, SIZE_DELIMITED) for _ in nodes] == nodes
        stream = kind(plain.getvalue())
        assert [made.ours.Node().load(stream, len(bytes(node))) for node in nodes] == nodes
    node = made.ours.Node(child=made.ours.Node())
    assert node.load(io.BytesIO(b"\n\x01x")) is node
    assert node == made.ours.Node(name="x", child=made.ours.Node())


def test_a_oneof_of_many_members() -> None:
    """Its code grows with its members, not with their square: it compiles, and soon."""
    members = [(f"m{n}", Any, field(n, "string", oneof="one")) for n in range(1, 3_001)]
    cls: Any = dataclasses.make_dataclass("Many", members, bases=(Message,), eq=False, kw_only=True)
    for message in (cls(), cls(m1="a"), cls(m3000="")):
        assert cls.parse(bytes(message)) == message
        assert cls.from_json(message.to_json()) == message
    assert cls.parse(bytes(cls(m7="a")) + bytes(cls(m3000="b")) + bytes(cls(m2="c"))) == cls(m2="c")
    with pytest.raises(SerializationError, match=r"^Many\.m9: set although m8 is"):
        bytes(cls(m8="a", m9="b"))
    assert len(codec.source(cls, "decode").splitlines()) < 10 * len(members)


def test_json_names_are_protobufs_own() -> None:
    """The runtime's, the generator's and protobuf's rule agree: none of them says what another
    would make of a name.
    """
    names = [
        "a",
        "A",
        "_",
        "__",
        "_a",
        "a_",
        "a__b",
        "_a_b_",
        "a_b",
        "a_B",
        "A_b",
        "a1_2b",
        "a_1",
        "aB",
    ]
    names += ["".join(each) for each in itertools.product("aZ0_", repeat=5)]
    file = FileDescriptorProto(name="names.proto", package="names", syntax="proto3")
    for index, name in enumerate(dict.fromkeys(names)):
        if not name[0].isdigit():
            # A message for each: many of their JSON names are the same.
            field = file.message_type.add(name=f"M{index}").field.add(name=name, number=1)
            field.type, field.label = field.TYPE_STRING, field.LABEL_OPTIONAL
    pool = DescriptorPool()
    pool.Add(file)  # type: ignore[no-untyped-call]  # google's stubs have no type for it
    for message in file.message_type:
        found = pool.FindMessageTypeByName(f"names.{message.name}").fields[0]
        assert json_name(found.name) == generators_json_name(found.name) == found.json_name


def test_what_a_declaration_may_not_say() -> None:
    for wrong, said in [
        ({"a": field(0, "int32")}, "0 is no field number"),
        ({"a": field(1 << 29, "int32")}, "no field number"),
        ({"a": field(1, "int32"), "b": field(1, "int32")}, "have one number"),
        ({"a_b": field(1, "int32"), "aB": field(2, "int32")}, "a_b and aB have one JSON name"),
        ({"__a": field(1, "int32")}, "not a name for a field"),
        ({"a": field(1, "int32", lambda: Enum)}, "takes no class"),
        ({"a": field(1, "map<float, int32>")}, "is no map type"),
        ({"a": field(1, "google.protobuf.Nothing", optional=True)}, "is no type"),
    ]:
        fields = [(name, Any, value) for name, value in wrong.items()]
        bad = dataclasses.make_dataclass("Bad", fields, bases=(Message,), eq=False)
        with pytest.raises(TypeError, match=said):
            bytes(bad())
