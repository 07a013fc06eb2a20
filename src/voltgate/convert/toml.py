"""Writes TOML for people: keys with comments beside and above them. Source: TOML 1.0."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Value: TypeAlias = "str | int | float | bool | Sequence[Value] | Mapping[str, Value]"

_WRAP = textwrap.TextWrapper(
    118, initial_indent="# ", subsequent_indent="# ", break_long_words=False, break_on_hyphens=False
)
_QUOTED = re.compile(r"`[^`]*`")
_GLUE = "\0"
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Page:
    """A TOML text that is written from top to bottom."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def remark(self, text: str) -> None:
        """Write a paragraph of comment; text between backquotes stays on one line."""
        glued = _QUOTED.sub(lambda found: found.group().replace(" ", _GLUE), printable(text))
        lines = _WRAP.wrap(glued)
        self._lines += [line.replace(_GLUE, " ") for line in lines]

    def shown(self, *lines: str) -> None:
        """Write comment lines as they are, indented from the paragraphs."""
        self._lines += [f"#   {printable(line)}" for line in lines]

    def append(self, other: Page) -> None:
        """Append another page after an empty line, unless it is empty."""
        self._lines += ["", *other._lines] if other._lines else []

    def table(self, *way: str) -> None:
        """Begin a table."""
        self._lines += ["", f"[{'.'.join(map(bare, way))}]"]

    def entry(self, *way: str) -> None:
        """Begin the next table of an array of tables."""
        self._lines += ["", f"[[{'.'.join(map(bare, way))}]]"]

    def key(self, name: str, given: Value, note: str = "") -> None:
        """Write a key with its value, and a comment after it."""
        self._lines.append(f"{bare(name)} = {value(given)}" + (f"   # {printable(note)}" if note else ""))

    def rows(self, name: str, rows: Sequence[tuple[Value, str]]) -> None:
        """Write a list with one line for each element, and a comment after each."""
        self._lines.append(f"{bare(name)} = [")
        self._lines += [f"  {value(row)}," + (f"   # {printable(note)}" if note else "") for row, note in rows]
        self._lines.append("]")

    def text(self) -> str:
        """Return all that was written."""
        return "\n".join(self._lines).strip("\n") + "\n"


def bare(key: str) -> str:
    """Return a key, in quotes if it needs them."""
    return key if _BARE.fullmatch(key) else value(key)


def value(given: Value) -> str:
    """Return a value on one line."""
    match given:
        case bool():
            return "true" if given else "false"
        case int():
            return str(given)
        case float():
            return f"{given:g}" if given.is_integer() and abs(given) < 1_000_000 else repr(given)
        case str():
            return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Mapping():
            return "{ " + ", ".join(f"{bare(key)} = {value(one)}" for key, one in given.items()) + " }"
        case _:
            return "[" + ", ".join(map(value, given)) + "]"


def printable(text: str) -> str:
    """Return text without characters that a comment must not contain, so that foreign text cannot add a line."""
    return "".join(char if char.isprintable() else " " for char in text)
