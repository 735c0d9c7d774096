"""A way out of what protoc complains of, where its own words give none."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from .sources import Sources, package_of
from .types import SCALARS

EVENT = ("type", "skip", "name")
"""The fields of `(raccoon.event)`; a test holds these tables against raccoon/options.proto."""
FIELD = ("required", "auto", "name")
AUTO = ("UUID", "NOW")

_OPTIONS = "raccoon/options.proto"
_PLAIN_OPTIONS = ("deprecated", "json_name", "packed", "allow_alias")
_SCALARS = tuple(name for name, _, _ in SCALARS.values())
_SYNONYMS = {
    "boolean": "bool",
    "date": "google.protobuf.Timestamp",
    "datetime": "google.protobuf.Timestamp",
    "int": "int32",
    "integer": "int64",
    "long": "int64",
    "str": "string",
    "text": "string",
    "uuid": "string",
}
_GOOGLE = {
    "any": "Any",
    "duration": "Duration",
    "empty": "Empty",
    "field_mask": "FieldMask",
    "struct": "Struct Value ListValue NullValue",
    "timestamp": "Timestamp",
    "wrappers": "DoubleValue FloatValue Int64Value UInt64Value Int32Value UInt32Value BoolValue "
    "StringValue BytesValue",
}
_WELL_KNOWN = {
    f"google.protobuf.{name}": f"google/protobuf/{file}.proto"
    for file, names in _GOOGLE.items()
    for name in names.split()
}


def told(message: str, path: str, sources: Sources) -> tuple[str, str]:
    """What to say in place of protoc's message on a file, and a hint; empty where there is none."""
    if option := _OPTION.match(message):
        # What protoc goes on to say of imports is wrong as often as it is right.
        text = _text(path, sources)
        return f'Option "{option[1]}" unknown.', _unknown_option(option[1], text)
    if undefined := _UNDEFINED.fullmatch(message):
        return message, _undefined(undefined[1], path, sources)
    for pattern, hint in _RULES:
        if found := re.search(pattern, message):
            return message, hint if isinstance(hint, str) else hint(found)
    return message, ""


_OPTION = re.compile(r'Option "(.+?)" unknown\.')
_UNDEFINED = re.compile(r'"(.+)" is not defined\.')


def _text(path: str, sources: Sources) -> str:
    """The schema without its comments."""
    text = sources.read(path).decode("utf-8", "replace")
    return re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)


def _undefined(name: str, path: str, sources: Sources) -> str:
    text = _text(path, sources)
    if name in _WELL_KNOWN:
        return f'Add: import "{_WELL_KNOWN[name]}";'
    own = [n for n in re.findall(r"\b(?:message|enum)\s+(\w+)", text) if n != name]
    google = {known.rpartition(".")[2]: known for known in _WELL_KNOWN}
    last = name.rpartition(".")[2]
    near = _SYNONYMS.get(last.lower()) or _near(last, (*_SCALARS, *own, *google))
    if not near:
        return _elsewhere(last, text, sources)
    near = google.get(near, near) if near not in own else near
    missing = near in _WELL_KNOWN and _WELL_KNOWN[near] not in text
    more = f' It needs: import "{_WELL_KNOWN[near]}";' if missing else ""
    return f'Did you mean "{near}"?{more}'


def _elsewhere(name: str, text: str, sources: Sources) -> str:
    """Where among our schemas a message or an enum of that name is, at the top of a file."""
    # Inner ones are indented.
    declared = re.compile(rf"^(?:message|enum)\s+{re.escape(name)}\b", re.MULTILINE)
    for file in sources.files:
        if name.encode() in sources.read(file) and declared.search(there := _text(file, sources)):
            full = ".".join(filter(None, (package_of(there), name)))
            return f"There is {full}" + ("." if file in text else f'; it needs: import "{file}";')
    return ""


def _unknown_option(option: str, text: str) -> str:
    ours = re.search(r"\((raccoon\.\w+)\)", option)
    if option == "raccoon":
        return "Put its name in parentheses: (raccoon.field)."
    if ours and _OPTIONS not in text:
        return f'Add: import "{_OPTIONS}";'
    if ours:
        known = [f"(raccoon.event).{name}" for name in EVENT]
        known += [f"(raccoon.field).{name}" for name in FIELD]
        return _meant(option, ["(raccoon.event)", "(raccoon.field)", *known])
    if option.startswith("("):
        return "Import the file that defines it."
    return _meant(option, _PLAIN_OPTIONS)


def _near(word: str, known: Sequence[str]) -> str:
    """The known word that was meant, whatever its case; empty when it is none of them."""
    by_lower = {name.lower(): name for name in reversed(known)}
    near = get_close_matches(word.lower(), by_lower, 1, 0.7)
    return by_lower[near[0]] if near else ""


def _meant(word: str, known: Sequence[str], listed: str = "") -> str:
    near = _near(word, known)
    return f'Did you mean "{near}"?' if near else listed


def _of_ours(found: re.Match[str]) -> str:
    first, second, third = known = EVENT if found[1] == "Event" else FIELD
    return _meant(found[2], known, f"There are {first}, {second} and {third}.")


_RULES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    ('^Expected ";"', "It is missing before this place."),
    (r'"raccoon\.(Event|Field)Options" has no field named "(\w+)"', _of_ours),
    (
        'Unknown enumeration value of "(.+)" for field "auto"',
        lambda found: _meant(found[1], AUTO, "There are UUID and NOW."),
    ),
    (
        r'^Option field "\(raccoon\.event\)" is not .* "FieldOptions"',
        "It is for a message; a field takes (raccoon.field).",
    ),
    (
        r'^Option field "\(raccoon\.field\)" is not .* "MessageOptions"',
        "It is for a field; a message takes (raccoon.event).",
    ),
    (
        "^The .*JSON name of field .* conflicts with ",
        'Rename one of them, or give one another: [json_name = "…"].',
    ),
    (
        "^Required fields are not allowed",
        "Leave `required` out; [(raccoon.field).required = true] has senders give it.",
    ),
    (
        "is already defined in file",
        "If that is the same file under another name, one import root lies within another: "
        "give the one from which files import each other.",
    ),
)
