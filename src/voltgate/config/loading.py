"""Reads a configuration from a file and the environment, and reports every mistake in it."""

from __future__ import annotations

import errno
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from voltgate.config import environment, lines
from voltgate.config.checks import check
from voltgate.config.draft import Draft, Finding, draft
from voltgate.config.environment import Override
from voltgate.config.model import Config
from voltgate.config.openness import LEVELS, Level, judge
from voltgate.config.problems import ConfigErrors, Problem
from voltgate.config.restart import as_begun
from voltgate.config.schema import fields_of
from voltgate.config.sentences import dotted
from voltgate.config.values import Stamp, Surroundings
from voltgate.config.whole import complete

SYSTEM, STATE = Path("/etc/voltgate"), Path("/var/lib/voltgate")
"""Where a machine's own configuration is, and what its gateway keeps (FHS 3.0 sections 3.7 and 5.8)."""
NOWHERE = "voltgate"
"""The name in messages if there is no file."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration with its file (None: defaults) and warnings of what is valid but doubtful.

    `files` are those that it names, its own among them, each as it was when it was read.
    """

    config: Config
    source: Path | None
    warnings: tuple[Problem, ...] = ()
    files: Mapping[Path, Stamp] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """Where what lasts is kept: the folder of the file; for that of the machine, in /etc, the one in /var/lib."""
        folder = _folder(self.source).absolute()
        return STATE if folder == SYSTEM else folder


def candidates(environ: Mapping[str, str]) -> list[Path]:
    """Return the files that are looked for, in order, if none is named."""
    home = Path(environ.get("HOME") or "/")
    own = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return [Path("voltgate.toml"), own / "voltgate" / "voltgate.toml", SYSTEM / "voltgate.toml"]


def find(environ: Mapping[str, str]) -> Path | None:
    """Return the configuration's file if none is named; None if there is none."""
    return next((path for path in candidates(environ) if path.is_file()), None)


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Return the configuration at `path`, or the first that is found. Raises ConfigErrors with every mistake."""
    return read(path, environ).config


def read(
    path: Path | None, environ: Mapping[str, str], begun: Config | None = None, *, wanted: Collection[str] = ()
) -> Loaded:
    """Return the configuration as `load` does, with its file and warnings.

    `begun` is the configuration of a process that goes on: what takes a restart stays as it is there. `wanted` are the
    keys at the top of the file that matter to who reads it: what is wrong elsewhere is left out, as if it were not.
    """
    source = path if path is not None else find(environ)
    where = Surroundings(_folder(source), environ)
    try:
        text = "" if source is None else text_of(where.note(source))
        return _read(source, text, where, begun, wanted)
    except ConfigErrors as errors:
        errors.files = where.files
        raise


def judged(path: Path | None, environ: Mapping[str, str]) -> tuple[Loaded, list[tuple[Level, Problem]]]:
    """Return the configuration as `read` does, and how open each part of it is, the most open first."""
    source = path if path is not None else find(environ)
    where = Surroundings(_folder(source), environ)
    text = "" if source is None else text_of(where.note(source))
    reading = _Reading(source, lines.locate(text), where)
    loaded = reading.finish(tree_of(source, text), None, ())
    assert reading.sound is not None  # noqa: S101 - else it has raised
    found = [(each.level, reading.problem(Finding(each.path, each.message))) for each in judge(reading.sound, source)]
    return loaded, sorted(found, key=lambda each: (LEVELS.index(each[0]), *_in_reading_order(each[1])))


def read_as(source: Path, text: str, environ: Mapping[str, str], begun: Config) -> Loaded:
    """Return the configuration as `read` would if this text stood in its file."""
    return _read(source, text, Surroundings(_folder(source), environ), begun, ())


def _read(source: Path | None, text: str, where: Surroundings, begun: Config | None, wanted: Collection[str]) -> Loaded:
    tree = tree_of(source, text)
    return _Reading(source, lines.locate(text), where).finish(tree, begun, wanted)


def _folder(source: Path | None) -> Path:
    return Path() if source is None else source.parent


SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Why nothing can be read for now, whatever it says."""


def text_of(source: Path) -> str:
    """Return the text of a file. Raise ConfigErrors, or OSError when nothing can be read for now."""
    try:
        raw = source.read_bytes()
    except OSError as error:
        if error.errno in SHORTAGES:
            raise  # the file is as good as any
        raise ConfigErrors([Problem(str(source), None, "", f"cannot be read: {error.strerror or error}")]) from None
    return decoded(source, raw)


def decoded(source: Path, raw: bytes) -> str:
    """Return the text of a file that was read. Raise ConfigErrors."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigErrors([Problem(str(source), line, "", "is not UTF-8 text")]) from None


_DEEPEST = 32
"""Levels of tables and lists in each other at most, and parts of a dotted key."""
_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+"""
_LONG_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*+(?:{_PART}\.[ \t]*+){{{_DEEPEST}}}", re.MULTILINE)
_TOO_DEEP = f"is nested too deep: {_DEEPEST} levels at most"


