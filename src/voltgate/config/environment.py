"""Overrides of the configuration by environment variables such as `VOLTGATE_LISTEN__HTTP`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from voltgate.config.lines import Path
from voltgate.config.problems import Problem, did_you_mean

PREFIX = "VOLTGATE_"
TOKEN = "VOLTGATE_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE = "VOLTGATE_ADMIN_TOKEN_FILE"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Override:
    """One key that the environment sets: its variable, its path, and its text."""

    variable: str
    path: Path
    text: str

    @property
    def value(self) -> Any:
        """The text decoded as JSON, or unchanged if it is not JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return self.text


def overrides(environ: Mapping[str, str], tree: Mapping[str, Any], sections: Iterable[str]) -> list[Override | Problem]:
    """Return what the environment sets, in order of the names; a Problem for a variable whose section does not exist.

    A variable counts when it names a key within a section (`__` between the parts) or a whole section. Others that
    begin with VOLTGATE_ are ignored: container platforms set some for every service of that name.
    """
    known = set(sections)
    found: list[Override | Problem] = []
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable == TOKEN_FILE:
            continue
        parts = variable.removeprefix(PREFIX).lower().split("__")
        if parts[0] in known:
            found.append(Override(variable, _path(parts, tree), environ[variable]))
        elif len(parts) > 1:
            message = f"there is no section {parts[0]}{did_you_mean(parts[0], known)}"
            found.append(Problem(f"${variable}", None, ".".join(parts), message))
    return found


def _path(parts: list[str], tree: Any) -> Path:
    path: list[str | int] = []
    for part in parts:
        step = _step(part, tree)
        path.append(step)
        tree = _child(tree, step)
    return tuple(path)


def _step(part: str, tree: Any) -> str | int:
    """Return the key that `part` stands for: names in a variable have no case, no hyphen and no dot."""
    if isinstance(tree, list) and part.isdecimal():
        return int(part)
    names = tree if isinstance(tree, Mapping) else ()
    return next((name for name in names if _folded(name) == part), part)


def _folded(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _child(tree: Any, step: str | int) -> Any:
    try:
        return tree[step]
    except (KeyError, IndexError, TypeError):
        return None


def apply(override: Override, value: Any, tree: dict[str, Any]) -> str | None:
    """Set `value` in `tree`. Return what is wrong if its parent does not exist, else None."""
    *parents, last = override.path
    parent: Any = tree
    for step in parents:
        if isinstance(parent, dict):
            parent = parent.setdefault(step, {})
        elif isinstance(parent, list) and isinstance(step, int) and step < len(parent):
            parent = parent[step]
        else:
            return f"there is nothing at {step!r}"
    return _put(parent, last, value)


def _put(parent: Any, last: str | int, value: Any) -> str | None:
    if isinstance(parent, list) and isinstance(last, int) and last <= len(parent):
        parent[last : last + 1] = [value]
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        return f"there is nothing at {last!r}"
    return None
