"""Calls that belong to a backend by what they name: a number that it minted, or what runs on a connector."""

from __future__ import annotations

from voltgate.ocpp.ids import connector_of, request_of, reservation_of
from voltgate.ocpp.messages import Call, Respond
from voltgate.ocpp.secrets import veiled
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
    """Send a report to the backend that asked for it, and to no other; secrets in it only to whom they are for."""
    plan = _plan(context, call, "request", request_of(call))
    if not all(context.permit(name).credentials for name in plan.named):
        call = _veiled(call)
    context.answer(plan, call, respond)


def _veiled(call: Call) -> Call:
    """Return a report without the values of secrets; one that cannot be read, without anything."""
    try:
        payload = veiled(call.payload)
    except ValueError:
        payload = b"{}"
    return call if payload is None else call.with_payload(payload)


def reservation(context: Context, call: Call, respond: Respond) -> None:
    """Tell the backend that reserved what became of it."""
    context.answer(_plan(context, call, "reservation", reservation_of(call)), call, respond)


def _plan(context: Context, call: Call, kind: str, number: int | None) -> Plan:
    """Return the plan of a call that names a number: by it whose that is, else the rules'."""
    found = None if context.single else context.ledger.numbers.inward(kind, number)
    owner = None if found is None else found[0]
    plan = context.plan(call, owner)
    is_owned = owner is not None and plan.answer == (owner,)
    return Plan(plan.answer, owned=True) if is_owned else plan  # it is nobody else's business


def of_connector(context: Context, call: Call, respond: Respond) -> None:
    """Have the owner of what goes on at a connector answer; the others are told."""
    owner = None
    if context.ledger.running and not context.single:
        tx = context.ledger.on(connector_of(context.version, call))
        owner = None if tx is None else tx.owner
    context.answer(context.plan(call, owner), call, respond)
