"""Failover: who answers of several that may."""

from __future__ import annotations

from voltgate.relay.leg import Leg
from voltgate.relay.uplink import State


def pick(legs: dict[str, Leg], names: tuple[str, ...]) -> Leg | None:
    """Choose who answers: the first of these backends that is there; all are dialled if none is.

    Then it is the first that may be there soon, else the first of all, which does as its `when_down` says.
    """
    for name in names:
        if name in legs and legs[name].link.state is State.UP:
            return legs[name]
    there = [legs[name] for name in names if name in legs]  # the rules may have changed meanwhile
    for leg in there[1:]:
        leg.link.start()
    return next((leg for leg in there if leg.link.state is not State.AWAY), there[0] if there else None)
