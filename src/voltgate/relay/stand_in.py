"""How a backend is stood in for while it is away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voltgate.relay.tokens import Tokens

NOT_LISTED = Tokens()
"""No token at all."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """What is answered in the place of a backend that is away.

    `accept` says which tokens may charge: those that the backend accepted at this station before and those listed
    ("known"), every one, or none. `tokens` are the latter, as in a rule. `stop_refused`: a session whose token the
    backend refuses later is stopped.
    """

    accept: Literal["known", "all", "none"] = "known"
    tokens: Tokens = NOT_LISTED
    stop_refused: bool = True
