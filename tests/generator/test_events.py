"""What becomes an event, and what its method takes."""

from __future__ import annotations

from typing import Any

import pytest
from raccoon_codegen import model
from raccoon_codegen.build import Override
from raccoon_codegen.errors import UsageError

OPTIONS = 'import "raccoon/options.proto"; '


def events(package: model.Package) -> dict[str, str]:
    return {e.method: e.type for e in package.client.events} if package.client else {}


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("message PageEvent {}", {"send_page_event": "page"}),
        (
            "message UserSignedUpEvent {}",
            {"send_user_signed_up_event": "user_signed_up"},
        ),
        ("message HTTPRequestEvent {}", {"send_http_request_event": "http_request"}),
        ("message Page {}", {}),
        ("message Event {}", {}),
        ("message _Event {}", {}),
        ("message Prevent {}", {}),
        ("message Outer { message PageEvent {} }", {}),
        ("enum PageEvent { ZERO = 0; }", {}),
        ("message Page { option (raccoon.event) = {}; }", {"send_page_event": "page"}),
        ("message Event { option (raccoon.event) = {}; }", {"send_event": "event"}),
        (
            'message Checkout { option (raccoon.event) = {type: "shop.check-out"}; }',
            {"send_checkout_event": "shop.check-out"},
        ),
        (
            'message PageEvent { option (raccoon.event).name = "page_seen"; }',
            {"send_page_seen_event": "page"},
        ),
        (
            'message PageEvent { option (raccoon.event).name = "3ds"; }',
            {"send_3ds_event": "page"},
        ),
        ("message PageEvent { option (raccoon.event).skip = true; }", {}),
    ],
)
def test_by_the_schema(package: Any, message: str, found: dict[str, str]) -> None:
    assert events(package({"m.proto": OPTIONS + message})) == found


