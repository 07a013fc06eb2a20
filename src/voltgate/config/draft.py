"""A configuration with its mistakes removed, so that the rest can be checked in the same run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from voltgate.config.lines import Path
from voltgate.config.model import Config
from voltgate.config.schema import field_at
from voltgate.config.sentences import sentence
from voltgate.config.values import Surroundings

ROUNDS = 100
"""Rounds of validation at most; each removes at least one mistake, and no real file needs more."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake at a path, without its line."""

    path: Path
    message: str
    warning: bool = False


class Kept(list[Any]):
    """A list with the position that each of its elements had in the file."""

    def __init__(self, elements: list[Any]) -> None:
        super().__init__(elements)
        self.origins = list(range(len(elements)))

    def cut(self, index: int) -> None:
        """Remove one element."""
        del self[index]
        del self.origins[index]


@dataclass(frozen=True, slots=True)
class Draft:
    """The valid part of a configuration, its `tree`, and the tree as written (`raw`)."""

    config: Config
    tree: dict[str, Any]
    raw: dict[str, Any]

    def names(self, section: str) -> list[str]:
        """Return the names in `[section.NAME]`, those of invalid entries too."""
        entries = self.raw.get(section)
        return list(entries) if isinstance(entries, dict) else []

    def written(self, path: Path) -> bool:
        """Return whether the file has a value at `path` (in positions of the file)."""
        value: Any = self.raw
        for step in path:
            value = _child(value, step)
        return value is not _NOTHING

    def original(self, path: Path) -> Path:
        """Return the path in the file of a path in the valid configuration."""
        return _original(self.tree, path)


def draft(raw: dict[str, Any], context: Surroundings) -> tuple[Draft | None, list[Finding]]:
    """Validate `raw`. Return its valid part and every mistake; no draft if nothing of it is valid."""
    tree = _copied(raw)
    findings: list[Finding] = []
    for _ in range(ROUNDS):
        try:
            return Draft(Config.model_validate(tree, context=context), tree, raw), findings
        except ValidationError as errors:
            findings += _new(findings, _findings(errors, tree))
            _cut(tree, [_named(error["loc"]) for error in errors.errors(include_url=False)])
    return None, findings


def _named(loc: tuple[str | int, ...]) -> Path:
    return loc[:-1] if loc and loc[-1] == "[key]" else loc


def _findings(errors: ValidationError, tree: dict[str, Any]) -> list[Finding]:
    found = []
    for error in errors.errors(include_url=False):
        path = _original(tree, _named(error["loc"]))
        found.append(Finding(path, sentence(error, path)))
    return found


def _new(earlier: list[Finding], found: list[Finding]) -> list[Finding]:
    """Return the new findings without those that only follow from a removal: about what encloses another finding."""
    inner = [finding.path for finding in (*earlier, *found)]
    return [finding for finding in found if not any(_encloses(finding.path, path) for path in inner)]


def _encloses(path: Path, other: Path) -> bool:
    return len(path) < len(other) and other[: len(path)] == path


def _copied(value: Any) -> Any:
    match value:
        case dict():
            return {key: _copied(item) for key, item in value.items()}
        case list():
            return Kept([_copied(item) for item in value])
        case _:
            return value


def _original(tree: Any, path: Path) -> Path:
    steps: list[str | int] = []
    for step in path:
        origins = tree.origins if isinstance(tree, Kept) else None
        moved = origins is not None and isinstance(step, int) and step < len(origins)
        steps.append(origins[step] if moved else step)  # type: ignore[index]
        tree = _child(tree, step)
    return tuple(steps)


_NOTHING = object()


def _child(tree: Any, step: str | int) -> Any:
    if isinstance(tree, str):  # a text that the model reads as a list: its letters are no items
        return _NOTHING
    try:
        return tree[step]
    except (KeyError, IndexError, TypeError):
        return _NOTHING


def _cut(tree: dict[str, Any], paths: list[Path]) -> None:
    """Remove `paths` from `tree`: from the end, so that earlier positions stay valid."""
    for path in sorted({_target(tree, path) for path in paths} - {()}, key=_position, reverse=True):
        parent: Any = tree
        for step in path[:-1]:
            parent = parent[step]
        if isinstance(parent, Kept) and isinstance(path[-1], int):
            parent.cut(path[-1])
        else:
            del parent[path[-1]]


def _position(path: Path) -> tuple[tuple[str, int], ...]:
    return tuple(("", step) if isinstance(step, int) else (step, 0) for step in path)


def _target(tree: Any, path: Path) -> Path:
    """Return the path to remove: `path` as far as it exists, or what encloses it if the model requires it."""
    for length, step in enumerate(path):
        tree = _child(tree, step)
        if tree is _NOTHING:
            path = path[:length]
            break
    while path and _needed(path):
        path = path[:-1]
    return path


def _needed(path: Path) -> bool:
    field = field_at(path)
    return field is not None and field.is_required() and isinstance(path[-1], str)
