"""Keys of the configuration that environment variables set, such as `VOLTGATE_LISTEN__HTTP`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from voltgate.config import toml
from voltgate.config.lines import Path
from voltgate.config.model import Config
from voltgate.config.problems import ConfigErrors, Problem, did_you_mean
from voltgate.config.schema import container_of, fields_of, section_in
from voltgate.config.sentences import dotted

PREFIX = "VOLTGATE_"
TOKEN_FILE = "VOLTGATE_ADMIN_TOKEN_FILE"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class Override:
    """One key that the environment sets: its variable, its path, the variable's text, and the value that this is.

    `is_toml` says whether the text is a value of TOML; of any other the value is the text.
    """

    variable: str
    path: Path
    text: str = field(repr=False)
    value: Any = field(repr=False)
    is_toml: bool = True

    def put(self, tree: dict[str, Any], value: Any) -> str:
        """Set a value at the path. Return what is wrong if there is no place for it, else ""."""
        parent: Any = tree
        for place, step in enumerate(self.path[:-1], 1):
            if wrong := _objection(parent, self.path[: place - 1], step):
                return wrong
            if isinstance(parent, list) and step == len(parent):
                parent.append({})
            elif isinstance(parent, dict):
                parent.setdefault(step, [] if isinstance(self.path[place], int) else {})
            parent = parent[step]
        last = self.path[-1]
        if wrong := _objection(parent, self.path[:-1], last):
            return wrong
        if isinstance(parent, list) and isinstance(last, int):
            parent[last : last + 1] = [value]
        else:
            parent[last] = value
        return ""

    def problem(self, key: str, message: str) -> Problem:
        """Return what is wrong with a key that this variable sets, without its text, which may be secret."""
        if not self.is_toml and message.endswith("not a text"):
            message += ": what is not TOML counts as a text"
        return Problem(f"${self.variable}", None, key, message)


def _objection(parent: Any, path: Path, step: str | int) -> str:
    match parent:
        case list() if isinstance(step, int):
            return "" if step <= len(parent) else f"there is no entry {step}: the next one is {len(parent)}"
        case list():
            return f"{dotted(path)} is a list: its entries are numbers from 0"
        case dict():
            return ""
        case _:
            return f"{dotted(path)} is no table, so it has no keys"


def override(tree: dict[str, Any], environ: Mapping[str, str]) -> tuple[list[Override], list[Problem]]:
    """Set in `tree` what the environment sets, tables before their keys; return it, and what is wrong.

    A variable counts when it names a key within a section (`__` between the parts) or a whole section. Others that
    begin with VOLTGATE_ are ignored: container platforms set some for every service of that name.
    """
    done: list[Override] = []
    problems: list[Problem] = []
    for variable, parts in sorted(_named(environ), key=_order):
        found = _read(variable, parts, environ[variable], tree)
        if isinstance(found, Problem):
            problems.append(found)
        elif wrong := _twice(found, done) or found.put(tree, found.value):
            problems.append(found.problem(dotted(found.path), wrong))
        else:
            done.append(found)
    return done, problems


def _twice(found: Override, done: list[Override]) -> str:
    return next((f"${each.variable} sets it too" for each in done if each.path == found.path), "")


def _named(environ: Mapping[str, str]) -> Iterable[tuple[str, list[str]]]:
    """Yield the variables that count, each with its parts."""
    for variable in environ:
        if variable == TOKEN_FILE:
            yield variable, ["admin_token"]
        elif variable.startswith(PREFIX):
            parts = variable.removeprefix(PREFIX).split("__")
            if len(parts) > 1 or _folded(parts[0]) in fields_of(Config):
                yield variable, parts


def _order(named: tuple[str, list[str]]) -> tuple[list[tuple[int, str]], str]:
    """Order by the parts: entries of lists by their number, and what encloses something before it."""
    variable, parts = named
    return [(int(part), "") if part.isdecimal() else (-1, _folded(part)) for part in parts], variable


def _read(variable: str, parts: list[str], text: str, tree: dict[str, Any]) -> Override | Problem:
    if _folded(parts[0]) not in fields_of(Config):
        name = _folded(parts[0])
        return Problem(f"${variable}", None, name, f"there is no such section{did_you_mean(name, fields_of(Config))}")
    try:
        path = _path(parts, tree)
    except ValueError as error:
        return Problem(f"${variable}", None, "", str(error))
    if variable == TOKEN_FILE:
        return Override(variable, path, text, {"file": text})
    try:
        return Override(variable, path, text, decoded(text))
    except ConfigErrors:
        return Override(variable, path, text, text, is_toml=False)


def decoded(text: str) -> Any:
    """Return the value of TOML that a text is, the whole of it: no comment behind it. Raise ConfigErrors."""
    text = text.strip()
    alone = toml.tree_of(None, f"value = {text}")
    if toml.tree_of(None, f"value = {{ value = {text} }}") != {"value": alone} or len(alone) != 1:
        raise ConfigErrors([])
    return alone["value"]


def _path(parts: list[str], tree: Any) -> Path:
    """Return the path that the parts of a variable's name stand for. Raise ValueError where it may be one of two."""
    path: list[str | int] = []
    section: type[BaseModel] | None = Config
    container: Any = None
    for part in parts:
        fields = fields_of(section) if section is not None and container is None else {}
        step = _step(part, [*(tree if isinstance(tree, dict) else ()), *fields])
        if part.isdecimal() and (isinstance(tree, list) or (tree is None and container is tuple)):
            step = int(part)
        path.append(step)
        tree = _child(tree, step)
        if container is None:
            annotation = fields[str(step)].annotation if step in fields else None
            section = section_in(annotation)
            container = container_of(annotation)
        else:
            container = None
    return tuple(path)


def _step(part: str, names: Iterable[str]) -> str | int:
    """Return the key that `part` stands for. Capitals alone are small letters, and `_` stands for `-` and `.` too."""
    meant = part.lower() if part.isupper() else part
    alike = {name for name in names if _folded(name) == _folded(part)}
    if len(alike) > 1 and meant not in alike:
        raise ValueError(f"may be any of these: {', '.join(sorted(alike))}")
    return next(iter(alike)) if alike and meant not in alike else meant


def _folded(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _child(tree: Any, step: str | int) -> Any:
    try:
        return tree[step]
    except (KeyError, IndexError, TypeError):
        return None