def tree_of(source: Path | None, text: str) -> dict[str, Any]:
    """Return what a text holds. Raise ConfigErrors for one that is not TOML, or that is nested without need.

    A long dotted key is refused before it is read: `tomllib` takes memory by the square of its parts.
    """
    if (found := _LONG_KEY.search(text)) is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise ConfigErrors([Problem(str(source), line, "", _TOO_DEEP)])
    try:
        tree = tomllib.loads(text)
    except ValueError as error:  # tomllib's own, or Python's for a number with thousands of digits
        raise ConfigErrors([_syntax(str(source), text, str(error))]) from None
    except RecursionError:
        raise ConfigErrors([Problem(str(source), None, "", _TOO_DEEP)]) from None
    if _is_too_deep(tree):
        raise ConfigErrors([Problem(str(source), None, "", _TOO_DEEP)])
    return tree


def _is_too_deep(tree: dict[str, Any]) -> bool:
    level: list[Any] = [tree]
    for _ in range(_DEEPEST):
        level = [
            item
            for each in level
            for item in (each.values() if isinstance(each, dict) else each)
            if isinstance(item, dict | list)
        ]
    return bool(level)


def _syntax(file: str, text: str, message: str) -> Problem:
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    if found is None:
        return Problem(file, None, "", f"is not TOML: {message}")
    what, line, column = found.groups()
    if line is None:
        return Problem(file, text.rstrip().count("\n") + 1, "", f"is not TOML: {what} at the end")
    before, behind = _split(text, int(line), int(column))
    hint = "; a table in { } ends on its line" if before.count("{") > before.count("}") and not behind else ""
    return Problem(file, int(line), "", f"is not TOML: {what} (column {column}){hint}")


def _split(text: str, line: int, column: int) -> tuple[str, str]:
    """Return what stands in a line before a column, and what stands there before a comment."""
    written = text.split("\n")[line - 1]
    return written[: column - 1], written[column - 1 :].partition("#")[0].strip()


class _Reading:
    """One reading of one file: its overrides from the environment, and the line of each path."""

    def __init__(self, source: Path | None, at: lines.Lines, where: Surroundings) -> None:
        self._source = source
        self._lines = at
        self._where = where
        self._set: list[Override] = []
        self.sound: Draft | None = None
        """The valid part of it, once it was read."""

    def finish(self, tree: dict[str, Any], begun: Config | None, wanted: Collection[str]) -> Loaded:
        problems = self._override(tree, self._where.environ)
        if self._source is None:
            complete(tree)
        sound, findings = draft(tree, self._where)
        held: list[Finding] = []
        if sound is not None and begun is not None:
            sound, held = as_begun(sound, begun)
        doubts = [*held, *(check(sound) if sound is not None else ())]
        findings += [finding for finding in doubts if not finding.warning]
        if wanted and sound is not None:
            findings = [finding for finding in findings if finding.path and finding.path[0] in wanted]
        problems += self._problems(findings)
        if problems or sound is None:
            raise ConfigErrors(problems + self._problems(held))
        self.sound = sound
        warnings = self._problems(finding for finding in doubts if finding.warning)
        return Loaded(sound.config, self._source, tuple(warnings), self._where.files)

    def _override(self, tree: dict[str, Any], environ: Mapping[str, str]) -> list[Problem]:
        problems: list[Problem] = []
        for found in environment.overrides(environ, tree, fields_of(Config)):
            if isinstance(found, Problem):
                problems.append(found)
            elif wrong := environment.apply(found, found.value, tree):
                problems.append(Problem(f"${found.variable}", None, dotted(found.path), wrong))
            else:
                self._set.append(found)
        self._spell_out(tree)
        return problems

    def _spell_out(self, tree: dict[str, Any]) -> None:
        """Keep the text of a variable undecoded if the model has a text there: a password may be all digits."""
        texts = _wanting_text(tree, self._where)
        for override in self._set:
            if override.path in texts:
                environment.apply(override, override.text, tree)

    def _problems(self, findings: Iterable[Finding]) -> list[Problem]:
        problems = {self.problem(finding) for finding in findings}
        return sorted(problems, key=_in_reading_order)

    def problem(self, finding: Finding) -> Problem:
        """Return a finding with its place, for people."""
        key = dotted(finding.path)
        for override in self._set:
            if finding.path[: len(override.path)] == override.path:
                return Problem(f"${override.variable}", None, key, finding.message)
        file = NOWHERE if self._source is None else str(self._source)
        return Problem(file, self._lines.of(finding.path), key, finding.message)


def _in_reading_order(problem: Problem) -> tuple[bool, int, str, str]:
    return problem.line is None, problem.line or 0, problem.key, problem.message


def _wanting_text(tree: dict[str, Any], where: Surroundings) -> set[lines.Path]:
    try:
        Config.model_validate(tree, context=where)
    except ValidationError as errors:
        return {error["loc"] for error in errors.errors(include_url=False) if error["type"] == "string_type"}
    return set()
