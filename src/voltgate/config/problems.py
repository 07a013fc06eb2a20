"""The mistakes in a configuration, as messages for its author."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from voltgate.config.values import Stamp


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: its file, line and key, and what is wrong. `line` is 1-based, None without a line."""

    file: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        location = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{location}: {self.key}: {self.message}" if self.key else f"{location}: {self.message}"


class ConfigErrors(Exception):  # noqa: N818 - plural on purpose: it carries all of them
    """The configuration is invalid: every mistake in it, in the order of the file. `files` are those that it names."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)
        self.files: Mapping[Path, Stamp] = {}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "x"?` for the closest of `known`, or "" if none is close."""
    by_folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f'; did you mean "{by_folded[close[0]]}"?' if close else ""