TWO = {
    "v1.proto": "package shop.v1; message PageEvent {} message Cart { message Line {} }",
    "v2.proto": OPTIONS + "package shop.v2; message PageEvent {} message Order"
    " { option (raccoon.event) = {skip: true}; }",
}


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ({"exclude_events": ("shop.v1.*",)}, {"send_page_event": "page"}),
        ({"exclude_events": ("*",)}, {}),
        ({"exclude_events": ("shop.v1.PageEvent", "shop.v2.PageEvent")}, {}),
        (
            {"exclude_events": ("shop.v1.PageEvent",), "events": ("shop.v1.C?rt",)},
            {"send_cart_event": "cart", "send_page_event": "page"},
        ),
        (
            {"events": ("shop.*",), "exclude_events": ("*.PageEvent",)},
            {"send_cart_event": "cart"},
        ),
        (
            {"overrides": {"shop.v1.PageEvent": Override(name="page_v1", type="page-v1")}},
            {"send_page_event": "page", "send_page_v1_event": "page-v1"},
        ),
        (
            {
                "overrides": {"shop.v2.Order": Override(type="ordered")},
                "exclude_events": ("*",),
            },
            {"send_order_event": "ordered"},
        ),
    ],
)
def test_from_outside(package: Any, inputs: dict[str, Any], found: dict[str, str]) -> None:
    assert events(package(TWO, **inputs)) == found


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        (
            {"events": ("shop.v3.*",)},
            "--events 'shop.v3.*' matches no message of the schemas",
        ),
        (
            {"exclude_events": ("*", "shop.v1.PagEvent")},
            "--exclude-events 'shop.v1.PagEvent' matches no message of the schemas",
        ),
        (
            {"events": ("shop.v1.Cart.*",)},
            "--events 'shop.v1.Cart.*' matches no message of the schemas;"
            " those inside of others are no events",
        ),
        (
            {"overrides": {"shop.v1.PagEvent": Override(type="x")}},
            "settings for an event shop.v1.PagEvent: no such message at the top of a schema;"
            " did you mean shop.v1.PageEvent?",
        ),
        (
            {"overrides": {"shop.v1.Cart.Line": Override(type="x")}},
            "settings for an event shop.v1.Cart.Line: no such message at the top of a schema",
        ),
    ],
)
def test_settings_that_mean_nothing(package: Any, inputs: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        package(TWO, **inputs)
    assert str(caught.value).startswith(says)


def test_the_class_says_its_type(package: Any) -> None:
    (module,) = package({"m.proto": "package p; message PageEvent {}"}).modules
    assert module.messages[0].keywords == ('proto="p.PageEvent"', 'event="page"')


def test_keywords(package: Any) -> None:
    client = package(
        {
            "shop/order.proto": OPTIONS
            + 'package shop; import "common/money.proto"; import "google/protobuf/timestamp.proto";'
            " message OrderEvent { message Item {} enum Kind { UNKNOWN = 0; }"
            " string guid = 1 [(raccoon.field).auto = UUID];"
            " google.protobuf.Timestamp sent = 2 [(raccoon.field).auto = NOW];"
            " string sku = 3 [(raccoon.field).required = true];"
            " repeated Item items = 4 [(raccoon.field).required = true];"
            " Kind kind = 5; map<string, common.Money> prices = 6; double share = 7; bytes raw = 8;"
            " bool gift = 9; oneof pay { string card = 10; } repeated Kind kinds = 11;"
            " int32 from = 12;"
            " optional Kind maybe = 13; OrderEvent before = 14; }",
            "common/money.proto": "package common; message Money {}",
        }
    ).client
    (event,) = client.events
    assert (event.target, event.cls) == (".shop.order_pb:OrderEvent", "OrderEvent")
    assert [tuple(keyword) for keyword in event.keywords] == [
        ("sku", "str", None),
        ("items", "list[OrderEvent.Item]", None),
        ("guid", "str", '""'),
        ("sent", "datetime | None", "None"),
        ("kind", "OrderEvent.Kind", "OrderEvent.Kind.UNKNOWN"),
        ("prices", "dict[str, Money]", "..."),
        ("share", "float", "0.0"),
        ("raw", "bytes", 'b""'),
        ("gift", "bool", "False"),
        ("card", "str | None", "None"),
        ("kinds", "list[OrderEvent.Kind]", "..."),
        ("from_", "int", "0"),
        ("maybe", "OrderEvent.Kind | None", "None"),
        ("before", "OrderEvent | None", "None"),
        ("timeout", "float | None", "None"),
    ]
    assert [(i.module, i.name) for i in client.imports] == [
        ("datetime", "datetime"),
        (".common.money_pb", "Money"),
        (".shop.order_pb", "OrderEvent"),
    ]


def test_a_field_named_timeout_keeps_its_keyword(package: Any) -> None:
    (event,) = package({"m.proto": "message PageEvent { int32 timeout = 1; }"}).client.events
    assert [tuple(keyword) for keyword in event.keywords] == [("timeout", "int", "0")]


def test_names_that_client_py_has_for_itself(package: Any) -> None:
    client = package(
        {
            "a.proto": "package a.import; message Events {} enum list { ZERO = 0; }"
            " message XEvent { Events e = 1; list l = 2; repeated string s = 3; }",
            "b.proto": 'package b; import "a.proto"; message AckEvent { .a.import.XEvent x = 1; }'
            " message XEvent { }",
        },
        exclude_events=("b.XEvent",),
    ).client
    aliases = {(i.module, i.name): i.alias for i in client.imports}
    assert aliases == {
        (".a.import_.a_pb", "Events"): "a_import_Events",
        (".a.import_.a_pb", "list"): "a_import_list",
        (".a.import_.a_pb", "XEvent"): None,
        (".b.b_pb", "AckEvent"): None,
    }
    x = client.events[1]
    assert [k.annotation for k in x.keywords[:3]] == [
        "a_import_Events | None",
        "a_import_list",
        "list[str]",
    ]
    assert x.keywords[1].default == "a_import_list.ZERO"


@pytest.mark.parametrize(
    ("comment", "says"),
    [
        ("", "p.PageEvent is deprecated."),
        (
            "// Seen.\n//\n// Deprecated: use\n// ViewEvent.\n//\n// More.",
            "p.PageEvent is deprecated: use ViewEvent.",
        ),
    ],
)
def test_deprecated_events(package: Any, comment: str, says: str) -> None:
    text = f"package p;\n{comment}\nmessage PageEvent {{ option deprecated = true; }}"
    (event,) = package({"m.proto": text}).client.events
    assert event.deprecated == says


def test_no_events_no_client(package: Any) -> None:
    made = package({"m.proto": "message M {}"})
    assert made.client is None
    assert made.faces[0].names == (("M", ".m_pb"),)
