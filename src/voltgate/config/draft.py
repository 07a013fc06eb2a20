"""A configuration with its mistakes cut out, so that what is left can be checked in the same run."""

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
"""Each round cuts out at least one mistake; no honest file needs more."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a path, not yet tied to a line."""

    path: Path
    message: str
    warning: bool = False


class Kept(list[Any]):
    """A list that knows which position each of its elements had in the file."""

    def __init__(self, elements: list[Any]) -> None:
        super().__init__(elements)
        self.origins = list(range(len(elements)))

    def cut(self, index: int) -> None:
        """Take out one element."""
        del self[index]
        del self.origins[index]


@dataclass(frozen=True, slots=True)
class Draft:
    """What is sound of a configuration, its `tree`, and the tree that was written (`raw`)."""

    config: Config
    tree: dict[str, Any]
    raw: dict[str, Any]

    def names(self, section: str) -> list[str]:
        """List the names in `[section.NAME]`, those of broken entries too."""
        entries = self.raw.get(section)
        return list(entries) if isinstance(entries, dict) else []

    def written(self, path: Path) -> bool:
        """Tell whether the file has something at `path` (in the file's own positions)."""
        place: Any = self.raw
        for step in path:
            place = _child(place, step)
        return place is not _NOTHING

    def original(self, path: Path) -> Path:
        """Turn a path of the sound configuration into the one of the file."""
        return _original(self.tree, path)


def draft(raw: dict[str, Any], where: Surroundings) -> tuple[Draft | None, list[Finding]]:
    """Validate `raw`. Gives what is sound of it and every objection; no draft when nothing could be saved."""
    tree = _copied(raw)
    findings: list[Finding] = []
    for _ in range(ROUNDS):
        try:
            return Draft(Config.model_validate(tree, context=where), tree, raw), findings
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


def _new(known: list[Finding], found: list[Finding]) -> list[Finding]:
    """Leave out what is only the consequence of a cut: a complaint about what encloses another."""
    inner = [finding.path for finding in (*known, *found)]
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
        known = origins is not None and isinstance(step, int) and step < len(origins)
        steps.append(origins[step] if known else step)  # type: ignore[index]
        tree = _child(tree, step)
    return tuple(steps)


_NOTHING = object()


def _child(tree: Any, step: str | int) -> Any:
    try:
        return tree[step]
    except (KeyError, IndexError, TypeError):
        return _NOTHING


def _cut(tree: dict[str, Any], paths: list[Path]) -> None:
    """Take `paths` out of `tree`: from the back, so that positions in front stay what they are."""
    for path in sorted({_target(tree, path) for path in paths} - {()}, key=_position, reverse=True):
        place: Any = tree
        for step in path[:-1]:
            place = place[step]
        if isinstance(place, Kept) and isinstance(path[-1], int):
            place.cut(path[-1])
        else:
            del place[path[-1]]


def _position(path: Path) -> tuple[tuple[str, int], ...]:
    return tuple(("", step) if isinstance(step, int) else (step, 0) for step in path)


def _target(tree: Any, path: Path) -> Path:
    """Give what has to go: `path` as far as it exists, or what encloses it where the model cannot do without it."""
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
