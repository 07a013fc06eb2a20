"""The end of a transaction: said by the station, or concluded from what it says later.

A station that has lost its memory, or a cable that was pulled while it had no power, leaves a transaction that never
ends. It is closed when the station shows that it is over: a connector that is free again, or another transaction on
it. Such an end is marked `estimated`; its register is the last one that the station has given, never an invented one.
An end that the station says after all replaces it, and so does a sign that it goes on.
"""

from __future__ import annotations

from voltgate.csms.desk import Desk
from voltgate.csms.model import Transaction
from voltgate.csms.times import AHEAD, is_older

FREE = "the connector was free again"
ANOTHER = "another transaction began on the connector"
CROWDED = "more transactions ran than a station can have"
NO_READING = "its end came without a reading of the register"
"""The station has said the end, but not the register: that is the last one that it had given."""
MOST = 1000
"""Transactions that run at one station: each of its calls reads them all, and whoever is answered with it waits."""


def end(desk: Desk, tx: Transaction, at: float, meter_stop: float | None, reason: str, estimated: str = "") -> None:
    """End a transaction; one that was ended by an estimate ends again, once its station says so."""
    tx.state, tx.ended, tx.ended_received = "ended", at, desk.said.now
    tx.meter_stop, tx.reason, tx.estimated = meter_stop, reason, estimated
    tx.charging_state, tx.power = "", None
    tx.energy = energy_of(tx)
    desk.used(tx.token).discard((tx.station, tx.ref))
    desk.put(tx)


def end_as_said(desk: Desk, tx: Transaction, at: float, meter_stop: float | None, reason: str) -> None:
    """End a transaction whose station says so; without a register the last one stands for it, and that is said."""
    if meter_stop is None and tx.meter_last is not None:
        end(desk, tx, at, tx.meter_last, reason, NO_READING)
    else:
        end(desk, tx, at, meter_stop, reason)


def energy_of(tx: Transaction) -> float | None:
    """Return the energy of a transaction whose register is known at both ends, in Wh; never less than none."""
    if tx.meter_start is None or tx.meter_stop is None:
        return None
    return max(0.0, round(tx.meter_stop - tx.meter_start, 3))


def is_over(tx: Transaction) -> bool:
    """Return whether the station itself has said that a transaction has ended."""
    return tx.state == "ended" and tx.estimated not in (FREE, ANOTHER, CROWDED)


def goes_on(desk: Desk, tx: Transaction, at: float) -> None:
    """Take back an end that was concluded, when the station says at a later time that there is more of it."""
    if tx.state == "running" or is_over(tx) or tx.ended is None or at <= tx.ended:
        return
    tx.state, tx.ended, tx.ended_received, tx.estimated = "running", None, None, ""
    tx.meter_stop = tx.energy = tx.cost = None
    tx.cost_data = b""
    desk.used(tx.token).add((tx.station, tx.ref))
    desk.put(tx)
    crowded(desk, tx)


def crowded(desk: Desk, tx: Transaction) -> None:
    """End what has run longest, when one more runs at a station than it can have."""
    running = [each for each in desk.running() if each is not tx]
    if len(running) >= MOST:
        oldest = min(running, key=lambda each: each.began_received or 0.0)
        _estimate(desk, oldest, desk.said.now, CROWDED)


def no_longer_charging(desk: Desk, evse: int, connector: int, at: float) -> None:
    """End what was said to run on a connector that is free since `at`."""
    for tx in desk.running():
        if tx.evse == evse and _is_on(desk, tx, connector) and _is_before(desk, tx, at):
            _estimate(desk, tx, at, FREE)


def _is_on(desk: Desk, tx: Transaction, connector: int) -> bool:
    """Return whether a transaction can be on no other connector of its EVSE; if it is not said, all must be free."""
    if tx.connector is not None:
        return tx.connector == connector
    return all(row.status == "Available" for row in desk.connectors() if row.evse == tx.evse and row.connector)


def displaced(desk: Desk, begun: Transaction) -> None:
    """End what was said to run on an EVSE where a transaction has begun, and that one if another began after it."""
    for tx in desk.running() if begun.evse else ():
        if tx.evse != begun.evse or tx is begun:
            continue
        if begun.began is not None and _is_before(desk, tx, begun.began):
            _estimate(desk, tx, begun.began, ANOTHER)
        elif begun.state == "running" and tx.began is not None and _is_before(desk, begun, tx.began):
            _estimate(desk, begun, tx.began, ANOTHER)


def _estimate(desk: Desk, tx: Transaction, at: float, why: str) -> None:
    """End a transaction that its station has not ended."""
    began, now = tx.began or 0.0, desk.said.now
    has_jumped = at > now + AHEAD and not _was_ahead(tx)
    ended = max(now if has_jumped else at, began)
    end(desk, tx, ended, tx.meter_last if tx.meter_last is not None else tx.meter_start, "", why)


def _is_before(desk: Desk, tx: Transaction, at: float) -> bool:
    """Return whether all that is known of a transaction was before `at`, by the station's own clock."""
    return not any(is_older(at, known, desk.said.now) for known in (tx.began, tx.heard, tx.meter_at))


def _was_ahead(tx: Transaction) -> bool:
    """Return whether a transaction began, by its station's clock, later than we heard of it."""
    began, received = tx.began, tx.began_received
    return began is not None and received is not None and began > received + AHEAD
