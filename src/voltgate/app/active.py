"""The configuration in force, and what became of the last attempt to change it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from voltgate.config import Config, Loaded

_Stamp: TypeAlias = tuple[int, int] | None
"""Time of change (ns) and size of a file; None while there is none."""


class ActiveConfiguration:
    """The configuration that the process goes by. `changes` counts those after the first."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.problems: tuple[str, ...] = ()
        """What was wrong with the last configuration, which was not taken; empty once another has been."""
        self.changes = 0
        self._stamps = _stamps(loaded)

    @property
    def config(self) -> Config:
        """The configuration itself."""
        return self.loaded.config

    def take(self, loaded: Loaded) -> None:
        """Put another configuration in force."""
        self.loaded, self.problems = loaded, ()
        self.changes += 1
        self.note_files()

    def note_files(self) -> None:
        """Remember the files as they are now: `files_changed` compares with this."""
        self._stamps = _stamps(self.loaded)

    def files_changed(self) -> bool:
        """Return whether one of the files has changed since `note_files`."""
        return _stamps(self.loaded) != self._stamps


def _stamps(loaded: Loaded) -> tuple[_Stamp, ...]:
    lists = [group.file for group in loaded.config.token_groups.values() if group.file is not None]
    return tuple(map(_stamp, (loaded.source, *lists)))


def _stamp(source: Path | None) -> _Stamp:
    try:
        stat = source.stat() if source is not None else None
    except OSError:
        return None
    return None if stat is None else (stat.st_mtime_ns, stat.st_size)
