"""What meter values say of power and energy, in W and Wh, whatever unit they came in.

Source: OCPP 1.6 sections 7.42 to 7.45 (SampledValue, UnitOfMeasure: Wh by default) and OCPP 2.0.1 Part 2 sections 2.32
and 2.46 (SampledValueType, UnitOfMeasureType with its multiplier, a power of ten).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

_POWER = "Power.Active.Import"
_ENERGY = "Energy.Active.Import.Register"
_DEFAULT = {_POWER: "W", _ENERGY: "Wh"}
_SCALES = {_POWER: {"W": 1.0, "kW": 1000.0}, _ENERGY: {"Wh": 1.0, "kWh": 1000.0}}
_MOST = 1e12


class Reading(NamedTuple):
    """Power in W and the register in Wh, None where nothing is said of it."""

    power: float | None = None
    energy: float | None = None


def reading(meter_value: object) -> Reading:
    """Return what the newest of some meter values say: a value for the whole, else the sum of those of its phases."""
    found: dict[str, float] = {}
    for samples in _lists(meter_value):
        whole: dict[str, float] = {}
        phases: dict[str, float] = {}
        for sample in samples:
            measurand = sample.get("measurand", _ENERGY)
            value = _in_base_units(measurand, sample) if isinstance(measurand, str) else None
            if value is None or sample.get("location", "Outlet") != "Outlet":
                continue
            if "phase" in sample:
                phases[measurand] = phases.get(measurand, 0.0) + value
            else:
                whole[measurand] = value
        found |= phases | whole
    return Reading(found.get(_POWER), found.get(_ENERGY))


def watt_hours(value: object) -> float | None:
    """Return a register, a number or the text of one, in Wh; None if it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) < _MOST else None


def _lists(meter_value: object) -> Iterator[list[dict[str, Any]]]:
    for each in meter_value if isinstance(meter_value, list) else []:
        samples = each.get("sampledValue") if isinstance(each, dict) else None
        if isinstance(samples, list):
            yield [sample for sample in samples if isinstance(sample, dict)]


def _in_base_units(measurand: str, sample: dict[str, Any]) -> float | None:
    """Return a value in W or Wh; None if it is of something else."""
    said, multiplier = sample.get("unit"), 0
    if isinstance(unit := sample.get("unitOfMeasure"), dict):
        said, multiplier = unit.get("unit"), unit.get("multiplier", 0)
    scale = _SCALES.get(measurand, {}).get(said if isinstance(said, str) else _DEFAULT.get(measurand, ""))
    value = watt_hours(sample.get("value"))
    if scale is None or value is None or not isinstance(multiplier, int) or abs(multiplier) > 12:
        return None
    return watt_hours(value * scale * 10.0**multiplier)
