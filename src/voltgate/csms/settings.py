"""What the management system goes by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CsmsSettings:
    """Settings of the configuration. Times are in seconds."""

    interval: int = 300
    """Between heartbeats, of networks that have none of their own."""
    registration: Literal["Accepted", "Pending", "Rejected"] = "Accepted"
    """What stations are answered that nobody has decided on."""
    retry: int = 60
    """After which a station that is Pending or Rejected asks again."""
    tokens: Literal["known", "any"] = "known"
    """Who may charge: tokens that are known, or any that is not blocked."""
    grace: float = 60.0
    """How long a station may be away before it is marked Unavailable."""
    validation: Literal["lenient", "strict"] = "lenient"
    currency: str = "EUR"
    tell_cost_16: tuple[str, str] = ("", "")
    """Vendor and message id of the DataTransfer that tells a 1.6 station what a transaction has cost; "": none."""
    tell_costs: float = 0.0
    """Between two times that stations of 2.x are told what running transactions have cost so far; 0: never."""
    keep_rows: int = 20_000
    """Rows of each kind that are kept of what a station tells."""
    patience: float = 30.0
    """How long a call may take, either way."""
