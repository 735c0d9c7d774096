"""The rules of names, and the tables of names that are taken, held against the runtime itself."""

from __future__ import annotations

import builtins
import enum
import re
from dataclasses import field, make_dataclass

import black
import pytest
from raccoon_codegen import names
from raccoon_runtime import interface
from raccoon_runtime.message import Enum, Message

from .conftest import Schemas


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("Page", "page"),
        ("UserSignedUp", "user_signed_up"),
        ("HTTPRequest", "http_request"),
        ("HTTP", "http"),
        ("USState", "us_state"),
        ("UserIDs", "user_ids"),
        ("Page2View", "page2_view"),
        ("MP3Player", "mp3_player"),
        ("V2Order", "v2_order"),
        ("Page_View", "page_view"),
        ("PAGE_VIEW", "page_view"),
        ("iOSApp", "i_os_app"),
        ("X", "x"),
    ],
)
def test_snake_case(name: str, snake: str) -> None:
    assert names.snake(name) == snake


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("from", "from_"),
        ("None", "None_"),
        ("self", "self_"),
        ("to_dict", "to_dict_"),
        ("parse", "parse_"),
        ("_unknown_fields", "_unknown_fields_"),
        ("__private", "private"),
        ("__init__", "init__"),
        ("__from", "from_"),
        ("__1", "_1"),
        ("__", "_"),
        ("_", "_"),
        ("_plain", "_plain"),
        ("_dflt_tags", "dflt_tags"),
        ("_dflt_1", "dflt_1"),
        ("__dflt_tags", "dflt_tags"),
        ("_HAS_DEFAULT_FACTORY", "HAS_DEFAULT_FACTORY"),
        ("match", "match"),
        ("timeout", "timeout"),
        ("str", "str"),
    ],
)
def test_fields(name: str, spelled: str) -> None:
    assert names.spelled_field(name) == spelled
    assert spelled.isidentifier()


def test_fields_hide_nothing_that_init_uses() -> None:
    """What this Python's dataclasses call things where a field's name is a parameter."""
    made = make_dataclass("Made", [("tags", "list[str]", field(default_factory=list[str]))])
    used = made.__init__.__code__.co_freevars
    assert len(used) == 2
    assert not {names.spelled_field(name) for name in used}.intersection(used)


@pytest.mark.parametrize(
    ("name", "nested", "spelled"),
    [
        ("None", True, "None_"),
        ("class", False, "class_"),
        ("FromString", True, "FromString_"),
        ("FromString", False, "FromString"),
        ("_Item", True, "Item"),
        ("__Item", False, "Item"),
        ("_", False, "X"),
        ("_1Item", False, "X1Item"),
        ("annotations", False, "annotations_"),
        ("annotations", True, "annotations"),
    ],
)
def test_classes(name: str, nested: bool, spelled: str) -> None:
    assert names.spelled_class(name, nested=nested) == spelled


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("mro", "mro_"),
        ("name", "name_"),
        ("value", "value_"),
        ("None", "None_"),
        ("real", "real_"),
        ("from_bytes", "from_bytes_"),
        ("__dunder__", "dunder__"),
        ("_sunder_", "_sunder__"),
        ("__x", "x"),
        ("_Plan__x", "Plan__x"),
        ("_x", "_x"),
        ("PLAN_PRO", "PLAN_PRO"),
    ],
)
def test_members_are_members(name: str, spelled: str) -> None:
    assert names.spelled_member(name, "Plan") == spelled
    made = enum.IntEnum("Plan", {"ZERO": 0, spelled: 1})
    assert made[spelled].value == 1


def test_a_member_with_an_underscore_more_is_a_member(package: Schemas) -> None:
    """`_1` and `__1` want the same name, and `_1_` would mean something to Python."""
    declared = "A = 0; _1 = 1; __1 = 1; _1__ = 1;"
    text = f'syntax = "proto3"; enum Kind {{ option allow_alias = true; {declared} }}'
    ((kind,),) = [module.enums for module in package({"kinds.proto": text}).modules]
    assert [member.name for member in kind.members] == ["A", "_1", "_1___", "_1__"]


def test_attributes_of_messages_are_known() -> None:
    inherited = {name for name in dir(Message) if not name.startswith("__")}
    assert inherited <= names.MESSAGE_ATTRIBUTES


def test_attributes_of_enums_are_known() -> None:
    inherited = {name for name in (*dir(Enum), *dir(int)) if not name.startswith("_")}
    assert inherited <= names.ENUM_ATTRIBUTES


def test_builtins_are_known() -> None:
    public = {name for name in dir(builtins) if not name.startswith("_")}
    assert public - names.KEYWORDS <= names.BUILTINS


@pytest.mark.parametrize("package", ["shop.v1", "import.client", "client", "a.None.b", "logging"])
def test_packages_lie_where_the_runtime_looks_for_them(package: str) -> None:
    assert ".".join(names.package_directories(package)) == interface.package_path(package)


@pytest.mark.parametrize(
    ("path", "package", "module"),
    [
        ("shop/v1/order.proto", "shop.v1", "order_pb"),
        ("a/types.proto", "x", "a_types_pb"),
        ("shop/v1/order.proto", "shop", "v1_order_pb"),
        ("order.proto", "", "order_pb"),
        ("my-order.v2.proto", "", "my_order_v2_pb"),
        ("2020_orders.proto", "", "_2020_orders_pb"),
        ("bestellung/größe.proto", "bestellung", "größe_pb"),
        ("a b's.proto", "", "a_b_s_pb"),
        ("plain", "", "plain_pb"),
    ],
)
def test_modules(path: str, package: str, module: str) -> None:
    assert names.module_name(path, package) == module
    assert module.isidentifier()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        'a"b',
        "a'b",
        "a'b\"c",
        "a'b'\"c",
        '""\'',
        "\n\t\0\x7f\\ é\u2028",
        "{{ x }}",
        "\\'",
    ],
)
def test_literals_mean_the_text_and_are_as_black_writes_them(text: str) -> None:
    written = names.literal(text)
    assert eval(written) == text
    assert black.format_str(f"x = {written}", mode=black.Mode()) == f"x = {written}\n"


def test_methods_are_none_of_the_clients_own() -> None:
    # By what it is called no event can hide one of theirs.
    client = pytest.importorskip("raccoon_runtime.client")
    sync = pytest.importorskip("raccoon_runtime.sync")
    own = {*dir(client.AsyncClient), *dir(sync.SyncClient)}
    assert not [name for name in own if re.fullmatch(r"send_(.+_)?event", name)]
