"""The tables `[routes]` in the text of a configuration: cut out, and replaced without a change of anything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voltgate.config import lines
from voltgate.config.problems import ConfigErrors, Problem
from voltgate.config.sentences import dotted
from voltgate.config.toml import tree_of

SECTION = "routes"
_COMMENTS = re.compile(r"(?:\A|(?<=\n)[ \t]*\r?\n)((?:[ \t]*#[^\n]*\n)+)[ \t]*\Z")
"""Comments that stand alone above a header: between an empty line, or the beginning, and the header."""

_ENDS_EMPTY = re.compile(r"\n[ \t]*\r?\n[ \t]*\Z")


@dataclass(frozen=True, slots=True)
class Written:
    """A whole text with other routes: where they stand in it, in lines (the first, and how many)."""

    text: str
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class RoutesText:
    """The text of a configuration, and from where to where its routes stand in it."""

    source: Path
    text: str
    parts: tuple[tuple[int, int], ...]

    @property
    def routes(self) -> str:
        """The tables of the routes, as they are written."""
        return "".join(self.text[start:end] for start, end in self.parts)

    def with_routes(self, routes: str) -> Written:
        """Return the text with other routes, where the first of them stand now, or else at its end.

        Raise ConfigErrors, by the lines of `routes`, for what is not TOML, and for what is more than routes.
        """
        _check(self.source, routes)
        if "\r\n" in self.text:
            routes = routes.replace("\r\n", "\n").replace("\n", "\r\n")
        whole = self._spliced(routes)
        self._prove(whole.text, routes)
        return whole

    def _spliced(self, routes: str) -> Written:
        (start, end), *others = self.parts or ((len(self.text), len(self.text)),)
        before = self.text[:start]
        if not self.parts and before.strip():
            before = before.rstrip("\n") + "\n\n"
        elif routes.startswith("#") and before.strip() and not _ENDS_EMPTY.search(before):
            before += "\n"  # else the comment would seem to be of what stands above it
        if routes and not routes.endswith("\n"):
            routes += "\n"
        pieces = [before, routes]
        for other in others:
            pieces.append(self.text[end : other[0]])
            end = other[1]
        return Written("".join((*pieces, self.text[end:])), before.count("\n") + 1, routes.count("\n"))

    def _prove(self, whole: str, routes: str) -> None:
        """Raise ConfigErrors unless the routes are other ones, and all else is the same."""
        old, new = tree_of(self.source, self.text), tree_of(self.source, whole)
        wanted = {**old, SECTION: tree_of(self.source, routes).get(SECTION)}
        if {**new, SECTION: new.get(SECTION)} != wanted:
            raise _refused(self.source, 1, "", f"must be tables that begin with their header, as [{SECTION}.NAME]")


def cut(source: Path, text: str) -> RoutesText:
    """Find the routes in the text of a configuration. Raise ConfigErrors where they are no tables of their own."""
    tree = tree_of(source, text)
    found = RoutesText(source, text, tuple(_parts(text)))
    if tree_of(source, found.routes) != ({SECTION: tree[SECTION]} if SECTION in tree else {}):
        message = f"is not written as tables [{SECTION}.NAME]: only such can be edited here"
        raise _refused(source, lines.locate(text).of((SECTION,)), SECTION, message)
    return found


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Yield from where to where tables of routes stand, those without another one between them together."""
    part: tuple[int, int] | None = None
    for table in lines.tables(text):
        if table.key == SECTION:
            part = (_begin(text, table.start) if part is None else part[0], _line_end(text, table.end))
        elif part is not None:
            yield part
            part = None
    if part is not None:
        yield part


def _begin(text: str, header: int) -> int:
    """Return where a header begins, with the comments of its own above it."""
    start = text.rfind("\n", 0, header) + 1
    found = _COMMENTS.search(text[:start])
    return start if found is None else found.start(1)


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _check(source: Path, routes: str) -> None:
    """Raise ConfigErrors for what is no text of routes, or would have a value read from a file or the environment."""
    tree, at = tree_of(source, routes), lines.locate(routes)
    problems = [
        Problem(str(source), at.of((key,)), key, f"only tables of [{SECTION}] can be edited here")
        for key in tree
        if key != SECTION
    ]
    problems += [
        Problem(str(source), at.of(path), dotted(path), "values from files or the environment cannot be edited here")
        for path in _references(tree, ())
    ]
    if problems:
        raise ConfigErrors(problems)


def _references(value: Any, path: lines.Path) -> Iterator[lines.Path]:
    """Yield the paths of `{ file = "…" }` and `{ env = "…" }`."""
    if isinstance(value, dict):
        if any(isinstance(value.get(key), str) for key in ("file", "env")):
            yield path
        for key, item in value.items():
            yield from _references(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _references(item, (*path, index))


def _refused(source: Path, line: int | None, key: str, message: str) -> ConfigErrors:
    return ConfigErrors([Problem(str(source), line, key, message)])
