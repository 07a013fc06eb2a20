"""Commands: what a backend asks of a station, judged by its permit and put into the station's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from voltgate.ocpp.actions import SIGNED, plain_action
from voltgate.ocpp.ids import connector_of, is_ambiguous, plain_fields, remote_start_of, token_of, with_fields
from voltgate.ocpp.messages import SEND, Call, Reply, Respond, Result
from voltgate.ocpp.refusals import refusal
from voltgate.relay.book import Invitation, Transaction
from voltgate.relay.permit import Absorb, Part, Permit, Refuse, concerns_limit, overlay, profile_fault

if TYPE_CHECKING:
    from voltgate.relay.ledger import Ledger
    from voltgate.relay.leg import Leg

Path = tuple[str, ...]

_MOST_PRIVATE, _LONGEST = 100, 1000
"""Keys that are kept private for one backend at one station, and characters of a key or a value."""

_BEGIN = {
    "RemoteStartTransaction",
    "RequestStartTransaction",
}

_TRANSACTION: dict[str, Path] = {
    "RemoteStopTransaction": ("transactionId",),
    "RequestStopTransaction": ("transactionId",),
    "CostUpdated": ("transactionId",),
    "GetTransactionStatus": ("transactionId",),
    "ChangeTransactionTariff": ("transactionId",),
    "NotifyAllowedEnergyTransfer": ("transactionId",),
    "UsePriorityCharging": ("transactionId",),
}
"""Where a command names a transaction that must be the backend's own."""

_MINTED: dict[str, tuple[tuple[str, Path], ...]] = {
    "ReserveNow": (("reservation", ("reservationId",)), ("reservation", ("id",))),
    "RequestStartTransaction": (("remote_start", ("remoteStartId",)), ("profile", ("chargingProfile", "id"))),
    "RemoteStartTransaction": (("profile", ("chargingProfile", "chargingProfileId")),),
    "SetChargingProfile": (
        ("profile", ("csChargingProfiles", "chargingProfileId")),
        ("profile", ("chargingProfile", "id")),
    ),
    "SetDisplayMessage": (("display", ("message", "id")),),
    **dict.fromkeys(
        (
            "CustomerInformation",
            "GetBaseReport",
            "GetChargingProfiles",
            "GetDERControl",
            "GetDisplayMessages",
            "GetLog",
            "GetMonitoringReport",
            "GetReport",
            "PublishFirmware",
            "SignedUpdateFirmware",
            "UpdateFirmware",
        ),
        (("request", ("requestId",)),),
    ),
}
"""Where a command brings a number that its backend minted."""

_NAMED: dict[str, tuple[tuple[str, Path], ...]] = {
    "CancelReservation": (("reservation", ("reservationId",)),),
    "ClearChargingProfile": (("profile", ("id",)), ("profile", ("chargingProfileId",))),
    "ClearDisplayMessage": (("display", ("id",)),),
    "UpdateDynamicSchedule": (("profile", ("chargingProfileId",)),),
}
"""Where a command names a number that the same backend minted before."""


def command(ledger: Ledger, leg: Leg, call: Call, respond: Respond) -> None:
    """Pass a backend's call on to the station as far as its permit goes."""
    permit = ledger.permit(leg)
    match permit.judge(ledger.version, call):
        case Refuse(reply=reply, why=why):
            _refuse(ledger, leg, call, respond, reply, why)
        case Absorb(reply=reply, keys=keys):
            _keep_private(ledger, leg, keys)
            ledger.audit(leg, call, "absorbed", reply, f"kept private: {', '.join(sorted(keys))}")
            respond(reply)
        case Part(call=part, merge=merge, keys=keys, why=why):
            _keep_private(ledger, leg, keys)
            _pass(ledger, leg, permit, part, lambda reply: respond(merge(reply)), why)
        case _:
            _pass(ledger, leg, permit, call, respond)


