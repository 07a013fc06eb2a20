"""Pydantic's errors as messages for people: one sentence a mistake, with the unit and the nearest valid word."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from voltgate.config.lines import Path
from voltgate.config.problems import did_you_mean
from voltgate.config.schema import field_at, fields_of, lists_with, section_at, sections_with

_WANTED = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "tuple_type": "must be a list in [ ]",
    "path_type": "must be a path in quotes",
    "finite_number": "must be a finite number",
}


def dotted(path: Path) -> str:
    """Return a path in readable form: `backends.billing.url`, `stations[0].match`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{_quoted(step)}"
    return text.removeprefix(".")


def _quoted(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"'


def sentence(error: Any, path: Path) -> str:
    """Return one of pydantic's errors at `path` as a sentence. Never repeats a value that may be secret."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "string_type" and isinstance(error["input"], int | float):
        return f"{_WANTED[kind]}, not a number"  # which may be a password of digits
    if kind in _WANTED:
        return f"{_WANTED[kind]}, not {_kind_of(error['input'])}"
    if kind == "literal_error":
        return _one_of(context["expected"], error["input"])
    message = _MESSAGES.get(kind)
    return message(path, context) if message is not None else str(error["msg"])


def _kind_of(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "a table"
        case None:
            return "null"
        case _:
            return f"a {type(value).__name__}"


def _unknown_key(path: Path, _: Any) -> str:
    key = str(path[-1])
    section = section_at(path[:-1])
    hint = did_you_mean(key, fields_of(section)) if section is not None else ""
    lists = lists_with(key, str(path[0]))
    sections = sections_with(key)
    if not hint and lists:
        hint = f"; it is one of an entry of {lists[0]}"
    elif not hint and sections:
        hint = f"; it belongs in [{sections[0]}]"
    return f"there is no such key{hint}"


def _missing(path: Path, _: Any) -> str:
    return "is missing"


def _at_least(path: Path, context: Any) -> str:
    return f"must be at least {_amount(path, context['ge'])}"


def _at_most(path: Path, context: Any) -> str:
    return f"must be at most {_amount(path, context['le'])}"


def _amount(path: Path, number: float) -> str:
    field = field_at(path)
    unit = _unit(field.json_schema_extra) if field is not None else ""
    return f"{number:g}{unit}" if number < 1_000_000 else f"{number}{unit}"


def _unit(extra: Any) -> str:
    return f" {extra['unit']}" if isinstance(extra, dict) and "unit" in extra else ""


def _one_of(expected: str, value: Any) -> str:
    values = re.findall(r"'([^']*)'", expected)
    hint = did_you_mean(value, values) if isinstance(value, str) else f", not {_kind_of(value)}"
    return f"must be {expected.replace(chr(39), chr(34))}{hint}"


def _own_message(path: Path, context: Any) -> str:
    return str(context["error"])


def _too_short(path: Path, context: Any) -> str:
    return "must not be empty"


def _bad_name(path: Path, context: Any) -> str:
    return "names begin with a letter or digit and hold letters, digits, _ . - (64 at most)"


_MESSAGES: dict[str, Callable[[Path, Any], str]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "greater_than_equal": _at_least,
    "less_than_equal": _at_most,
    "value_error": _own_message,
    "too_short": _too_short,
    "string_too_short": _too_short,
    "string_pattern_mismatch": _bad_name,
}
