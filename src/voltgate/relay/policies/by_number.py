"""Calls that belong to a backend by what they name: a number that it minted, or what runs on a connector."""

from __future__ import annotations

from voltgate.ocpp.ids import connector_of, request_of, reservation_of
from voltgate.ocpp.messages import Call, Respond
from voltgate.relay.context import Context
from voltgate.relay.plan import Plan

REPORTS = frozenset(
    """
    FirmwareStatusNotification LogStatusNotification NotifyCustomerInformation NotifyDisplayMessages
    NotifyMonitoringReport NotifyReport PublishFirmwareStatusNotification ReportChargingProfiles ReportDERControl
    SignedFirmwareStatusNotification
    """.split()
)
"""What a station sends because a backend asked for it: they name the request (`requestId`)."""

OF_CONNECTORS = frozenset({"StatusNotification", "NotifyEVChargingNeeds", "NotifyEVChargingSchedule"})
"""What concerns the owner of the transaction on that connector."""


def report(context: Context, call: Call, respond: Respond) -> None:
    """Send a report to the backend that asked for it, and to no other."""
    _to_owner(context, call, respond, "request", request_of(call))


def reservation(context: Context, call: Call, respond: Respond) -> None:
    """Tell the backend that reserved what became of it."""
    _to_owner(context, call, respond, "reservation", reservation_of(call))


def _to_owner(context: Context, call: Call, respond: Respond, kind: str, number: int | None) -> None:
    found = None if context.single else context.ledger.numbers.inward(kind, number)
    owner = None if found is None else found[0]
    plan = context.plan(call, owner)
    if owner is not None and plan.answer == (owner,):
        plan = Plan((owner,), owned=True)  # it is nobody else's business
    context.answer(plan, call, respond)


def of_connector(context: Context, call: Call, respond: Respond) -> None:
    """Have the owner of what goes on at a connector answer; the others are told."""
    owner = None
    if context.ledger.running and not context.single:
        tx = context.ledger.on(connector_of(context.version, call))
        owner = None if tx is None else tx.owner
    context.answer(context.plan(call, owner), call, respond)
