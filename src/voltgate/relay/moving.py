"""Moving: what waits for a backend that is away, or is let go, and was never sent to it goes to another."""

from __future__ import annotations

from voltgate.relay.asked import Asked, Told
from voltgate.relay.dispatcher import Dispatcher
from voltgate.relay.failover import pick
from voltgate.relay.leg import Leg


def reroute(dispatcher: Dispatcher, leg: Leg) -> None:
    """Have what was not sent to this backend go to another that its own plan names, if that is to answer now."""
    for asked in leg.take_waiting(lambda asked: _elsewhere(dispatcher, leg, asked) is not None):
        _move(dispatcher, leg, asked, _elsewhere(dispatcher, leg, asked) or leg)


def hand_over(dispatcher: Dispatcher, leg: Leg, heir: Leg) -> None:
    """Have what was not sent to this backend go out on its new leg, in the order in which it was said."""
    asked = leg.take_waiting(lambda asked: _elsewhere(dispatcher, leg, asked) is heir)
    entries: list[Asked | Told] = [*asked, *leg.take_told()]
    for entry in sorted(entries, key=lambda entry: entry.call.at):
        if isinstance(entry, Asked):
            _move(dispatcher, leg, entry, heir)
        else:
            heir.wait(entry)


def replan(dispatcher: Dispatcher, leg: Leg) -> None:
    """Have what was not sent to a backend of the old route go by the new one's rules, as far as rules sent it."""
    for asked in leg.take_waiting(lambda asked: asked.transaction is None and not asked.plan.owned):
        asked.plan = dispatcher.plan(asked.call)
        _move(dispatcher, leg, asked, pick(dispatcher.legs, asked.plan.answer))


def _elsewhere(dispatcher: Dispatcher, leg: Leg, asked: Asked) -> Leg | None:
    """Return who else may take a waiting call: none, if it belongs to a transaction that somebody has taken."""
    other = pick(dispatcher.legs, asked.answers or (leg.name,))
    return None if other is leg else other


def _move(dispatcher: Dispatcher, leg: Leg, asked: Asked, other: Leg | None) -> None:
    dispatcher.forget(leg, asked)
    if other is None:
        dispatcher.unroutable(asked.call, asked.respond)
        return
    if asked.transaction is not None:
        asked.transaction.owner = other.name
        dispatcher.ledger.keep(asked.transaction)
    dispatcher.have_answered(other, asked)
