"""The whole of a configuration that includes further files: one tree, and where each path of it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from voltgate.config import environment, lines, toml
from voltgate.config.draft import Finding
from voltgate.config.include import Include
from voltgate.config.lines import Path as At
from voltgate.config.model import Config
from voltgate.config.patterns import matching
from voltgate.config.problems import ConfigErrors, Problem
from voltgate.config.schema import container_of, fields_of, section_in
from voltgate.config.sentences import dotted
from voltgate.config.values import Surroundings

MOST = 1000
"""Files at most that one configuration includes."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a configuration: its lines, its keys at the top, and which entries of a list it has in the whole."""

    file: Path
    lines: lines.Lines
    keys: frozenset[str] = frozenset()
    entries: dict[At, range] = field(default_factory=dict)

    def line(self, path: At) -> int | None:
        """Return the line in which a path of the whole is written here; None if it is not."""
        for length, step in enumerate(path):
            mine = self.entries.get(path[:length])
            if mine is not None and isinstance(step, int):
                if step not in mine:
                    return None
                path = (*path[:length], step - mine.start, *path[length + 1 :])
        return self.lines.of(path) if self.lines.has(path) else None


class Whole:
    """A file and those that it includes. `tree` is all that they say, `problems` why some of it could not be had."""

    def __init__(self, file: Path | None, text: str, where: Surroundings) -> None:
        self.tree = toml.tree_of(file, text)
        self.included: list[Part] = []
        self.problems: list[Problem] = []
        self.findings: list[Finding] = []
        self._main = Part(Path() if file is None else file, lines.locate(text))
        self._include(where)

    def place(self, path: At) -> tuple[Path, int | None]:
        """Return the file and the line of a path, or of what encloses it if the path itself is not written."""
        for length in range(len(path), 0, -1):
            for part in (self._main, *self.included):
                if (line := part.line(path[:length])) is not None:
                    return part.file, line
        return self._main.file, None

    def _include(self, where: Surroundings) -> None:
        ours = {name: text for name, text in where.environ.items() if name.upper().startswith("VOLTGATE_INCLUDE")}
        environment.override(self.tree, ours)
        try:
            pattern = Include.model_validate(self.tree.get("include", {}), context=where).files
        except ValidationError:
            return  # it is told of with all else
        for file in self._files(pattern, where) if pattern is not None else ():
            try:
                self._add(where.note(file))
            except ConfigErrors as errors:
                self.problems += errors.problems

    def _files(self, pattern: str, where: Surroundings) -> Sequence[Path]:
        try:
            found = matching(where.file(pattern))
        except OSError as error:
            if error.errno in toml.SHORTAGES:
                raise
            self._found(f"{where.folder / Path(pattern).parent} cannot be read: {error.strerror or error}")
            return ()
        files = [file for file in found if file.resolve() != self._main.file.resolve()]
        if not files:
            self._found("there is no such file", warning=True)
        if len(files) > MOST:
            self._found(f"are {len(files)} files: {MOST} at most")
        return files[:MOST]

    def _found(self, message: str, *, warning: bool = False) -> None:
        self.findings.append(Finding(("include", "files"), message, warning))

    def _add(self, file: Path) -> None:
        text = toml.text_of(file)
        tree = toml.tree_of(file, text)
        part = Part(file, lines.locate(text), frozenset(tree))
        if "include" in tree:
            del tree["include"]
            self._refuse(part, ("include",), "a file that is included includes none")
        self._merge(part, (), Config, self.tree, tree)
        self.included.append(part)

    def _merge(
        self,
        part: Part,
        path: At,
        section: type[BaseModel] | None,
        ours: dict[str, Any],
        theirs: dict[str, Any],
    ) -> None:
        """Add the keys of one table of a file. `section` is what it is of, None for a table of names."""
        fields = fields_of(section) if section is not None else {}
        for key, value in theirs.items():
            at = (*path, key)
            annotation = fields[key].annotation if key in fields else None
            container, inner = container_of(annotation), section_in(annotation)
            match ours.get(key), value:
                case None, _:
                    ours[key] = value
                case dict(table), dict() if container is dict or (container is None and inner is not None):
                    self._merge(part, at, None if container is dict else inner, table, value)
                case list(entries), list() if container is tuple and inner is not None:
                    part.entries[at] = range(len(entries), len(entries) + len(value))
                    entries += value
                case _:
                    file, line = self.place(at)
                    self._refuse(part, at, f"stands in {file}:{line}, too")

    def _refuse(self, part: Part, at: At, message: str) -> None:
        self.problems.append(Problem(str(part.file), part.lines.of(at), dotted(at), message))