def _keep_private(ledger: Ledger, leg: Leg, keys: Mapping[str, str]) -> None:
    """Remember what a backend believes that it has set."""
    private = dict(ledger.book.fact(f"private:{leg.name}") or {})
    for key, value in keys.items():
        private.pop(key, None)
        private[key[:_LONGEST]] = value[:_LONGEST]
    ledger.book.note(f"private:{leg.name}", dict(list(private.items())[-_MOST_PRIVATE:]))


def _refuse(ledger: Ledger, leg: Leg, call: Call, respond: Respond, reply: Reply, why: str) -> None:
    ledger.audit(leg, call, "refused", reply, why)
    respond(reply)


def _pass(ledger: Ledger, leg: Leg, permit: Permit, call: Call, respond: Respond, why: str = "") -> None:
    """Send a command that the permit allows, unless it touches what is another backend's."""
    objection = _objection(ledger, leg, permit, call)
    if objection is not None:
        _refuse(ledger, leg, call, respond, refusal(ledger.version, call), objection)
        return
    translation = _translated(ledger, leg, call)
    if translation is None:
        _refuse(ledger, leg, call, respond, refusal(ledger.version, call), "it names a number of another backend")
        return
    changes, fresh = translation
    if changes and call.action.endswith(SIGNED):
        _refuse(ledger, leg, call, respond, refusal(ledger.version, call), "it is signed, and its numbers are taken")
        return
    sent = _changed(call, changes)
    invitation = _invite(ledger, leg, sent)
    home = partial(_replied, ledger, leg, call, invitation, why, respond)
    if call.kind == SEND:
        ledger.session.turns.ask(sent, respond)
    elif invitation is None and not fresh:
        ledger.session.turns.ask(sent, home)
    else:
        _once_written(ledger, leg, sent, home)


def _changed(call: Call, changes: dict[Path, object]) -> Call:
    if not changes:
        return call
    sent = Call(call.id, call.action, with_fields(call.payload, changes), None, call.kind)
    sent.at, sent.deadline, sent.asker = call.at, call.deadline, call.asker
    return sent


def _once_written(ledger: Ledger, leg: Leg, call: Call, home: Respond) -> None:
    """Send a command once it is on disk whose it is; later ones of the same backend wait behind it."""

    def done(written: bool) -> None:
        if written:
            ledger.session.turns.ask(call, home)
        else:
            home(refusal(ledger.version, call))
        leg.let_pass()

    leg.hold_back()
    ledger.book.store.after(done)


def _invite(ledger: Ledger, leg: Leg, call: Call) -> Invitation | None:
    """Expect the session that a remote start will cause."""
    if plain_action(call.action) not in _BEGIN or ledger.alone:
        return None
    seconds = ledger.session.settings.ledger.invitation
    version = ledger.version
    return ledger.book.invite(
        leg.name, token_of(version, call), seconds, connector_of(version, call), remote_start_of(version, call)
    )


def _replied(
    ledger: Ledger, leg: Leg, call: Call, invitation: Invitation | None, why: str, respond: Respond, reply: Reply
) -> None:
    """Bring the station's answer home."""
    status = reply.fields.get("status") if isinstance(reply, Result) else None
    if invitation is not None and status == "Rejected":
        ledger.book.disinvite(invitation)
    private = ledger.book.fact(f"private:{leg.name}")
    if private:
        reply = overlay(ledger.version, call, reply, private)
    ledger.audited(leg, call, why, respond, reply)


# What touches another backend.


def _objection(ledger: Ledger, leg: Leg, permit: Permit, call: Call) -> str | None:
    """Say why a command must not pass although the backend may ask such things; None when it may."""
    fault = profile_fault(ledger.version, call)
    if fault is not None or ledger.alone:
        return fault
    if is_ambiguous(call):
        return "a name stands twice in it"
    if permit.stop == "any":
        return None
    others = [tx for tx in ledger.book.running.values() if tx.owner != leg.name]
    if any(_would_end(ledger, call, tx) for tx in others):
        return "a transaction of another backend would end"
    return _of_another(ledger, leg, call) or _limits(ledger, leg, permit, call)


