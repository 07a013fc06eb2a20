"""Finding the transaction that a message is about."""

from __future__ import annotations

from voltgate.csms.handling import Handling
from voltgate.csms.model import Transaction

LARGEST = 2**31 - 1
"""A transactionId of 1.x: stations that say more have lost it (Alfen says 2**63 - 1)."""


def is_number(number: int | None) -> bool:
    """Return whether a transactionId of 1.x may be one that was given."""
    return number is not None and 0 < number <= LARGEST


def the_running(handling: Handling, evse: int | None = None, token: str = "") -> Transaction | None:
    """Return the transaction that runs at a station, on an EVSE and by a token if these are said, if it is only one.

    It is meant by stations that do not know its name: they began it offline, or have lost it.
    """
    may = [
        tx
        for tx in handling.running()
        if (evse is None or tx.evse == evse) and (not token or tx.token.casefold() == token.casefold())
    ]
    return may[0] if len(may) == 1 else None
