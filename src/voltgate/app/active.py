"""The configuration in force, and what became of the last attempt to change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from voltgate.config import Config, Loaded
from voltgate.config.values import Stamp, stamp

Objection: TypeAlias = Callable[[Loaded], str | None]


def nothing_against(loaded: Loaded) -> str | None:
    """Return None: any configuration will do."""
    return None


class ActiveConfiguration:
    """The configuration that the process goes by. `changes` counts those after the first.

    `objection` says why a configuration is none for a process of this kind; None if it is one.
    """

    def __init__(self, loaded: Loaded, objection: Objection = nothing_against) -> None:
        self.loaded = loaded
        self.objection = objection
        self.problems: tuple[str, ...] = ()
        """What was wrong with the last configuration, which was not taken; empty once another has been."""
        self.changes = 0
        self._files = loaded.files

    @property
    def config(self) -> Config:
        """The configuration itself."""
        return self.loaded.config

    def take(self, loaded: Loaded) -> None:
        """Put another configuration in force."""
        self.loaded, self.problems = loaded, ()
        self.changes += 1

    def refuse(self, problems: Sequence[str]) -> None:
        """Keep the one in force, and what is wrong with the other."""
        self.problems = tuple(problems)

    def follow(self, files: Mapping[Path, Stamp]) -> None:
        """Compare with these files from now on, as they were: those that the last configuration named, taken or not."""
        self._files = files

    def note_files(self) -> None:
        """Remember the files as they are now."""
        self._files = {file: stamp(file) for file in self._files}

    def look_again(self) -> None:
        """Take the files for changed: what they say could not be had."""
        self._files = dict.fromkeys(self._files)

    def files_changed(self) -> bool:
        """Return whether one of the files has changed since it was remembered."""
        return any(stamp(file) != known for file, known in self._files.items())
