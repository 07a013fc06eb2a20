"""Lengths of time as they are typed: 90s, 30m, 2h, 1d."""

from __future__ import annotations

import re

import typer

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def seconds(text: str | None, *, may_be_none: bool = False) -> float | None:
    """Return a length of time in seconds. Raises BadParameter, also for none at all unless that is allowed."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found is None or not (may_be_none or float(found[1])):
        raise typer.BadParameter("is a length of time: 90s, 30m, 2h, 1d")
    return float(found[1]) * _UNITS[found[2]]
