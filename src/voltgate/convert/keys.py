"""The settings of another proxy's file by path, each with its line, and the mistakes in them."""

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
    """Return the error of a file that cannot be read further."""
    return ConfigErrors([Problem(file, line, key, message)])


class Keys:
    """One file's settings. What is taken is checked; mistakes are collected until `settle`, so that all are reported.

    A setting that is absent, or wrong, is returned as its default: text as "", numbers as their `default`.
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
        """Return a setting as it is in the file; None if it is absent."""
        self._taken.add(path)
        return self._values.get(path)

    def text(self, *path: str, needed: bool = False) -> str:
        """Return a text, without white space around it."""
        value = self.take(*path)
        if value is not None and not isinstance(value, str):
            self.reject(path, "must be text in quotes")
            return ""
        found = (value or "").strip()
        if needed and not found:
            self.reject(path, "is missing")
        return found

    def port(self, *path: str, default: int | None = None) -> int:
        """Return a port, written as a number or as its digits. Without `default` it is required."""
        value = self.take(*path)
        if value is None or value == "":
            if default is None:
                self.reject(path, "is missing")
            return default or 0
        number = int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else integer(value)
        if number is None or not 1 <= number <= 65_535:
            self.reject(path, "must be a port, a number from 1 to 65535")
            return default or 0
        return number

    def seconds(self, *path: str, default: float) -> float:
        """Return a duration in seconds, greater than 0, written as text."""
        try:
            number = float(self.text(*path) or default)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            self.reject(path, "must be a number of seconds greater than 0")
            return default
        return number

    def word(self, *path: str, among: Mapping[str, str]) -> str:
        """Return the value in `among` of the word at `path`, without regard to case; "" if it is absent."""
        word = self.text(*path).lower()
        if word and word not in among:
            self.reject(path, f"must be one of {', '.join(among)}{did_you_mean(word, among)}")
        return among.get(word, "")

    def within(self, *path: str) -> list[Path]:
        """Return the settings under `path`, in the order of the file."""
        return [found for found in self._values if found[: len(path)] == path]

    def unused(self) -> list[str]:
        """Return the names of the settings that were not taken, in the order of the file."""
        return [dotted(path) for path in self._values if path not in self._taken]

    def reject(self, path: Path, message: str) -> None:
        """Record a mistake in a setting."""
        self._problems.append(Problem(self.file, self._line(path), dotted(path), message))

    def settle(self) -> None:
        """Raise ConfigErrors with every mistake, in the order of the file, if there is any."""
        if self._problems:
            raise ConfigErrors(sorted(self._problems, key=lambda problem: problem.line or 0))

    def _line(self, path: Path) -> int | None:
        """Return the line of a setting, or of the nearest section that would contain it."""
        lines = (self._lines.get(path[:length]) for length in range(len(path), 0, -1))
        return next((line for line in lines if line is not None), None)
