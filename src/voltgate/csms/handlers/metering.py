"""Meter values: kept as they came, and followed by the transaction that they are of.

Source: 1.6 sections 4.7 and 7.33; 2.0.1 Part 2, J01 and J02.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.costs import rises
from voltgate.csms.desk import Desk
from voltgate.csms.handlers.finding import numbered
from voltgate.csms.meters import Reading, pack, read_meter_values
from voltgate.csms.model import MeterValue, Transaction
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said
from voltgate.csms.totals import BEGIN, charge, power, register


def values_1x(desk: Desk) -> dict[str, Any]:
    """Answer a MeterValues of 1.x."""
    said = desk.said
    number = said.whole("transactionId")
    tx = None if number is None else numbered(desk, number, said.whole("connectorId"))
    ref = tx.ref if tx is not None else str(number or "")
    keep(desk, said.whole("connectorId") or 0, ref, tx, readings(said, "meterValue"))
    return {}


def needs_1x(said: Said, needs: Needs) -> None:
    """Read the transaction."""
    number = said.whole("transactionId")
    if number is not None:
        needs.transactions.add((said.station, str(number)))
        needs.running.add(said.station)


def values_2x(desk: Desk) -> dict[str, Any]:
    """Answer a MeterValues of 2.x: those of transactions come with their events."""
    keep(desk, desk.said.whole("evseId") or 0, "", None, readings(desk.said, "meterValue"))
    return {}


def readings(said: Said, name: str) -> list[Reading]:
    """Return the meter values in a field of a call."""
    return read_meter_values(said.fields.get(name), said.now)


def keep(desk: Desk, evse: int, ref: str, tx: Transaction | None, read: list[Reading]) -> None:
    """Keep meter values, and have their transaction follow them."""
    said = desk.said
    for each in read:
        energy, now = register(each), power(each)
        desk.put(MeterValue(said.station, evse, ref, each.at, said.now, energy, now, pack(each)))
        if tx is not None:
            _follow(tx, each, energy, now)
    if tx is not None and read:
        desk.put(tx)


def _follow(tx: Transaction, reading: Reading, energy: float | None, watts: float | None) -> None:
    """Have a transaction know its latest values, and what it began with."""
    if tx.meter_start is None:
        tx.meter_start = register(reading, BEGIN)
    if energy is not None:
        rises(tx, energy, reading.at)
    if tx.meter_at is not None and reading.at < tx.meter_at:
        return
    tx.meter_at = reading.at
    if energy is not None:
        tx.meter_last = energy
    if tx.state == "ended" and tx.estimated and tx.ended is not None and reading.at > tx.ended:
        resume(tx)
    if tx.state == "running":
        tx.power = watts if watts is not None else tx.power
        soc = charge(reading)
        tx.soc = soc if soc is not None else tx.soc


def resume(tx: Transaction) -> None:
    """Take back an end that was concluded: its station says more of it."""
    tx.state, tx.ended, tx.ended_received, tx.estimated = "running", None, None, ""
    tx.meter_stop = tx.energy = tx.cost = None
    tx.cost_data = b""
