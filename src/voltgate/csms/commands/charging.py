"""Commands about one driver or transaction: remote start and stop, reservations, costs."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from voltgate.csms.commands.asking import Plan, Step
from voltgate.csms.commands.idtokens import Kind, id_tag, id_token
from voltgate.csms.commands.outcome import Fields, Follow, Outcome, by_status, following, taken, text
from voltgate.csms.commands.parameters import Connector, Evse, Id, IdToken, Parameters, Time, Transaction, given
from voltgate.csms.commands.profile import Profile, profile_of
from voltgate.csms.commands.target import Target, old_connector, stamp


class Start(Parameters, frozen=True):
    """Start charging for a token. `profile` may bound the transaction; `id` is its remoteStartId (2.x)."""

    token: IdToken
    kind: Kind = ""
    evse: Evse = 0
    group: Annotated[str, msgspec.Meta(max_length=255)] = ""
    profile: Profile | None = None
    id: Id = 0


def start(target: Target, wanted: Start) -> Plan:
    """Plan a RequestStartTransaction or RemoteStartTransaction."""
    profile = None
    if wanted.profile is not None:
        if not target.since("ocpp1.6"):
            raise target.lacks("charging profiles", "start without one")
        if wanted.profile.purpose != "transaction" or wanted.profile.transaction:
            raise target.lacks("start with such a profile", "a profile of the purpose transaction without its id")
        profile = profile_of(target, wanted.profile)
    if not target.modern:
        payload = given(idTag=id_tag(target, wanted.token), connectorId=wanted.evse or None, chargingProfile=profile)
        return Step("RemoteStartTransaction", payload, following("StartTransaction"))
    number = wanted.id or target.number
    payload = given(
        idToken=id_token(target, wanted.token, wanted.kind),
        remoteStartId=number,
        evseId=wanted.evse or None,
        groupIdToken=id_token(target, wanted.group) if wanted.group else None,
        chargingProfile=profile,
    )
    return Step("RequestStartTransaction", payload, lambda fields: _started(fields, number))


def _started(fields: Fields, number: int) -> Outcome:
    """Read the answer: a transaction that had begun with the cable is named in it (F01.FR.13)."""
    result = given(remote_start=number, transaction=text(fields, "transactionId"))
    return by_status(fields, result, Follow(("TransactionEvent",), number))


class Stop(Parameters, frozen=True):
    """End a transaction."""

    transaction: Transaction


def stop(target: Target, wanted: Stop) -> Plan:
    """Plan a RequestStopTransaction or RemoteStopTransaction."""
    if target.modern:
        return Step("RequestStopTransaction", {"transactionId": wanted.transaction}, following("TransactionEvent"))
    number = old_transaction(target, wanted.transaction)
    return Step("RemoteStopTransaction", {"transactionId": number}, following("StopTransaction"))


def old_transaction(target: Target, transaction: str) -> int:
    """Return a transaction's id as the number that 1.x has."""
    bare = transaction.removeprefix("-")
    if not (bare.isascii() and bare.isdigit()) or len(bare) > 10:
        raise target.lacks(f"transaction {transaction!r}", "its number: transactions of 1.x have numbers")
    return int(transaction)


class TransactionStatus(Parameters, frozen=True):
    """Ask whether a transaction runs, and whether messages about it (or any transaction) wait in the station."""

    transaction: Annotated[str, msgspec.Meta(max_length=36)] = ""


def transaction_status(target: Target, wanted: TransactionStatus) -> Plan:
    """Plan a GetTransactionStatus."""
    return Step("GetTransactionStatus", given(transactionId=wanted.transaction), _transaction)


def _transaction(fields: Fields) -> Outcome:
    ongoing, waiting = fields.get("ongoingIndicator"), fields.get("messagesInQueue")
    return Outcome(True, result={"ongoing": ongoing, "messages_waiting": waiting})


ConnectorType: TypeAlias = Literal[
    "cCCS1",
    "cCCS2",
    "cG105",
    "cTesla",
    "cType1",
    "cType2",
    "s309-1P-16A",
    "s309-1P-32A",
    "s309-3P-16A",
    "s309-3P-32A",
    "sBS1361",
    "sCEE-7-7",
    "sType2",
    "sType3",
    "Other1PhMax16A",
    "Other1PhOver16A",
    "Other3Ph",
    "Pan",
    "wInductive",
    "wResonant",
    "Undetermined",
    "Unknown",
]
"""OCPP's own words for connectors (2.0.1 Part 2 section 3.16)."""


class Reserve(Parameters, frozen=True):
    """Keep an EVSE, or any of the station, for a token until a time."""

    token: IdToken
    expires: Time
    kind: Kind = ""
    evse: Evse = 0
    connector: Connector = 0
    connector_type: ConnectorType | None = None
    group: Annotated[str, msgspec.Meta(max_length=255)] = ""
    id: Id = 0


def reserve(target: Target, wanted: Reserve) -> Plan:
    """Plan a ReserveNow. The reservation's id is in the result: it cancels the reservation."""
    number = wanted.id or target.number
    expires = stamp(wanted.expires)
    if target.modern:
        if wanted.connector:
            raise target.lacks("reservation of one connector", "its EVSE, or a connector_type")
        payload = given(
            id=number,
            expiryDateTime=expires,
            idToken=id_token(target, wanted.token, wanted.kind),
            evseId=wanted.evse or None,
            connectorType=wanted.connector_type,
            groupIdToken=id_token(target, wanted.group) if wanted.group else None,
        )
    else:
        if wanted.connector_type:
            raise target.lacks("reservation by the type of a connector", "the EVSE")
        payload = given(
            connectorId=old_connector(target, wanted.evse, wanted.connector),
            expiryDate=expires,
            idTag=id_tag(target, wanted.token),
            parentIdTag=id_tag(target, wanted.group),
            reservationId=number,
        )
    follow = Follow(("ReservationStatusUpdate",), number) if target.modern else None
    return Step("ReserveNow", payload, lambda fields: by_status(fields, {"reservation": number}, follow))


class CancelReservation(Parameters, frozen=True):
    """Give up a reservation."""

    id: Id


def cancel_reservation(target: Target, wanted: CancelReservation) -> Plan:
    """Plan a CancelReservation."""
    return Step("CancelReservation", {"reservationId": wanted.id})


class Cost(Parameters, frozen=True):
    """Tell the station what a running transaction has cost so far, in the currency's own unit."""

    transaction: Transaction
    total: Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]


def cost(target: Target, wanted: Cost) -> Plan:
    """Plan a CostUpdated."""
    return Step("CostUpdated", {"totalCost": wanted.total, "transactionId": wanted.transaction}, taken())
