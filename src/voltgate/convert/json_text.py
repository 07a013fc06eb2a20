"""JSON files whose root is an object, with the line of every key."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from voltgate.config.lines import Path
from voltgate.convert.keys import Keys, refused

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],\n]')
_HALF = re.compile(r"[\ud800-\udfff]")


def read_json(file: str, text: str) -> Keys:
    """Return the settings of a file; lists count as values. Raises ConfigErrors with the line that is not JSON."""
    try:
        root = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise refused(file, error.lineno, "", f"is not JSON: {error.msg} (column {error.colno})") from None
    except ValueError as error:
        raise refused(file, None, "", f"is not JSON: {error}") from None
    except RecursionError:
        raise refused(file, None, "", "is nested too deeply") from None
    if not isinstance(root, dict):
        raise refused(file, None, "", "must hold an object: { … }")
    if _HALF.search(json.dumps(root, ensure_ascii=False)):
        raise refused(file, None, "", r"is not text: it holds half a character, such as \ud83d alone")
    values: dict[Path, Any] = {}
    _flatten((), root, values)
    return Keys(file, values, _lines(text))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value")


def _flatten(path: Path, value: Any, into: dict[Path, Any]) -> None:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            _flatten((*path, key), inner, into)
    elif path:
        into[path] = value


def _lines(text: str) -> dict[Path, int]:
    """Return the line of every key of a text that is JSON. Of a key that is there twice the last counts."""
    at: dict[Path, int] = {}
    way: list[str] = []  # the current key of each open object; "[]" for a list
    line, fresh = 1, False  # fresh: the next string is a key
    for found in _TOKEN.finditer(text):
        match found.group():
            case "\n":
                line += 1
            case "{" | "[" as opening:
                way.append("" if opening == "{" else "[]")
                fresh = opening == "{"
            case "}" | "]":
                way.pop()
                fresh = False
            case ",":
                fresh = way[-1] != "[]"
            case key if fresh:
                way[-1] = json.loads(key)
                at[tuple(way)] = line
                fresh = False
    return at
