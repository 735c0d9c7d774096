"""Modules, their imports, and what becomes of names that meet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from raccoon_codegen import model


def imports(module: model.Module) -> list[str]:
    lines: list[str] = []
    for wanted in module.imports:
        line = f"from {wanted.module} import {wanted.name}" if wanted.name else wanted.module
        lines.append(line + (f" as {wanted.alias}" if wanted.alias else ""))
    return lines


def by_path(package: model.Package) -> dict[str, model.Module]:
    return {module.path: module for module in package.modules}


def test_nested_types_are_nested_and_recursion_is_spelled_in_full(package: Any) -> None:
    (module,) = package(
        {
            "shop/v1/order.proto": "package shop.v1; message Order {"
            " message Item { Order order = 1;"
            " Item next = 2; Kind kind = 3; enum Kind { NONE = 0; } } repeated Item items = 1; }"
        }
    ).modules
    assert (module.path, module.source) == (
        "shop/v1/order_pb.py",
        "shop/v1/order.proto",
    )
    (order,) = module.messages
    (item,) = order.messages
    assert (order.keywords, item.keywords) == (
        ('proto="shop.v1.Order"',),
        ('proto="shop.v1.Order.Item"',),
    )
    assert [f.annotation for f in item.fields] == [
        "Order | None",
        "Order.Item | None",
        "Order.Item.Kind",
    ]
    assert [e.name for e in item.enums] == ["Kind"]
    assert module.aliases == ()
    assert imports(module) == [
        "from dataclasses import dataclass",
        "from raccoon_runtime.message import Enum",
        "from raccoon_runtime.message import Message",
        "from raccoon_runtime.message import field",
    ]


def test_imports_are_relative_and_public_imports_lead_to_the_file_itself(
    package: Any,
) -> None:
    modules = by_path(
        package(
            {
                "shop/v1/order.proto": 'package shop.v1; import "shop/v1/all.proto";'
                ' import "shop/page.proto";'
                " message Order { common.Money total = 1; shop.Page page = 2; Line line = 3;"
                " repeated common.Money more = 4; }",
                "shop/v1/all.proto": 'package shop.v1; import public "common/money.proto";'
                ' import public "shop/v1/line.proto";',
                "shop/v1/line.proto": "package shop.v1; message Line {}",
                "shop/page.proto": "package shop; message Page {}",
                "common/money.proto": "package common; message Money {}",
            }
        )
    )
    assert "shop/v1/all_pb.py" not in modules
    assert imports(modules["shop/v1/order_pb.py"])[-3:] == [
        "from ...common.money_pb import Money",
        "from ..page_pb import Page",
        "from .line_pb import Line",
    ]


def test_files_without_a_package_lie_at_the_root(package: Any) -> None:
    made = package(
        {
            "a.proto": 'import "b/b.proto"; message A { B b = 1; }',
            "b/b.proto": "message B {}",
        }
    )
    assert list(by_path(made)) == ["a_pb.py", "b_b_pb.py"]
    assert imports(by_path(made)["a_pb.py"])[-1] == "from .b_b_pb import B"
    assert made.faces[0].names == (("A", ".a_pb"), ("B", ".b_b_pb"))


def test_names_of_two_packages_in_one_module(package: Any) -> None:
    modules = by_path(
        package(
            {
                "a.proto": 'package a; import "b.proto"; import "c.proto"; import "d.proto";'
                " message M { b.x.Money b = 1; c.Money c = 2; c.Line line = 3; Datum Datum = 4;"
                " map<string, Datum> more = 5; }",
                "b.proto": "package b.x; message Money {}",
                "c.proto": "package c; message Money {} message Line {}",
                "d.proto": "message Datum {}",
            }
        )
    )
    module = modules["a/a_pb.py"]
    assert imports(module)[-4:] == [
        "from ..b.x.b_pb import Money as b_x_Money",
        "from ..c.c_pb import Line",
        "from ..c.c_pb import Money as c_Money",
        "from ..d_pb import Datum as root_Datum",
    ]
    assert [f.annotation for f in module.messages[0].fields] == [
        "b_x_Money | None",
        "c_Money | None",
        "Line | None",
        "root_Datum | None",
        "dict[str, root_Datum]",
    ]


def test_names_of_the_module_itself_give_way_to_the_schema(package: Any) -> None:
    (module,) = package(
        {
            "m.proto": 'import "google/protobuf/timestamp.proto";'
            ' import "google/protobuf/any.proto";'
            " message Message { google.protobuf.Timestamp datetime = 1; string field = 2;"
            " repeated string str = 3; google.protobuf.Any well_known = 4;"
            " map<int32, bool> dict = 5;"
            " float builtins = 6; int32 _dataclass = 7; }"
            " enum Enum { dataclass = 0; }"
        }
    ).modules
    (message,) = module.messages
    assert imports(module) == [
        "builtins as _builtins",
        "from dataclasses import dataclass as _dataclass_",
        "from datetime import datetime as _datetime",
        "from raccoon_runtime import well_known as _well_known",
        "from raccoon_runtime.message import Enum as _Enum",
        "from raccoon_runtime.message import Message as _Message",
        "from raccoon_runtime.message import field as _field",
    ]
    assert message.decorator == "_dataclass_"
    assert (message.base, module.enums[0].base) == ("_Message", "_Enum")
    assert [f.annotation for f in message.fields] == [
        "_datetime | None",
        "_builtins.str",
        "list[_builtins.str]",
        "_well_known.Any | None",
        "_builtins.dict[int, bool]",
        "float",
        "int",
    ]
    assert {f.call for f in message.fields} == {"_field"}


def test_classes_that_a_class_body_hides(package: Any) -> None:
    (module,) = package(
        {
            "m.proto": "message Item { Item Item = 1; }"
            " message Order { message Item { Order order = 1; } Item a = 1; .Item b = 2; }"
        }
    ).modules
    item, order = module.messages
    assert module.aliases == (("_Item", "Item"),)
    assert item.fields[0].arguments == ("1", '"message"', "lambda: _Item")
    assert [f.annotation for f in order.fields] == ["Order.Item | None", "_Item | None"]


def test_a_hidden_class_and_the_runtimes_of_its_name(package: Any) -> None:
    (module,) = package({"m.proto": "message Message { Message Message = 1; }"}).modules
    (message,) = module.messages
    assert message.base == "_Message"
    assert message.fields[0].annotation == "_Message_ | None"
    assert module.aliases == (("_Message_", "Message"),)


def test_a_class_of_another_file_named_as_the_runtimes(package: Any) -> None:
    modules = by_path(
        package(
            {
                "a.proto": 'package a; import "b.proto";'
                " message M { b.Message x = 1; b.str y = 2; }",
                "b.proto": "package b; message Message {} message str {}",
            }
        )
    )
    assert imports(modules["a/a_pb.py"])[-2:] == [
        "from ..b.b_pb import Message as b_Message",
        "from ..b.b_pb import str as b_str",
    ]


def test_fields_that_python_cannot_name(only: Any) -> None:
    message = only(
        "message M { option deprecated_legacy_json_field_conflicts = true;"
        ' string from = 1; string from_ = 2 [json_name = "from2"];'
        " string __x = 3; string x = 4;"
        " string to_dict = 5; string self = 6; string _y = 7; message parse {} }"
    )
    assert [f.name for f in message.fields] == [
        "from__",
        "from_",
        "x_",
        "x",
        "to_dict_",
        "self_",
        "_y",
    ]
    assert [a for f in message.fields for a in f.arguments[2:]] == [
        'name="from"',
        'json="from2"',
        'name="__x"',
        'name="to_dict"',
        'name="self"',
    ]
    assert message.fields[0].doc == "Named `from` in the schema."
    (nested,) = message.messages
    assert (nested.name, nested.keywords) == ("parse_", ('proto="M.parse"',))
    assert nested.doc == "Named `parse` in the schema."


def test_a_package_named_as_a_client_hides_nothing_where_there_is_none(package: Any) -> None:
    made = package({"m.proto": "package EventClient; message M {}"})
    assert [face.path for face in made.faces] == ["__init__.py", "EventClient/__init__.py"]


def test_classes_that_python_cannot_name(package: Any) -> None:
    made = package(
        {
            "m.proto": "message None { message None { enum class { _ = 0; } } None a = 1;"
            " None.class b = 2; .None c = 3; } message _Page { None none = 1; }"
        }
    )
    none, page = made.modules[0].messages
    assert [f.annotation for f in none.fields] == [
        "_None_.None_ | None",
        "_None_.None_.class_",
        "_None_ | None",
    ]
    assert (page.name, page.doc) == ("Page", "Named `_Page` in the schema.")
    assert page.fields[0].annotation == "None_ | None"
    assert made.modules[0].aliases == (("_None_", "None_"),)
    assert [name for name, _ in made.faces[0].names] == ["None_", "Page"]


def test_only_what_is_needed_comes_from_import_roots(package: Any) -> None:
    files = {
        "mine/a.proto": 'package a; import "b.proto"; import "google/protobuf/type.proto";'
        " message AEvent { b.Used.Inner used = 1; google.protobuf.Option option = 2; }",
        "lib/b.proto": 'package b; import "c.proto";'
        " message Used { message Inner {} c.Deep deep = 1; }"
        " message Unused { c.Other other = 1; } message LibEvent {}",
        "lib/c.proto": "package c; enum Deep { ZERO = 0; } message Other {}",
        "lib/d.proto": "package d; message Never {}",
    }
    made = package(files, schemas=(Path("mine"),), import_roots=(Path("lib"),))
    names = {m.path: [t.name for t in (*m.enums, *m.messages)] for m in made.modules}
    assert names == {
        "a/a_pb.py": ["AEvent"],
        "b/b_pb.py": ["Used"],
        "c/c_pb.py": ["Deep"],
        "google/protobuf/type_pb.py": ["Option"],
    }
    assert [event.method for event in made.client.events] == ["send_a_event"]


def test_googles_own_descriptors_can_be_fields(package: Any) -> None:
    made = package(
        {
            "a.proto": 'import "google/protobuf/descriptor.proto";'
            ' import "google/protobuf/api.proto";'
            " message M { google.protobuf.FileDescriptorProto file = 1;"
            " google.protobuf.Api api = 2; }"
        }
    )
    assert {m.path for m in made.modules} == {
        "a_pb.py",
        "google/protobuf/api_pb.py",
        "google/protobuf/descriptor_pb.py",
        "google/protobuf/source_context_pb.py",
        "google/protobuf/type_pb.py",
    }


def test_faces(package: Any) -> None:
    made = package(
        {
            "a.proto": "package shop.v1; message Order {} message Page {} message client {}",
            "b.proto": "package shop.v2.import; message Order {}",
            "c.proto": "message EventClient {} message Page {}",
            "d.proto": "package shop2.x; message LineEvent {}",
            "e.proto": "package lists; message shop2 {}",
        }
    )
    faces = {face.path: [name for name, _ in face.names] for face in made.faces}
    assert next(iter(faces)) == "__init__.py"
    assert faces == {
        "__init__.py": ["AsyncEventClient", "EventClient", "LineEvent", "Page"],
        "shop/__init__.py": [],
        "shop/v1/__init__.py": ["Order", "Page", "client"],
        "shop/v2/__init__.py": [],
        "shop/v2/import_/__init__.py": ["Order"],
        "shop2/__init__.py": [],
        "shop2/x/__init__.py": ["LineEvent"],
        "lists/__init__.py": ["shop2"],
    }
    assert dict(made.faces[0].names)["Page"] == ".c_pb"
