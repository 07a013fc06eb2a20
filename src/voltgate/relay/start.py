"""The call that something begins with, and who hears what it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from voltgate.ocpp.messages import Call, Respond
from voltgate.relay.plan import Plan


@dataclass(frozen=True, slots=True)
class Start:
    """The call that something begins with. `key` tells a repeated one; `owner` owns it if that backend is here."""

    key: str
    call: Call
    respond: Respond
    owner: str | None = None


Chosen: TypeAlias = Callable[[str, Plan, Call, Respond], None]
"""Gets the owner, its plan, and the start as the station said it last."""
