"""Names: from what a schema may say to what Python, the runtime and the file system allow.

Two rules, both told in the docstring of what they touched. A name that Python cannot spell, or that
would hide something of the generated class, gets a trailing underscore, and another one where that
is taken too. Leading underscores that Python gives a meaning go: two of a field or an enum member
(they would be mangled), that of what a dataclass's `__init__` uses itself, every one of a class
(other modules could not import it); an X takes their place where nothing or a digit is left.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Container


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KEYWORDS = frozenset(keyword.kwlist)

MESSAGE_ATTRIBUTES = _words("""
    FromString SerializeToString dump from_dict from_json is_set load parse to_dict to_json
    _abc_impl _betterproto _betterproto_meta _cls_for _from_dict_init _get_field_default
    _is_pydantic _postprocess_single _type_hint _type_hints _unknown_fields _validate
    _validate_field_groups which_one_of
    """)
"""What a generated dataclass inherits; a test holds it against the runtime's `Message`."""

ENUM_ATTRIBUTES = _words("""
    as_integer_ratio betterproto_renamed_proto_names_to_value
    betterproto_value_to_renamed_proto_names bit_count bit_length conjugate denominator from_bytes
    from_string imag is_integer mro name numerator proto_name real to_bytes value
    """)
"""What an enum's members would hide; a test holds it against the runtime's `Enum`."""

CLIENT_NAMES = _words("""
    Ack Any AsyncClient AsyncEventClient Coroutine EventClient EventMethods Events JsonValue
    Literal R SyncClient TYPE_CHECKING TypeVar annotations bool builtins bytes datetime deprecated
    dict float int list overload str timedelta typing well_known
    """)
"""What the generated client.py may use for itself: a message of such a name gets another there."""

BUILTINS = _words("""
    ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError
    BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError
    ConnectionError ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError
    Ellipsis EncodingWarning EnvironmentError Exception ExceptionGroup FileExistsError
    FileNotFoundError FloatingPointError FutureWarning GeneratorExit IOError ImportCycleError
    ImportError ImportWarning IndentationError IndexError InterruptedError IsADirectoryError
    KeyError KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError
    NotADirectoryError NotImplemented NotImplementedError OSError OverflowError
    PendingDeprecationWarning PermissionError ProcessLookupError PythonFinalizationError
    RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration
    StopIteration SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError TypeError
    UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError
    UnicodeWarning UserWarning ValueError Warning WindowsError ZeroDivisionError abs aiter all
    anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile complex
    copyright credits delattr dict dir divmod ellipsis enumerate eval exec exit filter float format
    frozendict frozenset function getattr globals hasattr hash help hex id input int isinstance
    issubclass iter len license list locals map max memoryview min next object oct open ord pow
    print property quit range repr reversed round sentinel set setattr slice sorted staticmethod
    str sum super tuple type vars zip
    """)
"""What mypy takes a class of such a name for where it is used above its definition: the builtin."""

_DATACLASSES = ("_dflt_", "_HAS_DEFAULT_FACTORY")
"""How the names start that the body of a dataclass's `__init__` uses, up to Python 3.11."""

_FUTURE = frozenset({"annotations"})
"""What `from __future__ import` brings; it cannot be imported under another name."""

ROOT_MODULES = frozenset({"client"})
"""Modules of our own at the top of the output."""


class Identifier(str):
    """A name that Python can spell where it is used."""

    __slots__ = ()


def free(name: str, taken: Container[str]) -> Identifier:
    """`name`, with as many underscores behind it as it takes to be free."""
    while name in taken:
        name += "_"
    return Identifier(name)


def spelled_field(name: str) -> str:
    """How Python spells a field: `from` → `from_`, `__x` → `x`, `_dflt_x` → `dflt_x`."""
    if name.startswith(("__", *_DATACLASSES)):
        name = _bare(name)
    if name in KEYWORDS or name in MESSAGE_ATTRIBUTES or name == "self":
        return name + "_"
    return name


def spelled_class(name: str, *, nested: bool) -> str:
    """How Python spells a message or an enum: `None` → `None_`, `_Item` → `Item`, `_1` → `X1`."""
    if name.startswith("_"):
        bare = name.lstrip("_")
        name = bare if bare.isidentifier() else f"X{bare}"
    if name in KEYWORDS or name in (MESSAGE_ATTRIBUTES if nested else _FUTURE):
        return name + "_"
    return name


def spelled_member(name: str, enum: str) -> str:
    """How Python spells a value of `enum`: `mro` → `mro_`; `_x_` and `_Enum__x` mean something."""
    if name.startswith(("__", f"_{enum}__")):
        name = _bare(name)
    sunder = len(name) > 2 and name[0] == name[-1] == "_" != name[-2]
    if name in KEYWORDS or name in ENUM_ATTRIBUTES or sunder:
        return name + "_"
    return name


def _bare(name: str) -> str:
    bare = name.lstrip("_")
    return bare if bare.isidentifier() else f"_{bare}"


_WORDS = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")


def snake(name: str) -> str:
    """`HTTPRequest` → `http_request`, `UserIDs` → `user_ids`, `Page2View` → `page2_view`."""
    return "_".join(_WORDS.findall(name)).lower()


def package_directories(package: str) -> tuple[str, ...]:
    """Where a proto package lies below the output: `import.client` → `import_`, `client_`."""
    return tuple(_directory(part) for part in package.split(".")) if package else ()


def _directory(part: str) -> str:
    return part + "_" if part in KEYWORDS or part in ROOT_MODULES else part


def module_name(path: str, package: str) -> str:
    """The Python module of a schema file: `shop/v1/order.proto` of package shop.v1 → `order_pb`."""
    stem = path[: -len(".proto")] if path.endswith(".proto") else path
    stem = stem.removeprefix(package.replace(".", "/") + "/") if package else stem
    # Python reads names so normalised, the file system does not.
    stem = unicodedata.normalize("NFKC", stem)
    name = "".join(c if f"_{c}".isidentifier() else "_" for c in stem)
    return f"{name}_pb" if name.isidentifier() else f"_{name}_pb"


def alias(package: str, name: str) -> str:
    """What a class is called where its own name is taken: `common_v1_Money`."""
    joined = f"{package.replace('.', '_')}_{name}" if package else f"root_{name}"
    return joined.lstrip("_")


def literal(text: str) -> str:
    """A Python string literal of `text`, with the quotes that black would choose."""
    written = repr(text)
    if written[0] == '"':
        return written
    body = written[1:-1]
    if '"' not in body:
        return f'"{body}"'
    single, double = body.count("\\'"), body.count('"')
    if double > single:
        return written
    return '"' + body.replace("\\'", "'").replace('"', '\\"') + '"'
