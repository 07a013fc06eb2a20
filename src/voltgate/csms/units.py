"""Units of measure: every one that stations write, with the base unit that it is counted in here.

Source: OCPP 1.6 section 7.45 (UnitOfMeasure) with the errata's "Celsius"; OCPP 2.1 Part 2 appendices (standardized
units of measure); the spellings of the field.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple


class Unit(NamedTuple):
    """A unit: `number * scale + offset` is in the base unit. `scale` None says that the number is in it already."""

    base: str
    scale: Decimal | None = None
    offset: Decimal = Decimal(0)


_ZERO_CELSIUS = Decimal("273.15")
_THOUSAND = Decimal(1000)

_BASES = {
    "Wh": "watthour watthours", "varh": "", "VAh": "", "W": "watt watts", "var": "", "VA": "",
    "A": "amp amps ampere amperes", "V": "volt volts", "Celsius": "celcius c °c degc", "Percent": "% percentage",
    "Hertz": "hz", "RPM": "", "s": "sec second seconds",
}  # fmt: skip
"""The base units, with their other spellings in lower case."""

_PREFIXED = ("Wh", "varh", "VAh", "W", "var", "VA", "A", "V")

_BY_SPELLING: dict[str, Unit] = {
    **{word: Unit(base) for base, others in _BASES.items() for word in (base.casefold(), *others.split())},
    **{f"k{base}".casefold(): Unit(base, _THOUSAND) for base in _PREFIXED},
    "k": Unit("Celsius", Decimal(1), -_ZERO_CELSIUS),
    "kelvin": Unit("Celsius", Decimal(1), -_ZERO_CELSIUS),
    "fahrenheit": Unit("Celsius", Decimal(5) / 9, Decimal(-160) / 9),
}
"""By spelling, in lower case. Milli and mega differ only by their case: those are in `_EXACTLY`."""

_EXACTLY: dict[str, Unit] = {
    **{f"m{base}": Unit(base, Decimal("0.001")) for base in _PREFIXED},
    **{f"M{base}": Unit(base, Decimal(1_000_000)) for base in _PREFIXED},
}

_OF_MEASURANDS = (
    ("Energy.Reactive", "varh"), ("Energy.Apparent", "VAh"), ("Energy", "Wh"), ("Display.BatteryEnergy", "Wh"),
    ("Power.Reactive", "var"), ("Power.Factor", ""), ("Power", "W"), ("Current", "A"), ("Voltage", "V"),
    ("Temperature", "Celsius"), ("SoC", "Percent"), ("Frequency", "Hertz"), ("RPM", "RPM"),
    ("Display.RemainingTime", "s"), ("Display.PresentSOC", "Percent"), ("Display.MinimumSOC", "Percent"),
    ("Display.TargetSOC", "Percent"), ("Display.MaximumSOC", "Percent"),
)  # fmt: skip
"""The base units by the beginnings of measurands, the longer ones first."""


_LONGEST = max(map(len, _BY_SPELLING))


def unit_of(said: str) -> Unit:
    """Return the unit of a spelling. An unknown one is its own base unit: nobody knows better what it counts."""
    text = said.strip()
    if len(text) > _LONGEST:
        return Unit(text)
    return _EXACTLY.get(text) or _BY_SPELLING.get(text.casefold()) or Unit(text)


@lru_cache(maxsize=1024)
def usual_unit(measurand: str) -> Unit:
    """Return the unit of a value that names none: the base unit of its measurand; "" if it has none.

    What is asked is remembered, but only so much.
    """
    return Unit(next((base for beginning, base in _OF_MEASURANDS if measurand.startswith(beginning)), ""))
