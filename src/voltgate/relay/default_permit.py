"""What a backend may ask of a station when nothing is written for it: as much as those beside it can bear."""

from __future__ import annotations

from voltgate.relay.permit import CHARGE, EVERYTHING, FULL, Permit
from voltgate.relay.route import Plans


def default_permit(plans: Plans, backend: str) -> Permit:
    """Return the permit of a backend that has none of its own, at a station with these plans.

    The only backend of a station that proves itself to nobody else may ask everything, its credentials included, as
    though nothing stood between them. Whoever answers alone, but with copies or a failover beside it or credentials
    checked here, may ask all but those; where several answer, each has its own sessions. A backend that is left out in
    this version counts as if it were there: what it keeps at the station is there when that speaks another.
    """
    if plans.terms.transparent and plans.backends == (backend,) and not plans.terms.left_out:
        return EVERYTHING
    return FULL if len(plans.answers) == 1 and backend in plans.answers[0] else CHARGE
