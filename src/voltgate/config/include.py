"""Further files that belong to a configuration."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from voltgate.config.patterns import is_pattern
from voltgate.config.values import Section, Text


class Include(Section):
    """Further files, whose tables are added."""

    files: Text | None = Field(
        default=None,
        description='Which files, such as `"conf.d/*.toml"`, in the order of their names; `*`, `?` and `[…]` stand in '
        "the name of the file only. Files may come and go while the gateway runs.",
    )

    @field_validator("files")
    @classmethod
    def _one_folder(cls, files: str | None) -> str | None:
        if files is None:
            return None
        if "\0" in files or not Path(files).name:
            raise ValueError("is not a path")
        if any(is_pattern(part) for part in Path(files).parts[:-1]):
            raise ValueError("may have *, ? and [ in the name of the file only: folders are named")
        return files
