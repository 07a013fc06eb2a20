"""Reads a configuration from a file and the environment, and reports every mistake in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from voltgate.config import lines
from voltgate.config.checks import check
from voltgate.config.draft import Draft, Finding, draft
from voltgate.config.environment import Override, override
from voltgate.config.included import Whole
from voltgate.config.model import Config
from voltgate.config.openness import LEVELS, Level, judge
from voltgate.config.problems import ConfigErrors, Problem
from voltgate.config.restart import as_begun
from voltgate.config.sentences import dotted
from voltgate.config.toml import text_of
from voltgate.config.values import Stamp, Surroundings
from voltgate.config.whole import complete

SYSTEM, STATE = Path("/etc/voltgate"), Path("/var/lib/voltgate")
"""Where a machine's own configuration is, and what its gateway keeps (FHS 3.0 sections 3.7 and 5.8)."""
NOWHERE = "voltgate"
"""The name in messages if there is no file."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration with its file (None: defaults) and warnings of what is valid but doubtful.

    `files` are those that it names, its own among them, each as it was when it was read. `environment` has the keys
    that a variable of the environment sets, each with the variable's name; `included` the files that are included,
    each with its keys at the top.
    """

    config: Config
    source: Path | None
    warnings: tuple[Problem, ...] = ()
    files: Mapping[Path, Stamp] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    included: Mapping[Path, frozenset[str]] = field(default_factory=dict)

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
    reading = _Reading(source, text, where)
    loaded = reading.finish(None, ())
    assert reading.sound is not None  # noqa: S101 - else it has raised
    found = [(each.level, reading.problem(Finding(each.path, each.message))) for each in judge(reading.sound, source)]
    return loaded, sorted(found, key=lambda each: (LEVELS.index(each[0]), *_in_reading_order(each[1])))


def read_as(source: Path, text: str, environ: Mapping[str, str], begun: Config) -> Loaded:
    """Return the configuration as `read` would if this text stood in its file."""
    return _read(source, text, Surroundings(_folder(source), environ), begun, ())


def _read(source: Path | None, text: str, where: Surroundings, begun: Config | None, wanted: Collection[str]) -> Loaded:
    return _Reading(source, text, where).finish(begun, wanted)


def _folder(source: Path | None) -> Path:
    return Path() if source is None else source.parent


class _Reading:
    """One reading of one file and those that it includes, with its overrides from the environment."""

    def __init__(self, source: Path | None, text: str, where: Surroundings) -> None:
        self._source = source
        self._whole = Whole(source, text, where)
        self._where = where
        self._set: list[Override] = []
        self.sound: Draft | None = None
        """The valid part of it, once it was read."""

    def finish(self, begun: Config | None, wanted: Collection[str]) -> Loaded:
        tree = self._whole.tree
        self._set, problems = override(tree, self._where.environ)
        self._spell_out(tree)
        if self._source is None:
            complete(tree)
        sound, findings = draft(tree, self._where)
        held: list[Finding] = []
        if sound is not None and begun is not None:
            sound, held = as_begun(sound, begun)
        doubts = [*self._whole.findings, *held, *(check(sound) if sound is not None else ())]
        findings += [finding for finding in doubts if not finding.warning]
        if wanted and sound is not None:
            findings = [finding for finding in findings if finding.path and finding.path[0] in wanted]
        problems += [*(() if wanted else self._whole.problems), *self._problems(findings)]
        if problems or sound is None:
            raise ConfigErrors(problems + self._problems(held))
        self.sound = sound
        warnings = self._problems(finding for finding in doubts if finding.warning)
        variables = {dotted(each.path): each.variable for each in self._set}
        included = {part.file: part.keys for part in self._whole.included}
        return Loaded(sound.config, self._source, tuple(warnings), self._where.files, variables, included)

    def _spell_out(self, tree: dict[str, Any]) -> None:
        """Keep the text of a variable undecoded if the model has a text there: a password may be all digits."""
        texts = _wanting_text(tree, self._where)
        for each in self._set:
            if each.path in texts and not isinstance(each.value, dict | list):
                each.put(tree, each.text)

    def _problems(self, findings: Iterable[Finding]) -> list[Problem]:
        problems = {self.problem(finding) for finding in findings}
        files = [str(part.file) for part in self._whole.included]
        return sorted(problems, key=lambda each: (each.file in files, each.file, *_in_reading_order(each)))

    def problem(self, finding: Finding) -> Problem:
        """Return a finding with its place, for people."""
        key = dotted(finding.path)
        setting = [each for each in self._set if finding.path[: len(each.path)] == each.path]
        if setting:
            return max(setting, key=lambda each: len(each.path)).problem(key, finding.message)
        file, line = self._whole.place(finding.path)
        named = NOWHERE if self._source is None and line is None else str(file)
        return Problem(named, line, key, finding.message)


def _in_reading_order(problem: Problem) -> tuple[bool, int, str, str]:
    return problem.line is None, problem.line or 0, problem.key, problem.message


_TEXTS = frozenset({"string_type", "path_type"})


def _wanting_text(tree: dict[str, Any], where: Surroundings) -> set[lines.Path]:
    try:
        Config.model_validate(tree, context=where)
    except ValidationError as errors:
        return {error["loc"] for error in errors.errors(include_url=False) if error["type"] in _TEXTS}
    return set()
