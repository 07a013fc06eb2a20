"""Tariffs, and what a transaction costs by one."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltgate.csms.tariffs import Cost, Line, Tariff, cost, in_force, minor_digits, tariff_of, to_json

D = Decimal


def tariff(**said: Any) -> Tariff:
    """Return a tariff in euros; prices are written as texts."""
    prices = {key: D(value) if key.startswith(("per_", "free", "vat")) else value for key, value in said.items()}
    return Tariff(**{"name": "day", "currency": "EUR", **prices})


@pytest.mark.parametrize(
    ("prices", "energy", "seconds", "idle", "total"),
    [
        ({}, 12_900.0, 3600.0, 0.0, 0),
        ({"per_kwh": "0.49"}, 12_900.0, 3600.0, 0.0, 632),  # 6.321
        ({"per_kwh": "0.30"}, 50.0, 0.0, 0.0, 2),  # 0.015: half up
        ({"per_kwh": "0.30"}, 49.999, 0.0, 0.0, 1),
        ({"per_kwh": "0.49"}, 0.1 + 0.2, 0.0, 0.0, 0),
        ({"per_kwh": "1"}, 5.0, 0.0, 0.0, 1),
        ({"per_kwh": "1"}, 4.9996, 0.0, 0.0, 1),  # 5.000 Wh to a thousandth
        ({"per_minute": "0.05"}, 0.0, 3600.0, 0.0, 300),
        ({"per_minute": "0.05"}, 0.0, 90.0, 0.0, 8),  # a minute and a half: 0.075
        ({"per_minute": "0.30"}, 0.0, 1.0, 0.0, 1),  # 0.005
        ({"per_minute": "0.05", "free_minutes": "30"}, 0.0, 3600.0, 0.0, 150),
        ({"per_minute": "0.05", "free_minutes": "30"}, 0.0, 1799.0, 0.0, 0),
        ({"per_session": "1.5"}, 0.0, 0.0, 0.0, 150),
        ({"per_idle_minute": "0.10"}, 0.0, 7200.0, 600.0, 100),
        ({"per_minute": "0.05", "per_idle_minute": "0.10"}, 0.0, 3600.0, 600.0, 400),
        ({"per_kwh": "0.41", "vat": "19"}, 10_000.0, 0.0, 0.0, 488),  # 4.10 and 0.779
        ({"per_kwh": "0.41", "vat": "0"}, 10_000.0, 0.0, 0.0, 410),
        (
            {"per_kwh": "0.49", "per_idle_minute": "1"},
            -5000.0,
            -700.0,
            -100.0,
            0,
        ),  # a meter that was exchanged, a clock that was set
    ],
)
def test_what_a_transaction_costs(
    prices: dict[str, str], energy: float, seconds: float, idle: float, total: int
) -> None:
    """In whole cents, rounded half up, once."""
    assert cost(tariff(**prices), energy, seconds, idle).total == total


def test_three_thirds_of_a_cent_are_a_cent() -> None:
    """Lines are not rounded one by one."""
    each = {"per_kwh": "0.004", "per_minute": "0.004", "per_session": "0.004"}
    assert cost(tariff(**each), 1000.0, 60.0).total == 1


def test_a_cost_tells_what_it_was_computed_from() -> None:
    """A driver can check it with a pencil."""
    prices = {"per_kwh": "0.49", "per_minute": "0.05", "per_session": "1.00", "free_minutes": "30", "vat": "19"}
    assert cost(tariff(version=3, **prices), 12_900.0, 3700.5) == Cost(
        1060,
        "EUR",
        (
            Line("energy", D("12900"), 1000, D("0.49"), D("6.321")),
            Line("time", D("1900.5"), 60, D("0.05"), D("1.58375")),
            Line("session", D("1"), 1, D("1.00"), D("1")),
            Line("vat", D("8.90475"), 100, D("19"), D("1.6919025")),
        ),
        "day",
        3,
    )


@pytest.mark.parametrize(
    ("currency", "digits", "total"),
    [("EUR", 2, 632), ("JPY", 0, 6), ("BHD", 3, 6321), ("CLF", 4, 63210), ("CHF", 2, 632), ("ISK", 0, 6)],
)
def test_each_currency_has_its_minor_unit(currency: str, digits: int, total: int) -> None:
    """Yen have none, dinars a thousandth."""
    assert minor_digits(currency) == digits
    assert cost(tariff(currency=currency, per_kwh="0.49"), 12_900.0, 0.0).total == total


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_what_nothing_measures_has_no_cost(number: float) -> None:
    """It is a fault of the caller, and it is told."""
    for energy, seconds in ((number, 0.0), (0.0, number)):
        with pytest.raises(ValueError, match="no number that a transaction can have"):
            cost(tariff(per_kwh="0.49", per_minute="1"), energy, seconds)


ALL, NEWER, WEST, STAFF, BOTH = (
    tariff(name="all", since=100.0),
    tariff(name="newer", since=200.0),
    tariff(name="west", network="West", since=50.0),
    tariff(name="staff", group="STAFF", since=50.0),
    tariff(name="both", network="west", group="staff", since=300.0),
)
TARIFFS = (NEWER, WEST, BOTH, ALL, STAFF)


@pytest.mark.parametrize(
    ("network", "group", "at", "expected"),
    [
        ("east", "", 99.9, None),
        ("east", "", 100.0, ALL),
        ("east", "", 199.9, ALL),
        ("east", "", 200.0, NEWER),
        ("", "", 200.0, NEWER),
        ("west", "", 200.0, WEST),
        ("WEST", "guests", 200.0, WEST),
        ("east", "staff", 200.0, STAFF),
        ("west", "staff", 299.9, STAFF),
        ("west", "staff", 300.0, BOTH),
        ("west", "", 49.9, None),
    ],
)
def test_the_most_specific_tariff_is_in_force_then_the_newest(
    network: str, group: str, at: float, expected: Tariff | None
) -> None:
    """For both, for the group, for the network, for all; the case of a name does not count."""
    assert in_force(TARIFFS, network, group, at) == expected


def test_of_two_from_the_same_moment_the_higher_version_is_in_force() -> None:
    """Whatever order they are read in."""
    first, second = tariff(version=1, since=5.0), tariff(version=2, since=5.0)
    assert in_force([first, second], "", "", 5.0) is second
    assert in_force([second, first], "", "", 5.0) is second


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"per_kwh": "-0.01"}, "per_kwh: -0.01 is no price"),
        ({"per_kwh": "NaN"}, "per_kwh: NaN is no price"),
        ({"per_minute": "Infinity"}, "per_minute: Infinity is no price"),
        ({"per_session": "1000000.01"}, "from 0 to 1,000,000"),
        ({"per_session": "0.0000001"}, "with 6 decimals at most"),
        ({"vat": "-1"}, "vat: -1 is no price"),
        ({"currency": "euro"}, "'euro' is no code of ISO 4217; write three capitals"),
        ({"currency": ""}, "ISO 4217"),
    ],
)
def test_a_tariff_that_cannot_be_is_refused(said: dict[str, str], why: str) -> None:
    """With what is wrong and what to write; also where it is read from JSON."""
    with pytest.raises(ValueError, match=why):
        tariff(**said)
    with pytest.raises(msgspec.ValidationError, match=why):
        tariff_of(msgspec.json.encode({"name": "day", "currency": "EUR", **said}))


def test_tariffs_and_costs_are_kept_as_json_that_people_can_read() -> None:
    """Amounts are texts: no reader makes floats of them."""
    kept = msgspec.json.encode(cost(tariff(per_kwh="0.49"), 12_900.0, 0.0))
    assert kept == (
        b'{"total":632,"currency":"EUR","lines":[{"kind":"energy","quantity":"12900","per":1000,"price":"0.49",'
        b'"amount":"6.321"}],"tariff":"day","version":1}'
    )


PRICES = st.decimals(0, 1000, places=6)
MEASURED = st.floats(0, 1e9)
ANY_TARIFF = st.builds(
    Tariff,
    name=st.text(max_size=5),
    currency=st.sampled_from(["EUR", "JPY", "BHD", "CLF"]),
    per_kwh=PRICES,
    per_minute=PRICES,
    per_session=PRICES,
    per_idle_minute=PRICES,
    free_minutes=PRICES,
    vat=st.none() | st.decimals(0, 100, places=2),
)


@given(ANY_TARIFF, MEASURED, MEASURED, MEASURED)
def test_the_lines_make_up_the_total(tariff: Tariff, energy: float, seconds: float, idle: float) -> None:
    """Each line is what its numbers say, to a trillionth, and their sum is the total, to half a minor unit."""
    found = cost(tariff, energy, seconds, idle)
    for line in found.lines:
        exact = Fraction(line.quantity) * Fraction(line.price) / line.per
        assert abs(exact - Fraction(line.amount)) <= Fraction(1, 2 * 10**12)
    total = sum(Fraction(line.amount) for line in found.lines) * 10 ** minor_digits(found.currency)
    assert Fraction(-1, 2) <= total - found.total < Fraction(1, 2)
    assert found.total >= 0
    assert msgspec.json.decode(msgspec.json.encode(found), type=Cost) == found
    assert tariff_of(to_json(tariff)) == tariff


@given(ANY_TARIFF, *([MEASURED] * 6))
def test_more_never_costs_less(
    tariff: Tariff, energy: float, seconds: float, idle: float, more: float, longer: float, later: float
) -> None:
    """More energy, more time, more idle time."""
    total = cost(tariff, energy, seconds, idle).total
    assert cost(tariff, energy + more, seconds, idle).total >= total
    assert cost(tariff, energy, seconds + longer, idle).total >= total
    assert cost(tariff, energy, seconds, idle + later).total >= total
