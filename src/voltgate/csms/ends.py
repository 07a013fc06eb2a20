"""The end of a transaction: said by the station, or concluded from what it says later.

A station that has lost its memory, or a cable that was pulled while it had no power, leaves a transaction that never
ends. It is closed when the station shows that it is over: a connector that is free again, or another transaction on
it. Such an end is marked `estimated`; its register is the last one that the station has given, never an invented one.
An end that the station says after all replaces it.
"""

from __future__ import annotations

from voltgate.csms.desk import Desk
from voltgate.csms.model import Transaction

FREE = "the connector was free again"
ANOTHER = "another transaction began on the connector"


def end(desk: Desk, tx: Transaction, at: float, meter_stop: float | None, reason: str, estimated: str = "") -> None:
    """End a transaction; one that was ended by an estimate ends again, once its station says so."""
    tx.state, tx.ended, tx.ended_received = "ended", at, desk.said.now
    tx.meter_stop, tx.reason, tx.estimated = meter_stop, reason, estimated
    tx.charging_state, tx.power = "", None
    tx.energy = energy_of(tx)
    desk.put(tx)


def energy_of(tx: Transaction) -> float | None:
    """Return the energy of a transaction whose register is known at both ends, in Wh; never less than none."""
    if tx.meter_start is None or tx.meter_stop is None:
        return None
    return max(0.0, round(tx.meter_stop - tx.meter_start, 3))


def estimate(desk: Desk, tx: Transaction, at: float, why: str) -> None:
    """End a transaction that its station has not ended."""
    end(desk, tx, max(at, tx.began or at), tx.meter_last if tx.meter_last is not None else tx.meter_start, "", why)


def no_longer_charging(desk: Desk, evse: int, at: float) -> None:
    """End what was said to run on an EVSE that is free since `at`."""
    for tx in desk.running():
        if tx.evse == evse and _is_before(tx, at):
            estimate(desk, tx, at, FREE)


def displaced(desk: Desk, evse: int | None, at: float, by: str) -> None:
    """End what was said to run on an EVSE where another transaction (`by`, its `ref`) has begun at `at`."""
    for tx in desk.running():
        if tx.evse == evse and tx.ref != by and _is_before(tx, at):
            estimate(desk, tx, at, ANOTHER)


def _is_before(tx: Transaction, at: float) -> bool:
    """Return whether all that is known of a transaction was before `at`, by the station's own clock."""
    return all(known is None or known <= at for known in (tx.began, tx.meter_at))
