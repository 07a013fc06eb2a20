"""Names of files with `*`, `?` and `[…]` in them, all in one folder."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path


def is_pattern(name: str) -> bool:
    """Return whether a name may stand for several."""
    return any(char in name for char in "*?[")


def matching(pattern: Path) -> list[Path]:
    """Return the files that a pattern stands for, by name; hidden ones only for one that begins so. Raise OSError."""
    if not is_pattern(pattern.name):
        return [pattern]
    with os.scandir(pattern.parent) as entries:
        names = [entry.name for entry in entries if fnmatchcase(entry.name, pattern.name) and not entry.is_dir()]
    hidden = pattern.name.startswith(".")
    return [pattern.parent / name for name in sorted(names) if hidden or not name.startswith(".")]
