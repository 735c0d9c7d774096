"""Comments become docs, whatever is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("comment", "doc"),
    [
        ("// One line.", "One line."),
        ("//No space.", "No space."),
        ("// Two\n// lines.", "Two\nlines."),
        ("//   Indented.", "Indented."),
        ("// List:\n//   - a\n//     b\n//\n// End.", "List:\n  - a\n    b\n\nEnd."),
        ("/* Block. */", "Block."),
        ("/* Block\n * of\n *   stars. */", "Block\nof\n  stars."),
        ("/** Javadoc. */", "Javadoc."),
        ("/**\n * Javadoc\n * of lines.\n */", "Javadoc\nof lines."),
        ("/// Doc\n/// comment.", "Doc\ncomment."),
        ("// Detached.\n\n// Attached.", "Attached."),
        (
            "// \"\"\" ''' \\ \\n {{ x }} {% raw %} #} %s $x",
            "\"\"\" ''' \\ \\n {{ x }} {% raw %} #} %s $x",
        ),
        ("// a\x07b\x1b[0m\u202e \U0001f600", "a\x07b\x1b[0m\u202e \U0001f600"),
        ("// CR\r\n// LF", "CR\nLF"),
        ("//", ""),
    ],
)
def test_what_remains_of_a_comment(only: Any, comment: str, doc: str) -> None:
    assert only(f"\n{comment}\nmessage M {{}}").doc == doc


def test_both_comments_of_a_field(only: Any) -> None:
    message = only("message M {\n  // Above.\n  string a = 1;  // Behind.\n  string b = 2;\n}")
    assert [f.doc for f in message.fields] == ["Above.\n\nBehind.", ""]


def test_a_comment_that_is_not_utf8(package: Any, tmp_path: Path) -> None:
    text = b'syntax = "proto3";\n// caf\xe9\nmessage M {}'
    (tmp_path / "m.proto").write_bytes(text)
    assert package({}).modules[0].messages[0].doc == "caf\N{REPLACEMENT CHARACTER}"


def test_a_oneof_has_no_place_of_its_own(only: Any) -> None:
    message = only(
        "\n// M.\nmessage M {\n  // How it was paid.\n  oneof payment { string card = 1; }\n}"
    )
    assert message.doc == "M.\n\n`payment`: How it was paid."


@pytest.mark.parametrize(
    ("head", "doc"),
    [
        ('// Orders.\nsyntax = "proto3";\npackage p;', "Orders."),
        (
            '// Copyright 2024 Us.\n// Licensed to you.\n\n// Orders.\n\nsyntax = "proto3";',
            "Orders.",
        ),
        (
            '/* SPDX-License-Identifier: MIT */\nsyntax = "proto3";\n// Orders.\npackage p;',
            "Orders.",
        ),
        ('edition = "2023";\n\n// Orders.\npackage p;', "Orders."),
        ('// One.\nsyntax = "proto3";\n// Two.\npackage p;', "One.\n\nTwo."),
        (
            'syntax = "proto3";\n// Of the import.\nimport "google/protobuf/any.proto";',
            "",
        ),
    ],
)
def test_the_files_own(package: Any, head: str, doc: str) -> None:
    assert package({"m.proto": f"{head}\nmessage M {{}}"}).modules[0].doc == doc
