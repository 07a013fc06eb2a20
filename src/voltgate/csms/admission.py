"""What is looked at before a call is answered: whether its station may make it yet, and whether its form holds.

A transaction message is never refused here: what it says has happened, and a station gives it up after a few
CALLERRORs. Source: 1.6 section 4.2; 2.x Part 2, B01 to B03.
"""

from __future__ import annotations

from voltgate.csms.handling import Handling, Refused
from voltgate.ocpp.actions import BOOT, is_transaction
from voltgate.ocpp.schemas import Violation, check

_FORGIVEN = frozenset({"PropertyConstraintViolation"})
"""What stations in the field err in without being misunderstood: texts that are too long, words of their own."""


def is_accepted(handling: Handling) -> bool:
    """Return whether a station may work: it was told so, or has never asked."""
    return handling.station.told in ("", "Accepted")


def see_registration(handling: Handling) -> None:
    """Raise Refused for what a station must not say before its BootNotification is accepted."""
    said = handling.said
    if is_accepted(handling) or said.action == BOOT or is_transaction(said.action):
        return
    if not (handling.station.told == "Pending" and said.requested):
        raise Refused("SecurityError", "The BootNotification is not accepted yet")


def violation_of(handling: Handling) -> Violation | None:
    """Return what is wrong with the form of a call; None if nothing is."""
    return check(handling.said.version, handling.said.action, "request", handling.said.fields)


def is_forgiven(handling: Handling, violation: Violation) -> bool:
    """Return whether a call is answered although its form does not hold."""
    if is_transaction(handling.said.action):
        return True
    validation = handling.station.validation or handling.settings.validation
    return validation == "lenient" and violation.code in _FORGIVEN


def hold_to_form(handling: Handling) -> None:
    """Raise Refused for a call whose form does not hold: the answer repeats it, or nothing can be made of it."""
    violation = violation_of(handling)
    if violation is not None:
        raise Refused(violation.code, violation.description)
