"""The judge of what Voltgate's own management system keeps: its database against what chargers said and were answered.

What was answered is on disk: there is nothing that excuses a transaction which is missing, is there twice, or has other
registers than its charger's.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import asyncpg

from chaos.judge import Verdict
from chaos.leaks import grown, left_open
from chaos.records import Books, Charge

_COLUMNS = "station, ref, state, estimated, missing, meter_start, meter_stop, energy"
_TRANSACTIONS = f"SELECT {_COLUMNS} FROM csms_transactions"
_READINGS = "SELECT station, ref, count(*) FROM csms_meter_values GROUP BY station, ref"


@dataclass(frozen=True, slots=True)
class Kept:
    """A transaction as it stands in the database, and how many readings of it do."""

    station: str
    ref: str
    state: str
    estimated: str
    missing: str
    meter_start: float | None
    meter_stop: float | None
    energy: float | None
    readings: int


async def kept(url: str) -> list[Kept]:
    """Read what the database of a run holds in the end."""
    if url.startswith("sqlite"):
        found = await asyncio.to_thread(_of_sqlite, url.removeprefix("sqlite:///"))
    else:
        connection = await asyncpg.connect(url, timeout=30)
        found = [await connection.fetch(each) for each in (_TRANSACTIONS, _READINGS)]
        await connection.close()
    transactions, readings = found
    counts = {(station, ref): number for station, ref, number in readings}
    return [Kept(*(*row, counts.get((row[0], row[1]), 0))) for row in transactions]


def _of_sqlite(path: str) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return [connection.execute(each).fetchall() for each in (_TRANSACTIONS, _READINGS)]
    finally:
        connection.close()


def judge_accounts(books: Books, transactions: list[Kept]) -> Verdict:
    """Judge a run whose chargers were answered by the management system."""
    verdict = Verdict(mute=list(books.mute), error=list(books.errors), judged=len(transactions))
    of: dict[str, dict[str, Kept]] = defaultdict(dict)
    for each in transactions:
        of[each.station][each.ref] = each
    for charge in books.charges:
        if charge.entries and charge.entries[0].answered is not None:
            _judge(charge, of[charge.station.casefold()].pop(str(charge.number), None), verdict)
    begun = Counter(c.station.casefold() for c in books.charges if c.entries and c.entries[0].answered is None)
    for station, left in of.items():
        if len(left) > begun[station]:  # one whose answer is still to come may be there
            verdict.doubled.append(f"{station} never heard of {sorted(left)}")
    numbers = Counter((charge.station, charge.number) for charge in books.charges if charge.number != "")
    verdict.number += [f"{each} was given {times} times" for each, times in numbers.items() if times > 1]
    verdict.left_open += left_open(books.looks)
    verdict.grown += grown(books.looks)
    return verdict


def _judge(charge: Charge, found: Kept | None, verdict: Verdict) -> None:
    if not charge.ended:
        verdict.unfinished.append(f"{charge}: {charge.entries[-1]} was never answered")
        return
    if found is None:
        verdict.lost.append(f"{charge}, number {charge.number}: it is not in the database")
        return
    if (found.state, found.estimated, found.missing) != ("ended", "", ""):
        verdict.lost.append(f"{charge}: not all of it is in the database: {found}")
    registers = _registers(charge)
    if (found.meter_start, found.meter_stop, found.energy) != (*registers, registers[1] - registers[0]):
        verdict.number.append(f"{charge} went from {registers[0]} to {registers[1]}; the database has {found}")
    said = len([entry for entry in charge.entries if "meterValue" in entry.fields])
    if found.readings != said:
        wrong = verdict.lost if found.readings < said else verdict.doubled
        wrong.append(f"{charge} read its meter {said} times: {found}")


def _registers(charge: Charge) -> tuple[float, float]:
    """Return the registers at the beginning and at the end."""
    first, last = charge.entries[0].fields, charge.entries[-1].fields
    if "meterStart" in first:
        return float(first["meterStart"]), float(last["meterStop"])
    start, stop = (float(each["meterValue"][0]["sampledValue"][0]["value"]) for each in (first, last))
    return start, stop
