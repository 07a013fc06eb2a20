"""Meter values: kept as they came, and followed by the transaction that they are of.

Source: 1.6 sections 4.7 and 7.33; 2.0.1 Part 2, J01 and J02.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.costs import rises
from voltgate.csms.desk import Desk
from voltgate.csms.ends import NO_READING, energy_of, goes_on
from voltgate.csms.handlers.finding import is_number, the_running
from voltgate.csms.meters import Reading, pack, read_meter_values
from voltgate.csms.model import MeterValue, Transaction
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said
from voltgate.csms.times import is_older
from voltgate.csms.totals import BEGIN, END, charge, power, register


def values_1x(desk: Desk) -> dict[str, Any]:
    """Answer a MeterValues of 1.x."""
    said = desk.said
    tx = _transaction_of(desk)
    number = said.whole("transactionId")
    ref = tx.ref if tx is not None else str(number) if is_number(number) else ""
    keep(desk, said.whole("connectorId") or 0, ref, tx, readings(said, "meterValue"))
    return {}


def _transaction_of(desk: Desk) -> Transaction | None:
    """Return the transaction that values are of: one that nobody knows is the one that runs on the connector."""
    said = desk.said
    if said.fields.get("transactionId") is None:
        return None
    evse = said.whole("connectorId")
    return desk.transaction(str(said.whole("transactionId"))) or (the_running(desk, evse) if evse != 0 else None)


def needs_1x(said: Said, needs: Needs) -> None:
    """Read the transaction, and what runs."""
    if said.fields.get("transactionId") is not None:
        needs.transactions.add((said.station, str(said.whole("transactionId"))))
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
            _follow(desk, tx, each, energy, now)
    if tx is not None and read:
        desk.put(tx)


def _follow(desk: Desk, tx: Transaction, reading: Reading, energy: float | None, watts: float | None) -> None:
    """Have a transaction know its latest values, and what it began with."""
    if tx.meter_start is None:
        tx.meter_start = register(reading, BEGIN)
    if energy is not None:
        rises(tx, energy, reading.at)
    if is_older(reading.at, tx.meter_at, desk.said.now):
        return
    tx.meter_at = reading.at
    if energy is not None:
        tx.meter_last = energy
    goes_on(desk, tx, reading.at)
    if tx.state == "running":
        tx.power = watts if watts is not None else tx.power
        soc = charge(reading)
        tx.soc = soc if soc is not None else tx.soc
    elif (tx.estimated or tx.meter_stop is None) and energy is not None and reading.at <= (tx.ended or reading.at):
        tx.meter_stop, tx.estimated = energy, tx.estimated or NO_READING  # the end came from an earlier one, or none
        tx.energy = energy_of(tx)


def last_register(read: list[Reading]) -> float | None:
    """Return the register at the end of what was read: that of the end of the transaction, or else the latest."""
    ends = [energy for each in read if (energy := register(each, END)) is not None]
    known = _registers(read, but=BEGIN)
    return ends[-1] if ends else max(known)[1] if known else None


def first_register(read: list[Reading]) -> float | None:
    """Return the register at the beginning of what was read: that of the beginning, or else the earliest."""
    begins = [energy for each in read if (energy := register(each, BEGIN)) is not None]
    known = _registers(read, but=END)
    return begins[0] if begins else min(known)[1] if known else None


def _registers(read: list[Reading], but: str) -> list[tuple[float, float]]:
    """Return registers with their times, without those of the context `but`."""
    others = [
        Reading(each.at, tuple(sample for sample in each.samples if sample.context != but), each.at_is_ours)
        for each in read
    ]
    return [(each.at, energy) for each in others if (energy := register(each)) is not None]
