"""The end of a transaction: said by the station, or concluded from what it says later.

A station that has lost its memory, or a cable that was pulled while it had no power, leaves a transaction that never
ends. It is closed when the station shows that it is over: a connector that is free again, or another transaction on
it. Such an end is marked `estimated`; its register is the last one that the station has given, never an invented one.
An end that the station says after all replaces it, and so does a sign that it goes on.
"""

from __future__ import annotations

from voltgate.csms.handling import Handling
from voltgate.csms.model import Transaction
from voltgate.csms.times import AHEAD, is_older

FREE = "the connector was free again"
ANOTHER = "another transaction began on the connector"
AGAIN = "its station began another transaction by the same id"
CROWDED = "more transactions ran than a station can have"
NO_READING = "its end came without a reading of the register"
"""The station has said the end, but not the register: that is the last one that it had given."""
OF_TRANSACTION = "TxProfile"
"""The purpose of charging profiles that end with their transaction (1.6 section 3.13.1, 2.x ChargingProfilePurpose)."""
MOST = 1000
"""Transactions that run at one station: each of its calls reads them all, and whoever is answered with it waits."""


def end(
    handling: Handling, tx: Transaction, at: float, meter_stop: float | None, reason: str, estimated: str = ""
) -> None:
    """End a transaction; one that was ended by an estimate ends again, once its station says so."""
    tx.state, tx.ended, tx.ended_received = "ended", at, handling.said.now
    tx.meter_stop, tx.reason, tx.estimated = meter_stop, reason, estimated
    tx.charging_state, tx.power = "", None
    tx.energy = energy_of(tx)
    handling.used(tx.token).discard((tx.station, tx.ref))
    handling.put(tx)
    if all(other.evse != tx.evse for other in handling.running()):
        for row in handling.profiles():
            if row.purpose == OF_TRANSACTION and row.evse == tx.evse:
                handling.clear_profile(row)


def end_as_said(handling: Handling, tx: Transaction, at: float, meter_stop: float | None, reason: str) -> None:
    """End a transaction whose station says so; without a register the last one stands for it, and that is said."""
    if meter_stop is None and tx.meter_last is not None:
        end(handling, tx, at, tx.meter_last, reason, NO_READING)
    else:
        end(handling, tx, at, meter_stop, reason)


def energy_of(tx: Transaction) -> float | None:
    """Return the energy of a transaction whose register is known at both ends, in Wh; never less than none."""
    if tx.meter_start is None or tx.meter_stop is None:
        return None
    return max(0.0, round(tx.meter_stop - tx.meter_start, 3))


def is_over(tx: Transaction) -> bool:
    """Return whether the station itself has said that a transaction has ended."""
    return tx.state == "ended" and tx.estimated not in (FREE, ANOTHER, AGAIN, CROWDED)


def goes_on(handling: Handling, tx: Transaction, at: float) -> None:
    """Take back an end that was concluded, when the station says at a later time that there is more of it."""
    if tx.state == "running" or is_over(tx) or tx.ended is None or at <= tx.ended:
        return
    tx.state, tx.ended, tx.ended_received, tx.estimated = "running", None, None, ""
    tx.meter_stop = tx.energy = tx.cost = None
    tx.cost_data = b""
    handling.used(tx.token).add((tx.station, tx.ref))
    handling.put(tx)
    crowded(handling, tx)


def crowded(handling: Handling, tx: Transaction) -> None:
    """End what has run longest, when one more runs at a station than it can have."""
    running = [each for each in handling.running() if each is not tx]
    if len(running) >= MOST:
        oldest = min(running, key=lambda each: each.began_received or 0.0)
        _estimate(handling, oldest, handling.said.now, CROWDED)


def no_longer_charging(handling: Handling, evse: int, connector: int, at: float) -> None:
    """End what was said to run on a connector that is free since `at`."""
    for tx in handling.running():
        if tx.evse == evse and _is_on(handling, tx, connector) and _is_before(handling, tx, at):
            _estimate(handling, tx, at, FREE)


def _is_on(handling: Handling, tx: Transaction, connector: int) -> bool:
    """Return whether a transaction can be on no other connector of its EVSE; if it is not said, all must be free."""
    if tx.connector is not None:
        return tx.connector == connector
    return all(row.status == "Available" for row in handling.connectors() if row.evse == tx.evse and row.connector)


def displaced(handling: Handling, begun: Transaction) -> None:
    """End what was said to run on an EVSE where a transaction has begun, and that one if another began after it.

    So it is wherever two have the same id: their station knows one of them. Which one began first is told by their
    times, and before those by the register, which no clock sets back.
    """
    for tx in handling.running():
        why = AGAIN if tx.transaction_id == begun.transaction_id else ANOTHER
        if tx is begun or (why == ANOTHER and (not begun.evse or tx.evse != begun.evse)):
            continue
        if begun.began is not None and why == ANOTHER and _is_read_after(begun, tx):
            _estimate(handling, tx, max(begun.began, tx.meter_at or 0.0), why)
        elif begun.began is not None and _is_before(handling, tx, begun.began):
            _estimate(handling, tx, begun.began, why)
        elif begun.state == "running" and tx.began is not None and _is_before(handling, begun, tx.began):
            _estimate(handling, begun, tx.began, why)


def _is_read_after(begun: Transaction, tx: Transaction) -> bool:
    """Return whether a transaction began with a register that another one on its EVSE had not reached."""
    if begun.meter_start is None or tx.meter_start is None:
        return False
    return begun.meter_start > tx.meter_start and begun.meter_start >= (tx.meter_last or tx.meter_start)


def _estimate(handling: Handling, tx: Transaction, at: float, why: str) -> None:
    """End a transaction that its station has not ended."""
    began, now = tx.began or 0.0, handling.said.now
    has_jumped = at > now + AHEAD and not _was_ahead(tx)
    ended = max(now if has_jumped else at, began)
    end(handling, tx, ended, tx.meter_last if tx.meter_last is not None else tx.meter_start, "", why)


def _is_before(handling: Handling, tx: Transaction, at: float) -> bool:
    """Return whether all that is known of a transaction was before `at`, by the station's own clock."""
    return not any(is_older(at, known, handling.said.now) for known in (tx.began, tx.heard, tx.meter_at))


def _was_ahead(tx: Transaction) -> bool:
    """Return whether a transaction began, by its station's clock, later than we heard of it."""
    began, received = tx.began, tx.began_received
    return began is not None and received is not None and began > received + AHEAD
