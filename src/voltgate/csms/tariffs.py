"""Tariffs, and what a transaction costs by one: computed exactly, rounded once, kept with what it was computed from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["energy", "time", "session", "idle", "vat"]

ZERO = Decimal(0)
_MOST = Decimal(1_000_000)
_DECIMALS = 6
_THOUSANDTH = Decimal("0.001")
_TRILLIONTH = Decimal("1e-12")
_exact = Context(prec=60, rounding=ROUND_HALF_UP)
_is_currency = re.compile("[A-Z]{3}", re.ASCII).fullmatch

_MINOR_DIGITS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
"""Digits of the minor unit where they are not two (ISO 4217 list one)."""


class Tariff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices, and for whom they are in force from when.

    Prices are in the currency's major unit, without VAT: per kWh, per minute from plugging in to the end, per session,
    and besides, per minute after the charging has ended. `vat` is the percentage that is added; None adds no line. The
    first `free_minutes` cost no time. `network` and `group` (of the token) say for whom it is; "" is for all. It is in
    force from `since` (seconds since 1970). `version` tells tariffs of one name apart.

    Raise ValueError for a price that is negative, too large or too fine, and for a currency that has not three letters.
    """

    name: str
    currency: str
    version: int = 1
    since: float = 0.0
    network: str = ""
    group: str = ""
    per_kwh: Decimal = ZERO
    per_minute: Decimal = ZERO
    per_session: Decimal = ZERO
    per_idle_minute: Decimal = ZERO
    free_minutes: Decimal = ZERO
    vat: Decimal | None = None

    def __post_init__(self) -> None:
        if not _is_currency(self.currency):
            raise ValueError(f"currency: {self.currency!r} is no code of ISO 4217; write three capitals, such as EUR")
        for field in ("per_kwh", "per_minute", "per_session", "per_idle_minute", "free_minutes", "vat"):
            number = getattr(self, field)
            if number is not None and not _is_sound(number):
                allowed = f"from 0 to {_MOST:,} with {_DECIMALS} decimals at most"
                raise ValueError(f"{field}: {number} is no price; write a number {allowed}")


class Line(msgspec.Struct, frozen=True):
    """One part of a cost: `quantity / per * price`, in the currency's major unit, to a trillionth.

    Energy is in Wh (`per` 1,000), times are in seconds (`per` 60), sessions are one; VAT is on the sum of all other
    lines (`per` 100, and the price is the percentage).
    """

    kind: Kind
    quantity: Decimal
    per: int
    price: Decimal
    amount: Decimal


class Cost(msgspec.Struct, frozen=True):
    """What a transaction costs: `total` in whole minor units of the currency, the sum of the lines rounded half up."""

    total: int
    currency: str
    lines: tuple[Line, ...]
    tariff: str
    version: int


def in_force(tariffs: Iterable[Tariff], network: str, group: str, at: float) -> Tariff | None:
    """Return the tariff for a network and a token group at a moment: the most specific one, then the newest.

    A tariff for both comes before one for the group, that before one for the network, and that before one for all. None
    if there is none: then nothing is charged.
    """
    of = (network.casefold(), group.casefold())
    fitting = (tariff for tariff in tariffs if tariff.since <= at and _fits(tariff, of))
    return max(fitting, key=_rank, default=None)


def cost(tariff: Tariff, energy: float, seconds: float, idle: float = 0.0) -> Cost:
    """Return what a transaction costs.

    `energy` is in Wh, `seconds` is its whole duration, and `idle` what of it came after the end of the charging; each
    to a thousandth, and what is less than zero counts as zero. Prices of zero make no line. Raise ValueError for a
    number that is not finite.
    """
    free = tariff.free_minutes * 60
    lines = [
        _line("energy", _measured(energy), 1000, tariff.per_kwh),
        _line("time", max(_measured(seconds) - free, ZERO), 60, tariff.per_minute),
        _line("idle", _measured(idle), 60, tariff.per_idle_minute),
        _line("session", Decimal(1), 1, tariff.per_session),
    ]
    lines = [line for line in lines if line.price]
    if tariff.vat is not None:
        lines.append(_line("vat", _sum(lines), 100, tariff.vat))
    return Cost(rounded(_sum(lines), tariff.currency), tariff.currency, tuple(lines), tariff.name, tariff.version)


def rounded(amount: Decimal, currency: str) -> int:
    """Return an amount in whole minor units of its currency, rounded half up."""
    return int(amount.scaleb(minor_digits(currency), _exact).to_integral_value(ROUND_HALF_UP, _exact))


def minor_digits(currency: str) -> int:
    """Return how many digits a currency has behind its point: 2 for EUR, 0 for JPY, 3 for BHD."""
    return _MINOR_DIGITS.get(currency, 2)


def to_json(tariff: Tariff) -> bytes:
    """Return a tariff as JSON; amounts are texts, so that none loses a digit."""
    return msgspec.json.encode(tariff)


tariff_of = msgspec.json.Decoder(Tariff).decode
"""Return the tariff of its JSON. Raise msgspec.ValidationError, which says what is wrong and where."""


def _is_sound(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and 0 <= number <= _MOST and exponent >= -_DECIMALS


def _fits(tariff: Tariff, of: tuple[str, str]) -> bool:
    asked = (tariff.network.casefold(), tariff.group.casefold())
    return all(wanted in {"", has} for wanted, has in zip(asked, of, strict=True))


def _rank(tariff: Tariff) -> tuple[bool, bool, float, int, str]:
    return bool(tariff.group), bool(tariff.network), tariff.since, tariff.version, tariff.name


def _measured(number: float) -> Decimal:
    """Return a measured number to its thousandth: differences of floats have more digits than the meter."""
    try:
        measured = Decimal(repr(number)).quantize(_THOUSANDTH, context=_exact)
    except ArithmeticError:
        raise ValueError(f"{number!r} is no number that a transaction can have") from None
    if not measured.is_finite():
        raise ValueError(f"{number!r} is no number that a transaction can have")
    return max(measured, ZERO)


def _line(kind: Kind, quantity: Decimal, per: int, price: Decimal) -> Line:
    product = _exact.multiply(quantity, price)
    amount = _exact.divide(product, Decimal(per)).quantize(_TRILLIONTH, context=_exact)
    return Line(kind, _plain(quantity), per, price, _plain(amount))


def _sum(lines: Iterable[Line]) -> Decimal:
    total = ZERO
    for line in lines:
        total = _exact.add(total, line.amount)
    return total


def _plain(number: Decimal) -> Decimal:
    """Return a number without zeros at its end, and without an exponent."""
    whole = number.to_integral_value(context=_exact)
    return whole if whole == number else number.normalize(_exact)