def _would_end(ledger: Ledger, call: Call, tx: Transaction) -> bool:
    """Tell whether a command may end a transaction that runs (1.6 5.2, 5.14, 5.18; 2.x Part 2 B12, F05, G03)."""
    fields = plain_fields(call)
    match plain_action(call.action):
        case "Reset":
            ends = fields.get("type") != "OnIdle"
        case "UnlockConnector":
            ends = True
        case "ChangeAvailability":
            ends = "Inoperative" in (fields.get("type"), fields.get("operationalStatus"))
        case _:
            return False
    connector = connector_of(ledger.version, call)
    return ends and (not connector or tx.connector in (None, connector))


def _of_another(ledger: Ledger, leg: Leg, call: Call) -> str | None:
    """Say whose transaction a command names, when it is not the backend's own."""
    named = _named_transaction(call)
    if named is None:
        return None
    tx = _transaction(ledger, leg, named)
    if tx is None:
        return None if leg.name in ledger.session.plans.first.answer else "this backend has no such transaction"
    return None if tx.owner == leg.name else "the transaction belongs to another backend"


def _named_transaction(call: Call) -> Any:
    fields = plain_fields(call)
    action = plain_action(call.action)
    if action in _TRANSACTION:
        return fields.get("transactionId")
    for name in ("csChargingProfiles", "chargingProfile"):
        profile = fields.get(name)
        if action == "SetChargingProfile" and isinstance(profile, dict):
            return profile.get("transactionId")
    return None


def _transaction(ledger: Ledger, leg: Leg, named: Any) -> Transaction | None:
    """Find a transaction by what a backend calls it: its own number in 1.6, the station's name in 2.x."""
    if isinstance(named, str):
        return ledger.book.find(named)
    if isinstance(named, int) and not isinstance(named, bool):
        return ledger.book.known_to(leg.name, named)
    return None


def _limits(ledger: Ledger, leg: Leg, permit: Permit, call: Call) -> str | None:
    """Leave the limits at a connector to the owner of its transaction, else to whoever may set limits."""
    limit = concerns_limit(ledger.version, call)
    if limit is None or permit.limit or limit.transaction is not None:
        return None
    tx = ledger.book.on(limit.connector) if limit.connector else None
    if tx is not None and tx.owner == leg.name:
        return None
    return "only the owner of the transaction, or a backend whose permit allows limit, sets limits here"


# Numbers.


def _translated(ledger: Ledger, leg: Leg, call: Call) -> tuple[dict[Path, object], bool] | None:
    """Put a backend's numbers into the station's, and tell whether one is new; None when it never gave one it names."""
    changes = _transaction_number(ledger, leg, call)
    if changes is None:
        return None
    if ledger.alone:
        return changes, False
    action, fields = plain_action(call.action), plain_fields(call)
    fresh = False
    for kind, path in _MINTED.get(action, ()):
        theirs = _at(fields, path)
        if theirs is not None:
            number, new = ledger.book.numbers.outward(kind, leg.name, theirs)
            changes |= {path: number} if number != theirs else {}
            fresh = fresh or new
    for kind, path in _NAMED.get(action, ()):
        theirs = _at(fields, path)
        if theirs is not None:
            known = ledger.book.numbers.known(kind, leg.name, theirs)
            if known is None:
                return None
            changes |= {path: known} if known != theirs else {}
    return changes, fresh


def _transaction_number(ledger: Ledger, leg: Leg, call: Call) -> dict[Path, object] | None:
    """Put the number of a transaction into the station's (1.6)."""
    named = _named_transaction(call)
    if not isinstance(named, int):
        return {}
    path = _TRANSACTION.get(plain_action(call.action), ("csChargingProfiles", "transactionId"))
    tx = _transaction(ledger, leg, named)
    if tx is not None:
        return {path: int(tx.id)} if tx.id and tx.id != str(named) else {}
    return {} if ledger.book.find(str(named)) is None else None


def _at(fields: Any, path: Path) -> int | None:
    for step in path:
        fields = fields.get(step) if isinstance(fields, dict) else None
    return fields if isinstance(fields, int) and not isinstance(fields, bool) else None
