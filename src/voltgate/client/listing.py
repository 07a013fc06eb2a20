"""A group of commands that lists where none of them is named."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class Listing(TyperGroup):
    """A group whose command `list` is meant where none is named, with or without options of its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` before what begins with an option."""
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)
