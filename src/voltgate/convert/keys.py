"""The settings of somebody else's file, by path, each with its line; and what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from voltgate.config import ConfigErrors, Problem
from voltgate.config.lines import Path
from voltgate.config.problems import did_you_mean
from voltgate.config.sentences import dotted
from voltgate.ocpp.ids import integer


def refused(file: str, line: int | None, key: str, message: str) -> ConfigErrors:
    """Make the error of a file in which nothing more can be read."""
    return ConfigErrors([Problem(file, line, key, message)])


class Keys:
    """One file's settings. What is taken is checked; objections are kept until `settle`, so that all are told at once.

    A setting that is absent, or wrong, is given as what it is without: text as "", numbers as their default.
    """

    def __init__(self, file: str, values: Mapping[Path, Any], lines: Mapping[Path, int]) -> None:
        self.file = file
        self._values = values
        self._lines = lines
        self._taken: set[Path] = set()
        self._problems: list[Problem] = []

    @property
    def name(self) -> str:
        """The file's name, without its folder."""
        return PurePath(self.file).name

    def take(self, *path: str) -> Any:
        """Give a setting as it stands; None when it is absent."""
        self._taken.add(path)
        return self._values.get(path)

    def text(self, *path: str, needed: bool = False) -> str:
        """Give a text, without white space around it."""
        value = self.take(*path)
        if value is not None and not isinstance(value, str):
            self.object(path, "must be text in quotes")
            return ""
        found = (value or "").strip()
        if needed and not found:
            self.object(path, "is missing")
        return found

    def port(self, *path: str, default: int | None = None) -> int:
        """Give a port, written as a number or as its digits. Without `default` it must be there."""
        value = self.take(*path)
        if value is None or value == "":
            if default is None:
                self.object(path, "is missing")
            return default or 0
        number = int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else integer(value)
        if number is None or not 1 <= number <= 65_535:
            self.object(path, "must be a port, a number from 1 to 65535")
            return default or 0
        return number

    def seconds(self, *path: str, default: float) -> float:
        """Give a duration in seconds, greater than 0, written as text."""
        try:
            number = float(self.text(*path) or default)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            self.object(path, "must be a number of seconds greater than 0")
            return default
        return number

    def word(self, *path: str, among: Mapping[str, str]) -> str:
        """Give what the word at `path` stands for in `among`, without regard to case; "" when it is absent."""
        word = self.text(*path).lower()
        if word and word not in among:
            self.object(path, f"must be one of {', '.join(among)}{did_you_mean(word, among)}")
        return among.get(word, "")

    def within(self, *path: str) -> list[Path]:
        """List the settings under `path`, in the order of the file."""
        return [found for found in self._values if found[: len(path)] == path]

    def left(self) -> list[str]:
        """Name the settings that nobody took, in the order of the file."""
        return [dotted(path) for path in self._values if path not in self._taken]

    def object(self, path: Path, message: str) -> None:
        """Note what is wrong with a setting."""
        self._problems.append(Problem(self.file, self._line(path), dotted(path), message))

    def settle(self) -> None:
        """Raise ConfigErrors with every objection, in the order of the file, if there is any."""
        if self._problems:
            raise ConfigErrors(sorted(self._problems, key=lambda problem: problem.line or 0))

    def _line(self, path: Path) -> int | None:
        """Give the line of a setting, or of what would hold it."""
        places = (self._lines.get(path[:length]) for length in range(len(path), 0, -1))
        return next((line for line in places if line is not None), None)
