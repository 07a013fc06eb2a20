"""Payloads made from the schemas of the package `ocpp`: the least that is valid, all that there is, and broken ones."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

FOLDERS = {"ocpp1.6": "v16", "ocpp2.0.1": "v201", "ocpp2.1": "v21"}
TIME = "2026-05-28T20:26:40Z"

REQUIRED = "OccurrenceConstraintViolation"
TYPE = "TypeConstraintViolation"
VALUE = "PropertyConstraintViolation"


@cache
def schema_of(version: str, action: str) -> dict[str, Any]:
    """Return the schema of a request, with its definitions put in their places."""
    folder = files("ocpp").joinpath(FOLDERS[version], "schemas")
    paths = [folder.joinpath(f"{action}{end}.json") for end in ("Request", "")]
    text = next(path for path in paths if path.is_file()).read_bytes()
    schema: dict[str, Any] = json.loads(text.decode("utf-8-sig"))
    return _placed(schema, schema.get("definitions", {}))


def _placed(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _placed(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    placed = {name: value for name, value in schema.items() if name != "definitions"}
    if "properties" in schema:
        placed["properties"] = {name: _placed(field, definitions) for name, field in schema["properties"].items()}
    if "items" in schema:
        placed["items"] = _placed(schema["items"], definitions)
    return placed


def minimal(version: str, action: str) -> dict[str, Any]:
    """Return a payload with the fields that are required, and no other."""
    made: dict[str, Any] = _made(schema_of(version, action), full=False)
    return made


def full(version: str, action: str) -> dict[str, Any]:
    """Return a payload with every field that there is, texts as long as they may be."""
    made: dict[str, Any] = _made(schema_of(version, action), full=True)
    return made


def _made(schema: dict[str, Any], *, full: bool) -> Any:
    if "enum" in schema:
        return schema["enum"][-1 if full else 0]
    match schema.get("type"):
        case "object":
            names = schema.get("properties", {}) if full else schema.get("required", [])
            return {name: _made(schema["properties"][name], full=full) for name in names}
        case "array":
            return [_made(schema["items"], full=full)] * max(1, schema.get("minItems", 1))
        case "string" if schema.get("format") == "date-time":
            return TIME
        case "string":
            return "x" * (min(schema.get("maxLength", 20), 300) if full else 1)
        case "integer":
            return min(max(1, int(schema.get("minimum", 1))), int(schema.get("maximum", 1)))
        case "number":
            return min(max(1.5, schema.get("minimum", 1.5)), schema.get("maximum", 1.5))
        case "boolean":
            return full
    return {"anything": [1, "two"]}


def broken(version: str, action: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield what is wrong with a payload, the payload, and the code that says so as 2.x spells it."""
    schema, whole = schema_of(version, action), minimal(version, action)
    yield "a field that does not exist", whole | {"nonsense": 1}, REQUIRED
    for name in schema.get("required", []):
        yield f"without {name}", {key: value for key, value in whole.items() if key != name}, REQUIRED
        yield f"{name} of another type", whole | {name: None}, TYPE
    for path in _enums(schema):
        yield f"{'.'.join(path)} with another word", _with(whole, path, "Nonsense"), VALUE


def _enums(schema: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the paths of required fields that have words of their own."""
    for name in schema.get("required", []):
        field = schema["properties"][name]
        if "enum" in field:
            yield (name,)
        elif field.get("type") == "object":
            yield from ((name, *path) for path in _enums(field))


def _with(payload: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    changed = copy.deepcopy(payload)
    at = changed
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return changed
