"""Finding the transaction that a message of 1.x is about."""

from __future__ import annotations

from voltgate.csms.desk import Desk
from voltgate.csms.model import Transaction


def numbered(desk: Desk, number: int, connector: int | None = None, token: str = "") -> Transaction | None:
    """Return the transaction of a number.

    A station that never got a number, since it began offline, says 0 or -1: then it is the one that runs, if there is
    only one that it can be.
    """
    found = desk.transaction(str(number))
    if found is not None or number > 0:
        return found
    may = [
        tx
        for tx in desk.running()
        if (connector is None or tx.evse == connector) and (not token or tx.token.casefold() == token.casefold())
    ]
    return may[0] if len(may) == 1 else None
