"""What a transaction has cost, kept with what that was computed from.

It is computed once, when the transaction ends, by the tariff that was in force when it began. What its station says
later of the same transaction (a real end in place of an estimated one, an event that comes late) is charged by that
same tariff, whatever became of it meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from voltgate.csms.ends import energy_of
from voltgate.csms.model import Transaction
from voltgate.csms.tariffs import Cost, Tariff, cost, in_force, minor_digits

_KEPT = 31 * 86400.0
"""Seconds for which a station may have kept what it says: what lies further back is told by a clock that is wrong."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A cost, and what it was computed from.

    `energy` is in Wh, `seconds` is the whole duration, and `idle` what of it came after the end of the charging. What
    is `unknown` ("energy", "time") was not charged. Without a tariff nothing was.
    """

    tariff: Tariff | None
    cost: Cost | None = None
    energy: float = 0.0
    seconds: float = 0.0
    idle: float = 0.0
    unknown: tuple[str, ...] = ()


account_of = msgspec.json.Decoder(Account).decode
"""Return the account of `Transaction.cost_data`. Raise msgspec.ValidationError."""


def settle(tx: Transaction, tariffs: Iterable[Tariff]) -> None:
    """Have a transaction that has ended know its energy and its cost, and one that goes on after all none."""
    if tx.state == "running":
        tx.currency, tx.cost, tx.cost_data = "", None, b""
        return
    tx.energy = energy_of(tx)
    tariff = account_of(tx.cost_data).tariff if tx.cost_data else tariff_of(tx, tariffs)
    account = _account(tx, tariff, tx.ended, tx.energy)
    tx.cost_data = msgspec.json.encode(account)
    if account.cost is not None:
        tx.currency, tx.cost = account.cost.currency, account.cost.total


def so_far(tx: Transaction, tariffs: Iterable[Tariff], now: float) -> Cost | None:
    """Return what a running transaction has cost until now; None without a tariff."""
    energy = None if tx.meter_start is None or tx.meter_last is None else tx.meter_last - tx.meter_start
    return _account(tx, tariff_of(tx, tariffs), now, energy).cost


def tariff_of(tx: Transaction, tariffs: Iterable[Tariff]) -> Tariff | None:
    """Return the tariff for a transaction: the one that is in force where and when it begins."""
    began, received = tx.began, tx.began_received
    if began is None or (received is not None and received - began > _KEPT):
        began = received
    return in_force(tariffs, tx.network, tx.group, began or 0.0)


def rises(tx: Transaction, energy: float, at: float) -> None:
    """Note what the register was read to be, in Wh, in whatever order: as long as it rises, the vehicle is charging."""
    top = tx.meter_last if tx.meter_last is not None else tx.meter_start
    if energy == top and tx.charged_until is not None:
        tx.charged_until = min(tx.charged_until, at)
    elif (tx.meter_at is None or at >= tx.meter_at) and (top is None or energy > top):
        tx.charged_until = at


def major(amount: int, currency: str) -> float:
    """Return an amount in the currency's major unit, as messages have it: 12.34 for 1,234 cents."""
    return float(Decimal(amount).scaleb(-minor_digits(currency)))


def _account(tx: Transaction, tariff: Tariff | None, until: float | None, energy: float | None) -> Account:
    if tariff is None:
        return Account(tariff=None)
    seconds = _seconds(tx, until)
    idle = 0.0 if seconds is None or until is None else min(seconds, _idle(tx, until))
    unknown = [name for name, known in (("energy", energy), ("time", seconds)) if known is None]
    energy, seconds = energy or 0.0, seconds or 0.0
    total = cost(tariff, energy, seconds, idle)
    return Account(tariff=tariff, cost=total, energy=energy, seconds=seconds, idle=idle, unknown=tuple(unknown))


def _seconds(tx: Transaction, until: float | None) -> float | None:
    """Return how long a transaction has taken; None if its clock was set meanwhile, by more than a station can keep."""
    if tx.began is None or until is None:
        return None
    heard = (tx.ended_received or until) - (tx.began_received or tx.began)
    return None if until - tx.began > max(heard, 0.0) + _KEPT else max(0.0, until - tx.began)


def _idle(tx: Transaction, until: float) -> float:
    """Return for how many seconds the vehicle has not charged any more, as far as the register tells it."""
    stop, last = tx.meter_stop, tx.meter_last
    has_risen = stop is not None and (stop == tx.meter_start or (last is not None and stop > last))
    return 0.0 if tx.charged_until is None or has_risen else max(0.0, until - tx.charged_until)
