"""What stations say of their connectors, in the words of 1.6 whatever they speak: an event when it has changed.

What 1.2, 1.5 and 2.x call Occupied is told apart by what is known of the transaction, and an error of 2.x, which comes
apart from the status, is told with it. Nothing here decides about a call; whatever it holds, nothing is raised.
Source: OCPP 1.6 sections 4.9 and 7.6 to 7.8; 2.x Part 2 G01 (statuses), N07 (NotifyEvent), E (charging states).
"""

from __future__ import annotations

from typing import Any

from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.ids import connector_of, integer, plain_fields, transaction_of
from voltgate.ocpp.messages import Call, Respond
from voltgate.relay.context import Context
from voltgate.relay.events import StatusChanged
from voltgate.relay.learnt import NO_ERROR, STATION, Charging, Place, Said
from voltgate.relay.policies import by_number, clocks, transactions_2x, transactions_16

_WORDS = {
    word: word
    for word in """
    Available Preparing Charging SuspendedEVSE SuspendedEV Finishing Reserved Unavailable Faulted Occupied
    """.split()
}
_BUSY = frozenset({"Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing"})
"""What is called Occupied elsewhere."""
_STARTED = frozenset({"Charging", "SuspendedEVSE", "SuspendedEV"})
_OPEN = _BUSY | {"", "Available", "Reserved"}
"""Statuses that a transaction changes."""
_NOTHING = Said()
_LONGEST = 255
"""Characters of a text that a station has said, as far as it is told."""


def status(context: Context, call: Call, respond: Respond) -> None:
    """Have a StatusNotification answered, and tell what it says."""
    by_number.of_connector(context, call, respond)
    fields = plain_fields(call)
    if is_modern(context.version):
        place = place_of(fields.get("evseId"), fields.get("connectorId"))
        tell_status(context, place, fields.get("connectorStatus"))
    elif word := _WORDS.get(_text(fields.get("status"))):
        place = (None, integer(fields.get("connectorId")) or 0)
        error = _text(fields.get("errorCode")) or NO_ERROR
        said = Said(_busy(context, place, word), error, _text(fields.get("vendorErrorCode")))
        tell(context, place, said, fields.get("info"))
    clocks.look(context, fields.get("timestamp"))


def tell_status(context: Context, place: Place, word: Any) -> None:
    """Tell the status of a connector of 2.x, with the error that was reported of it before."""
    known = _WORDS.get(word) if isinstance(word, str) else None
    if known is not None:
        tell_as(context, place, _busy(context, place, known))


def tell_as(context: Context, place: Place, status: str) -> None:
    """Tell the status of a connector: all else is as before."""
    said = said_of(context, place)
    if status != said.status:
        tell(context, place, said._replace(status=status))


def said_of(context: Context, place: Place) -> Said:
    """Return what was said of a connector last."""
    return context.learnt.said.get(place, _NOTHING)


def tell(context: Context, place: Place, said: Said, info: Any = None) -> None:
    """Tell what a station has said of a connector, if it is something else than before."""
    before = said_of(context, place)
    if context.learnt.changes(place, said):
        evse, connector = place
        error, vendors = said.error_code, said.vendor_error_code
        cleared = error == NO_ERROR != before.error_code
        context.emit(StatusChanged(context.station, evse, connector, said.status, error, _text(info), vendors, cleared))


def _busy(context: Context, place: Place, word: str) -> str:
    """Return what Occupied means at a connector; any other word means itself."""
    if word != "Occupied":
        return word
    now = said_of(context, place).status
    if now in _BUSY:
        return now
    if is_modern(context.version):
        words = [each.word for each in context.learnt.charging.values() if each.place == place and each.word]
        return words[-1] if words else "Preparing"
    context.learnt.vague = True
    return "Preparing" if context.ledger.on(place[1]) is None else "Charging"


# 1.2 and 1.5: what they do not say of a transaction, as they know no more than Occupied. SOAP brings that as Preparing
# or Charging already.


def start(context: Context, call: Call, respond: Respond) -> None:
    """Have a StartTransaction answered; the connector charges from now on."""
    transactions_16.start(context, call, respond)
    if context.learnt.vague:
        _goes_on(context, connector_of(context.version, call), "Preparing", "Charging")


def stop(context: Context, call: Call, respond: Respond) -> None:
    """Have a StopTransaction answered; the connector charges no more."""
    tx = context.ledger.find(str(integer(call.fields.get("transactionId")))) if context.learnt.vague else None
    transactions_16.stop(context, call, respond)
    if tx is not None:
        _goes_on(context, tx.connector, "Charging", "Finishing")


def _goes_on(context: Context, connector: int | None, now: str, then: str) -> None:
    place = (None, connector or 0)
    if said_of(context, place).status == now:
        tell_as(context, place, then)


# 2.x: what a transaction says of its connector.


def transaction_event(context: Context, call: Call, respond: Respond) -> None:
    """Have a TransactionEvent answered, and tell what it says of the connector, unless that was long ago."""
    name = transaction_of(context.version, call)
    transactions_2x.event(context, name, call, respond)
    fields = plain_fields(call)
    info, is_update = fields.get("transactionInfo"), fields.get("eventType") == "Updated"
    state = info.get("chargingState") if isinstance(info, dict) else None
    if (is_update and state is None) or fields.get("offline") is True:
        return  # most of them are meter values
    if isinstance(name, str):
        before = context.learnt.charging.get(name)
        if before is None or before.state != state or not is_update:
            _charge(context, call, name, state if isinstance(state, str) else "", before)
    if not is_update:
        clocks.look(context, fields.get("timestamp"))


def _charge(context: Context, call: Call, name: str, state: str, before: Charging | None) -> None:
    """Take note of the state of a transaction ("": it says none), and tell what it makes of a status."""
    place = _place_of(context, call, name) if before is None else before.place
    if place is None:
        return
    said = said_of(context, place)
    if plain_fields(call).get("eventType") == "Ended":
        context.learnt.charging.pop(name, None)
        if said.status in _BUSY:
            tell_as(context, place, "Finishing")
        return
    has_charged = before is not None and before.has_charged
    word = _charging(state, has_charged=has_charged)
    context.learnt.charges(name, Charging(place, state, word, has_charged or word in _STARTED))
    if word and said.status in _OPEN:
        tell_as(context, place, word)


def _place_of(context: Context, call: Call, name: str) -> Place | None:
    """Return where a transaction is: it says so once, and the ledger knows it for one that began before."""
    evse = connector_of(context.version, call)
    if evse is not None:
        return place_of(evse, _table(plain_fields(call), "evse").get("connectorId"))
    tx = context.ledger.find(name)
    return place_of(tx.connector, None) if tx is not None and tx.connector else None


def _charging(state: str, *, has_charged: bool) -> str:
    """Return a charging state of 2.x as a status of 1.6; "" for none."""
    match state:
        case "EVConnected":
            return "SuspendedEVSE" if has_charged else "Preparing"
        case "Idle":
            return "Finishing" if has_charged else "Preparing"
        case "Charging" | "SuspendedEV" | "SuspendedEVSE":
            return state
        case _:
            return ""


# Values, whatever they are.


def _text(value: Any) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _table(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def place_of(evse: Any, connector: Any) -> Place:
    """Return a connector of 2.x: the first one of its EVSE, if only that is named."""
    number = integer(evse)
    return (number, integer(connector) or 1) if number else STATION
