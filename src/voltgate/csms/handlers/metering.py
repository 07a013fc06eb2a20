"""Meter values: kept as they came, and followed by the transaction that they are of.

Source: 1.6 sections 4.7 and 7.33; 2.0.1 Part 2, J01 and J02.
"""

from __future__ import annotations

from typing import Any

import msgspec

from voltgate.csms.costs import rises
from voltgate.csms.ends import NO_READING, energy_of, goes_on
from voltgate.csms.handlers.finding import is_number, the_running
from voltgate.csms.handling import Handling
from voltgate.csms.meters import Reading, pack, read_meter_values
from voltgate.csms.model import MeterValue, Transaction
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said
from voltgate.csms.times import is_older
from voltgate.csms.totals import BEGIN, END, charge, power, register

MOST_VALUES = 15_000
"""Values of one message that are kept: 1 MiB has no more of such as say what they are."""


def values_1x(handling: Handling) -> dict[str, Any]:
    """Answer a MeterValues of 1.x."""
    said = handling.said
    tx = _transaction_of(handling)
    number = said.whole("transactionId")
    ref = tx.ref if tx is not None else str(number) if is_number(number) else ""
    keep(handling, said.whole("connectorId") or 0, ref, tx, readings(said, "meterValue"))
    return {}


def _transaction_of(handling: Handling) -> Transaction | None:
    """Return the transaction that values are of: one that nobody knows is the one that runs on the connector."""
    said = handling.said
    if said.fields.get("transactionId") is None:
        return None
    evse = said.whole("connectorId")
    return handling.transaction(str(said.whole("transactionId"))) or (
        the_running(handling, evse) if evse != 0 else None
    )


def needs_1x(said: Said, needs: Needs) -> None:
    """Read the transaction, and what runs."""
    if said.fields.get("transactionId") is not None:
        needs.transactions.add((said.station, str(said.whole("transactionId"))))
        needs.running.add(said.station)


def values_2x(handling: Handling) -> dict[str, Any]:
    """Answer a MeterValues of 2.x: those of transactions come with their events."""
    keep(handling, handling.said.whole("evseId") or 0, "", None, readings(handling.said, "meterValue"))
    return {}


def readings(said: Said, name: str) -> list[Reading]:
    """Return the meter values in a field of a call."""
    return read_meter_values(said.fields.get(name), said.now)


def keep(handling: Handling, evse: int, ref: str, tx: Transaction | None, read: list[Reading]) -> None:
    """Keep meter values, the most telling ones if there are too many, and have their transaction follow all of them."""
    said, kept = handling.said, most_telling(read, MOST_VALUES)
    handling.dropped += sum(len(each.samples) for each in read) - sum(len(each.samples) for each in kept.values())
    for at, each in enumerate(read):
        energy, now = register(each), power(each)
        if at in kept:
            handling.put(MeterValue(said.station, evse, ref, each.at, said.now, energy, now, pack(kept[at])))
        if tx is not None:
            _follow(handling, tx, each, energy, now)
    if tx is not None and read:
        handling.put(tx)


def most_telling(read: list[Reading], most: int) -> dict[int, Reading]:
    """Return the readings that are kept, by their places, with `most` samples at most.

    Where there are more, those of the beginning and of the end of a transaction come first, the others in their order.
    """
    if sum(len(each.samples) for each in read) <= most:
        return dict(enumerate(read))
    kept: dict[int, Reading] = {}
    for at in sorted(range(len(read)), key=lambda at: not _is_of_an_end(read[at])):
        each = read[at]
        kept[at] = each if len(each.samples) <= most else msgspec.structs.replace(each, samples=each.samples[:most])
        most -= len(kept[at].samples)
        if not most:
            break
    return kept


def _is_of_an_end(reading: Reading) -> bool:
    return any(sample.context in (BEGIN, END) for sample in reading.samples)


def _follow(handling: Handling, tx: Transaction, reading: Reading, energy: float | None, watts: float | None) -> None:
    """Have a transaction know its latest values, and what it began with."""
    if tx.meter_start is None:
        tx.meter_start = register(reading, BEGIN)
    if energy is not None:
        rises(tx, energy, reading.at)
    if is_older(reading.at, tx.meter_at, handling.said.now):
        return
    tx.meter_at = reading.at
    if energy is not None:
        tx.meter_last = energy
    goes_on(handling, tx, reading.at)
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
