"""What a reading says of energy, power and charge."""

from __future__ import annotations

from typing import Any

import pytest

from voltgate.csms.meters import Reading, read_meter_values
from voltgate.csms.totals import BEGIN, END, charge, interval, power, register

BEGAN = {"context": "Transaction.Begin"}
ENDED = {"context": "Transaction.End"}
POWER = {"measurand": "Power.Active.Import"}
L1, L2, L3, N = ({"phase": phase} for phase in ("L1", "L2", "L3", "N"))


def reading(*samples: dict[str, Any]) -> Reading:
    """Read the samples of one moment."""
    (found,) = read_meter_values([{"timestamp": "2026-01-15T08:10:00Z", "sampledValue": list(samples)}], 0.0)
    return found


def value(text: str, *said: dict[str, Any]) -> dict[str, Any]:
    """Return a sample with a value."""
    return {key: word for each in ({"value": text}, *said) for key, word in each.items()}


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([value("12900")], 12900.0),
        ([value("12.9", {"unit": "kWh"})], 12900.0),
        ([value("12900"), value("7", L1)], 12900.0),
        ([value("0.1", L1), value("0.2", L2), value("0.3", L3)], 0.6),
        ([value("100", L1)], 100.0),
        ([value("100", {"phase": "L1-N"}), value("200", {"phase": "L2-N"})], 300.0),
        ([value("100", L1), value("5", N), value("7", {"phase": "L1-L2"})], 100.0),
        ([value("100", L1), value("", L2)], None),
        ([value("")], None),
        ([value(""), value("100", L1), value("200", L2)], 300.0),
        ([value("9", {"measurand": "Energy.Active.Export.Register"})], None),
        ([value("9", {"measurand": "Energy.Active.Import.Interval"})], None),
        ([value("9", {"measurand": "Energy.Reactive.Import.Register"})], None),
        ([value("9", {"unit": "A"})], None),
        ([value("9", {"unit": "kvarh"})], None),
        ([value("14000", {"location": "Inlet"}), value("12900")], 12900.0),
        ([value("14000", {"location": "Inlet"})], None),
        ([value("3045", {"format": "SignedData"}), value("12900")], 12900.0),
        ([value("100", L1), value("3045", L1, {"format": "SignedData"})], 100.0),
        ([], None),
    ],
)
def test_the_register_is_the_imported_energy_of_the_outlet(samples: list[dict[str, Any]], expected: float) -> None:
    """The value of the whole, else the sum of its phases; of which none may be missing or of another unit."""
    assert register(reading(*samples, value("230", {"measurand": "Voltage"}))) == expected


def test_a_register_of_another_place_is_told_when_asked_for() -> None:
    """A DC station has a meter before the rectifier and one behind it."""
    said = reading(value("14000", {"location": "Inlet"}), value("12900"))
    assert register(said, location="Inlet") == 14000.0


def test_the_contexts_of_a_transaction_are_told_apart() -> None:
    """Some stations repeat the beginning in every reading (Project EV): it is no newer value."""
    said = reading(value("0", BEGAN), value("12900"))
    assert (register(said), register(said, BEGIN), register(said, END)) == (12900.0, 0.0, None)
    said = reading(value("0", BEGAN), value("12800"), value("12900", ENDED))
    assert (register(said), register(said, BEGIN), register(said, END)) == (12900.0, 0.0, 12900.0)
    assert register(reading(value("0", BEGAN), value("12900", {"context": "Trigger"}))) == 12900.0
    assert register(reading(value("5", BEGAN))) == 5.0
    assert register(reading(value("", ENDED), value("5"))) == 5.0
    assert register(reading(value("1", BEGAN, L1), value("2", ENDED, L1))) == 2.0


def test_the_energy_of_an_interval() -> None:
    """It is told apart from the register."""
    said = reading(value("0.25", {"measurand": "Energy.Active.Import.Interval", "unit": "kWh"}), value("12900"))
    assert (interval(said), register(said)) == (250.0, 12900.0)
    assert interval(reading(value("12900"))) is None


def test_the_power_in_watts() -> None:
    """Of the whole or of three phases; where a unit contradicts it, nobody knows."""
    assert power(reading(value("7.2", POWER, {"unit": "kW"}))) == 7200.0
    assert power(reading(*(value("2400.1", POWER, phase) for phase in (L1, L2, L3)))) == 7200.3
    assert power(reading(value("7200", POWER, {"unit": "Wh"}))) is None
    assert power(reading(value("12900"))) is None


def test_the_state_of_charge() -> None:
    """The vehicle tells it, wherever the station says that it was read."""
    soc = {"measurand": "SoC"}
    assert charge(reading(value("80", soc, {"location": "EV", "unit": "Percent"}))) == 80.0
    assert charge(reading(value("", soc), value("80", soc))) == 80.0
    assert charge(reading(value("80", soc, {"unit": "Wh"}))) is None
    assert charge(reading(value("12900"))) is None
