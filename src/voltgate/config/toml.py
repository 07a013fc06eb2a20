"""The text of a configuration: read from its file, and decoded as TOML within bounds."""

from __future__ import annotations

import errno
import re
import tomllib
from pathlib import Path
from typing import Any

from voltgate.config.problems import ConfigErrors, Problem

SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Why nothing can be read for now, whatever it says."""


def text_of(source: Path) -> str:
    """Return the text of a file. Raise ConfigErrors, or OSError when nothing can be read for now."""
    try:
        raw = source.read_bytes()
    except OSError as error:
        if error.errno in SHORTAGES:
            raise  # the file is as good as any
        raise ConfigErrors([Problem(str(source), None, "", f"cannot be read: {error.strerror or error}")]) from None
    return decoded(source, raw)


def decoded(source: Path, raw: bytes) -> str:
    """Return the text of a file that was read. Raise ConfigErrors."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigErrors([Problem(str(source), line, "", "is not UTF-8 text")]) from None


_DEEPEST = 32
"""Levels of tables and lists in each other at most, and parts of a dotted key."""
_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+"""
_LONG_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*+(?:{_PART}\.[ \t]*+){{{_DEEPEST}}}", re.MULTILINE)
_TOO_DEEP = f"is nested too deep: {_DEEPEST} levels at most"


def tree_of(source: Path | None, text: str) -> dict[str, Any]:
    """Return what a text holds. Raise ConfigErrors for one that is not TOML, or that is nested without need.

    A long dotted key is refused before it is read: `tomllib` takes memory by the square of its parts.
    """
    if (found := _LONG_KEY.search(text)) is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise ConfigErrors([Problem(str(source), line, "", _TOO_DEEP)])
    try:
        tree = tomllib.loads(text)
    except ValueError as error:  # tomllib's own, or Python's for a number with thousands of digits
        raise ConfigErrors([_syntax(str(source), text, str(error))]) from None
    except RecursionError:
        raise ConfigErrors([Problem(str(source), None, "", _TOO_DEEP)]) from None
    if _is_too_deep(tree):
        raise ConfigErrors([Problem(str(source), None, "", _TOO_DEEP)])
    return tree


def _is_too_deep(tree: dict[str, Any]) -> bool:
    level: list[Any] = [tree]
    for _ in range(_DEEPEST):
        level = [
            item
            for each in level
            for item in (each.values() if isinstance(each, dict) else each)
            if isinstance(item, dict | list)
        ]
    return bool(level)


def _syntax(file: str, text: str, message: str) -> Problem:
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    if found is None:
        return Problem(file, None, "", f"is not TOML: {message}")
    what, line, column = found.groups()
    if line is None:
        return Problem(file, text.rstrip().count("\n") + 1, "", f"is not TOML: {what} at the end")
    before, behind = _split(text, int(line), int(column))
    hint = "; a table in { } ends on its line" if before.count("{") > before.count("}") and not behind else ""
    return Problem(file, int(line), "", f"is not TOML: {what} (column {column}){hint}")


def _split(text: str, line: int, column: int) -> tuple[str, str]:
    """Return what stands in a line before a column, and what stands there before a comment."""
    written = text.split("\n")[line - 1]
    return written[: column - 1], written[column - 1 :].partition("#")[0].strip()
