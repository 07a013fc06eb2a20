"""What a reading says of energy, power and charge, for whoever keeps transactions."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from voltgate.csms.meters import ENERGY, OUTLET, Reading, Sample

INTERVAL = "Energy.Active.Import.Interval"
POWER = "Power.Active.Import"
CHARGE = "SoC"

BEGIN = "Transaction.Begin"
END = "Transaction.End"

_LINES = {"L1": "L1", "L2": "L2", "L3": "L3", "L1-N": "L1", "L2-N": "L2", "L3-N": "L3"}
"""The phases that make up the whole."""


def register(reading: Reading, context: str = "", location: str = OUTLET) -> float | None:
    """Return the register of imported energy in Wh; None if the reading does not tell it.

    With a `context` (`BEGIN`, `END`, …) only samples of it count. Without, those of the end of a transaction come
    first, and those of its beginning last: some stations repeat them in every reading (Project EV). Registers of other
    places than `location` are other registers: they are not taken in its place.
    """
    return _total(reading, ENERGY, "Wh", context, location)


def interval(reading: Reading, location: str = OUTLET) -> float | None:
    """Return the energy in Wh that was imported since the reading before; None if the reading does not tell it."""
    return _total(reading, INTERVAL, "Wh", "", location)


def power(reading: Reading, location: str = OUTLET) -> float | None:
    """Return the imported power in W; None if the reading does not tell it."""
    return _total(reading, POWER, "W", "", location)


def charge(reading: Reading) -> float | None:
    """Return the vehicle's state of charge in percent, wherever it was read; None if the reading does not tell it."""
    for sample in reading.samples:
        if sample.measurand == CHARGE and sample.unit == "Percent" and sample.value is not None:
            return sample.value
    return None


def _total(reading: Reading, measurand: str, unit: str, context: str, location: str) -> float | None:
    """Return the value of the whole in the most telling context that has one."""
    samples = [one for one in reading.samples if one.measurand == measurand and one.location == location]
    contexts = [context] if context else sorted({sample.context for sample in samples}, key=_rank)
    for each in contexts:
        total = _over_phases((sample for sample in samples if sample.context == each), unit)
        if total is not None:
            return total
    return None


def _rank(context: str) -> tuple[int, str]:
    return {END: 0, BEGIN: 2}.get(context, 1), context


def _over_phases(samples: Iterable[Sample], unit: str) -> float | None:
    """Return the value of the whole, or else the sum of its phases; None if one of them cannot be read."""
    phases: dict[str, float | None] = {}
    for sample in samples:
        value = sample.value if sample.unit == unit else None
        if not sample.phase and value is not None:
            return value
        is_only_signed = sample.signed is not None and value is None
        if sample.phase in _LINES and not is_only_signed:
            phases[_LINES[sample.phase]] = value
    values = [Decimal(repr(value)) for value in phases.values() if value is not None]
    return float(sum(values)) if values and len(values) == len(phases) else None
