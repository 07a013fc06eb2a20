"""Validation of payloads by the JSON schemas of OCPP 1.6, 2.0.1 and 2.1, each compiled when it is first needed.

The schemas are data files of the PyPI package `ocpp`; none of its code is used. They are relaxed where stations in the
field send what the standard means to allow and the schema does not: timestamps in every common form, both spellings of
Celsius, any unit and measurand, empty samples and numbers as values in 1.6 (conformance DT-01, DT-03, DT-04).
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias

import jsonschema_rs
import msgspec

from voltgate.ocpp.errors import LONGEST_DESCRIPTION, spell

Kind: TypeAlias = Literal["request", "response"]

_FOLDERS = {"1.2": "v16", "1.5": "v16", "1.6": "v16", "2.0": "v201", "2.0.1": "v201", "2.1": "v21"}

_TIMESTAMP = r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?([Zz]|[+-]\d{2}(:?\d{2})?)?$"

_LONGEST_ACTION = 100
"""Characters of an action that are looked up: none has so many, and what is looked up is remembered."""

_CODES = {
    "required": "OccurrenceConstraintViolation",
    "minItems": "OccurrenceConstraintViolation",
    "maxItems": "OccurrenceConstraintViolation",
    "additionalProperties": "OccurrenceConstraintViolation",
    "type": "TypeConstraintViolation",
    "pattern": "TypeConstraintViolation",  # only timestamps have one, and dateTime is a type of OCPP
    "enum": "PropertyConstraintViolation",
    "maxLength": "PropertyConstraintViolation",
    "minimum": "PropertyConstraintViolation",
    "maximum": "PropertyConstraintViolation",
    "multipleOf": "PropertyConstraintViolation",
}
"""The error code for each keyword that the files use (OCPP-J 1.6 section 4.2.3, 2.1 Part 4 section 4.3)."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with a payload: the OCPP error code as the version spells it, a sentence, and where.

    `description` has at most 255 characters and repeats no value of the payload; `path` is a JSON pointer, "" for the
    payload itself.
    """

    code: str
    description: str
    path: str = ""


def check(version: str, action: str, kind: Kind, payload: dict[str, Any] | None) -> Violation | None:
    """Return the first violation of its schema by a payload, or None. `null` counts as `{}` (2.1 Part 4 section 4.1.5).

    `version` is "ocpp1.6" or "1.6", and so on. For an action that the version does not have the code is NotImplemented.
    """
    validator = _validator(version, action[:_LONGEST_ACTION], kind)
    if validator is None:
        return Violation("NotImplemented", f"There is no {action[:100]} in OCPP {version.removeprefix('ocpp')}")
    value = {} if payload is None else payload
    return None if validator.is_valid(value) else _violation(validator, value, version)


def schema_of(version: str, action: str) -> dict[str, Any] | None:
    """Return the JSON schema of an action's request as OCPP's files have it; None for an action without one."""
    return _file(_FOLDERS[version.removeprefix("ocpp")], action[:_LONGEST_ACTION], "request")


def knows(version: str, action: str) -> bool:
    """Return whether the version of OCPP has this action, in either direction."""
    return _validator(version, action, "request") is not None


def _violation(validator: jsonschema_rs.Validator, payload: dict[str, Any], version: str) -> Violation:
    modern = version.removeprefix("ocpp").startswith("2")
    try:
        validator.validate(payload)  # up to the first error: all of them cost whoever waits as much as is sent
    except jsonschema_rs.ValidationError as first:
        error = first
    except ValueError:  # its own limit, which is lower than that of the decoder
        return Violation(spell("FormatViolation", modern=modern), "The payload is nested too deeply")
    path = "".join(f"/{part}" for part in error.instance_path)
    keyword = error.kind.name
    code = _CODES.get(keyword, "FormatViolation") if path or keyword != "type" else "FormatViolation"
    message = "the value is not a timestamp" if keyword == "pattern" else error.message
    sentence = f"{path}: {message}" if path else message
    return Violation(spell(code, modern=modern), sentence[:LONGEST_DESCRIPTION], path)


@lru_cache(maxsize=1024)
def _validator(version: str, action: str, kind: Kind) -> jsonschema_rs.Validator | None:
    folder = _FOLDERS[version.removeprefix("ocpp")]
    schema = _file(folder, action, kind)
    return None if schema is None else jsonschema_rs.validator_for(_relaxed(schema, folder), mask="the value")


def _file(folder: str, action: str, kind: Kind) -> dict[str, Any] | None:
    for name in _file_names(folder, action, kind):
        if name in _catalogue(folder):
            schema: dict[str, Any] = msgspec.json.decode(_catalogue(folder)[name])
            return schema
    return None


def _file_names(folder: str, action: str, kind: Kind) -> tuple[str, ...]:
    """Return the files that may hold the schema. A SEND has no suffix in 2.1; in 1.6 only responses have one."""
    if action.endswith(("Request", "Response")):  # a file's name, never an action's
        return ()
    if kind == "response":
        return (f"{action}Response.json",)
    return (f"{action}.json",) if folder == "v16" else (f"{action}Request.json", f"{action}.json")


def load() -> None:
    """Read all schemas: once messages are on their way there may be no descriptor left to read one with."""
    for folder in _FOLDERS.values():
        _catalogue(folder)


@lru_cache(maxsize=3)
def _catalogue(folder: str) -> dict[str, bytes]:
    """Return the files of a folder, read once: names made of what a far end sent must not reach the file system."""
    entries = files("ocpp").joinpath(folder, "schemas").iterdir()
    return {entry.name: entry.read_bytes().removeprefix(BOM_UTF8) for entry in entries if entry.name.endswith(".json")}


def _relaxed(schema: dict[str, Any], folder: str) -> dict[str, Any]:
    for name, field in _fields(schema):
        if field.pop("format", None) == "date-time":
            field["pattern"] = _TIMESTAMP
        if folder == "v16":
            _relax_sample(name, field)
    return schema


def _relax_sample(name: str, field: dict[str, Any]) -> None:
    if name == "sampledValue":
        field.pop("minItems", None)
        field["items"]["properties"]["value"]["type"] = ["string", "number"]
    elif name in {"unit", "measurand"}:
        field.pop("enum", None)


def _fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every property of a schema, including those of its definitions and of the items of its arrays."""
    for definition in schema.get("definitions", {}).values():
        yield from _fields(definition)
    for name, field in schema.get("properties", {}).items():
        yield name, field
        yield from _fields(field)
    if isinstance(schema.get("items"), dict):
        yield "", schema["items"]
        yield from _fields(schema["items"])
