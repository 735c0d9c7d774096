"""Which files are found, under which names, below which roots."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from raccoon_codegen import sources
from raccoon_codegen.build import Inputs
from raccoon_codegen.errors import SchemaError, UsageError

from .conftest import write

TEXT = "package shop.v1; message M {}"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(
        tmp_path,
        {
            "schemas/shop/v1/order.proto": TEXT,
            "schemas/shop/v1/page.proto": "message P {}",
            "schemas/vendor/google/type/money.proto": "message Q {}",
            "schemas/.git/x.proto": "message X {}",
            "schemas/node_modules/x.proto": "message X {}",
            "schemas/venv/pyvenv.cfg": "syntax",
            "schemas/venv/x.proto": "message X {}",
            "schemas/README.md": "syntax",
        },
    )
    return tmp_path


def find(*schemas: str, roots: tuple[str, ...] = ()) -> sources.Sources:
    return sources.find(
        Inputs(schemas=tuple(map(Path, schemas)), import_roots=tuple(map(Path, roots)))
    )


@pytest.mark.parametrize(
    ("schemas", "roots", "files"),
    [
        pytest.param(
            ["schemas"],
            [],
            [
                "shop/v1/order.proto",
                "shop/v1/page.proto",
                "vendor/google/type/money.proto",
            ],
            id="a directory is a root",
        ),
        pytest.param(
            ["schemas"],
            ["schemas/vendor"],
            ["shop/v1/order.proto", "shop/v1/page.proto"],
            id="what lies in an import root below it is for imports",
        ),
        pytest.param(
            ["schemas/shop"],
            ["schemas"],
            ["shop/v1/order.proto", "shop/v1/page.proto"],
            id="an import root above names the files",
        ),
        pytest.param(
            ["schemas/shop"],
            [],
            ["v1/order.proto", "v1/page.proto"],
            id="the deeper directory",
        ),
        pytest.param(
            ["schemas/shop/v1/order.proto"],
            [],
            ["shop/v1/order.proto"],
            id="a file's root follows from its package",
        ),
        pytest.param(
            ["schemas/shop/v1/page.proto"],
            [],
            ["page.proto"],
            id="or is its own directory",
        ),
        pytest.param(
            ["schemas/shop/v1/page.proto", "schemas/shop/v1/order.proto"],
            [],
            ["shop/v1/order.proto", "shop/v1/page.proto"],
            id="or that of another file",
        ),
        pytest.param(
            ["schemas/shop/v1/page.proto"],
            ["schemas/shop"],
            ["v1/page.proto"],
            id="a file in an import root",
        ),
        pytest.param(
            ["schemas/vendor/google/type/money.proto", "schemas/shop/v1/order.proto"],
            ["schemas", "schemas/vendor"],
            ["google/type/money.proto", "shop/v1/order.proto"],
            id="the deepest import root",
        ),
    ],
)
def test_files(tree: Path, schemas: list[str], roots: list[str], files: list[str]) -> None:
    found = find(*schemas, roots=tuple(roots))
    assert list(found.files) == files
    assert find(*reversed(schemas), roots=tuple(roots)).files == found.files
    for name in found.files:
        assert found.locate(name)


def test_bundled_files_are_found_and_vendored_copies_are_not_taken(tree: Path) -> None:
    write(
        tree,
        {
            "schemas/google/protobuf/timestamp.proto": "message Timestamp {}",
            "schemas/third_party/raccoon/options.proto": "message EventOptions {}",
        },
    )
    found = find("schemas")
    assert not [name for name in found.files if "protobuf" in name or "raccoon" in name]
    for name in ("google/protobuf/timestamp.proto", "raccoon/options.proto"):
        path = found.locate(name)
        assert path and not path.startswith(str(tree))


def test_paths_are_shown_from_the_working_directory(tree: Path) -> None:
    assert find(str(tree / "schemas")).shown("shop/v1/page.proto") == "schemas/shop/v1/page.proto"
    assert sources.shown("/elsewhere/x.proto") == "/elsewhere/x.proto"


def test_links_are_followed_but_not_in_circles(tree: Path) -> None:
    write(tree, {"real/one/a.proto": "message A {}", "real/two/b.proto": "message B {}"})
    for link, to in {
        "schemas/linked": "../real/one",
        "schemas/c.proto": "../real/two/b.proto",
        "schemas/shop/up": "..",
        "schemas/shop/v1/self": ".",
        "real/one/other": "../two",
        "real/two/back": "../one",
    }.items():
        (tree / link).symlink_to(to)
    assert [name for name in find("schemas").files if "vendor" not in name] == [
        "c.proto",
        "linked/a.proto",
        "linked/other/b.proto",
        "shop/v1/order.proto",
        "shop/v1/page.proto",
    ]


def test_a_name_that_is_no_file(tree: Path) -> None:
    (tree / "schemas/broken.proto").symlink_to("nowhere.proto")
    with pytest.raises(UsageError, match=r"^schemas/broken\.proto: is no file, or a link to none$"):
        find("schemas")
    (tree / "schemas/broken.proto").unlink()
    os.mkfifo(tree / "schemas/pipe.proto")
    with pytest.raises(UsageError, match=r"^schemas/pipe\.proto: is no file, or a link to none$"):
        find("schemas")
    with pytest.raises(UsageError, match=r"^schemas/pipe\.proto: is no file, or a link to none$"):
        find("schemas/pipe.proto")


@pytest.mark.parametrize(
    ("schemas", "roots", "says"),
    [
        (["nowhere"], [], "nowhere: no such file or directory"),
        (["schemas"], ["nowhere"], "-I nowhere: no such directory"),
        (["schemas"], ["schemas/README.md"], "-I schemas/README.md: no such directory"),
        (["schemas/.git/empty"], [], "no .proto files in schemas/.git/empty"),
        (
            ["exported"],
            [],
            "no .proto files in exported but raccoon/options.proto, which the generator brings"
            " itself",
        ),
    ],
)
def test_paths_that_make_no_sense(
    tree: Path, schemas: list[str], roots: list[str], says: str
) -> None:
    (tree / "schemas/.git/empty").mkdir()
    write(tree, {"exported/raccoon/options.proto": TEXT})
    with pytest.raises(UsageError) as caught:
        find(*schemas, roots=tuple(roots))
    assert str(caught.value) == says


def test_one_import_name_for_two_files(tree: Path) -> None:
    write(tree, {"other/shop/v1/order.proto": TEXT})
    with pytest.raises(SchemaError) as caught:
        find("schemas", "other")
    (problem,) = caught.value.problems
    assert problem.file == "schemas/shop/v1/order.proto"
    assert "import name of other/shop/v1/order.proto" in problem.message


@pytest.mark.parametrize("name", ["-x.proto", "@x.proto"])
def test_names_that_protoc_would_take_for_options(tree: Path, name: str) -> None:
    write(tree, {f"schemas/{name}": TEXT})
    with pytest.raises(UsageError, match="protoc takes no file whose name starts so"):
        find("schemas")
