"""The table: who answers which action of which family of versions, and what is read for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from voltgate.csms.handling import Handling
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said

Handle: TypeAlias = Callable[[Handling], dict[str, Any]]
"""Answers a call: returns the payload of its result, or raises Refused. Changes rows only by way of the handling."""
Need: TypeAlias = Callable[[Said, Needs], None]
"""Adds what a call wants to read."""


def nothing(said: Said, needs: Needs) -> None:
    """Need nothing but the station."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How one action is answered."""

    handle: Handle
    needs: Need = nothing
    makes: bool = True
    """Whether a station that is not there is made: not for what is only said of it, as it may have been deleted."""


Table: TypeAlias = Mapping[str, Entry]
"""The entries of one family, by action."""
